import assert from 'node:assert/strict';
import {
  buildRtp,
  createDecoder,
  createEncoder,
  goertzelPower,
  meanSquare,
  parseRtp,
  sequenceAhead,
  timestampAhead,
} from '../../rtp/index.ts';
import type { SdpCodec } from '../../sdp/index.ts';
import { Transcoder } from './transcoder.ts';

const codec = (payloadType: number, name: string, clockRate: number, channels = 1): SdpCodec => ({
  payloadType,
  name,
  clockRate,
  channels,
  parameters: undefined,
});
const codecs = [
  codec(0, 'PCMU', 8000),
  codec(8, 'PCMA', 8000),
  codec(9, 'G722', 8000),
  codec(97, 'L16', 16_000),
  codec(96, 'opus', 48_000, 2),
];
const TONE = 700;

/** Packets of 20 ms of a tone in a codec. */
async function tonePackets(of: SdpCodec, count: number): Promise<Buffer[]> {
  const encoder = (await createEncoder(of, 48_000))!;
  const samples = encoder.sampleRate / 50;
  const packets = Array.from({ length: count }, (_, n) => {
    const pcm = Int16Array.from({ length: samples }, (__, i) =>
      Math.round(8000 * Math.sin((2 * Math.PI * TONE * (n * samples + i)) / encoder.sampleRate)),
    );
    const payload = Buffer.alloc(2000);
    const length = encoder.encode(pcm, payload);
    const timestamp = (n * of.clockRate) / 50;
    const header = {
      marker: n === 0,
      payloadType: of.payloadType,
      sequence: (65_530 + n) & 0xffff,
      timestamp,
      ssrc: 5,
    };
    return buildRtp(header, payload.subarray(0, length));
  });
  encoder.free();
  return packets;
}

/** The share of the tone in the last 200 ms of what packets of a codec sound like. */
async function toneShare(of: SdpCodec, packets: readonly Buffer[]): Promise<number> {
  const decoder = (await createDecoder(of, 48_000))!;
  const pcm = new Int16Array(6000);
  const sound: number[] = [];
  for (const packet of packets) {
    const count = decoder.decode(parseRtp(packet)!.payload, pcm);
    sound.push(...pcm.subarray(0, count));
  }
  const last = Int16Array.from(sound.slice(-decoder.sampleRate / 5));
  const power = goertzelPower(last, { from: 0, count: last.length }, TONE, decoder.sampleRate);
  decoder.free();
  return power / meanSquare(last, 0, last.length);
}

/** A transcoder whose codecs are loaded. */
async function ready(from: SdpCodec, to: SdpCodec): Promise<Transcoder> {
  const transcoder = new Transcoder(from, to);
  await transcoder.ready;
  return transcoder;
}

describe('media: transcoding', () => {
  for (const from of codecs)
    for (const to of codecs)
      if (from !== to)
        it(`S1-16 ${from.name} to ${to.name}: one packet for one, a tone stays a tone`, async () => {
          const transcoder = await ready(from, to);
          const out: Buffer[] = [];
          for (const packet of await tonePackets(from, 25))
            transcoder.push(packet, 0, (made) => out.push(Buffer.from(made)));
          assert.equal(out.length, 25);
          for (const [i, packet] of out.entries()) {
            const rtp = parseRtp(packet)!;
            assert.equal(rtp.payloadType, to.payloadType);
            const before = out[i - 1];
            if (before === undefined) continue;
            assert.equal(sequenceAhead(parseRtp(before)!.sequence, rtp.sequence), 1);
            assert.equal(timestampAhead(parseRtp(before)!.timestamp, rtp.timestamp), to.clockRate / 50);
          }
          assert.ok((await toneShare(to, out)) > 0.9, String(await toneShare(to, out)));
          transcoder.free();
        });

  it('fills the places of packets that were lost, and no others; a late packet has no place any more', async () => {
    const transcoder = await ready(codecs[0]!, codecs[4]!);
    const packets = await tonePackets(codecs[0]!, 12);
    const sequences: number[] = [];
    const push = (n: number, lost: number) =>
      transcoder.push(packets[n]!, lost, (made) =>
        sequences.push(sequenceAhead(65_530, parseRtp(made)!.sequence)),
      );
    push(1, 0);
    push(4, 2);
    push(3, -1);
    // Digits were sent in between: their sequence numbers are not missing.
    push(7, 0);
    push(8, 0);
    assert.deepEqual(sequences, [1, 2, 3, 4, 7, 8]);
    transcoder.free();
    push(9, 0);
    assert.equal(sequences.length, 6);
  });
});
