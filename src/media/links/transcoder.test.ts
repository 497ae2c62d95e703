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
import { Transcoder, type TranscoderOptions } from './transcoder.ts';

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
async function ready(from: SdpCodec, to: SdpCodec, options?: TranscoderOptions): Promise<Transcoder> {
  const transcoder = new Transcoder(from, to, options);
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

  for (const to of codecs)
    it(`packs 20 ms of PCMU into 40 ms of ${to.name}, numbered in a row, a tone stays a tone`, async () => {
      const transcoder = await ready(codecs[0]!, to, { frameMs: 40 });
      const out: Buffer[] = [];
      for (const packet of await tonePackets(codecs[0]!, 25))
        transcoder.push(packet, 0, (made) => out.push(made));
      assert.equal(out.length, 12);
      for (const [i, packet] of out.entries()) {
        const rtp = parseRtp(packet)!;
        assert.equal(rtp.sequence, (65_530 + i) & 0xffff);
        assert.equal(rtp.timestamp, (i * to.clockRate) / 25);
        assert.equal(rtp.marker, i === 0);
      }
      assert.ok((await toneShare(to, out)) > 0.9, String(await toneShare(to, out)));
      transcoder.free();
    });

  it('keeps the packets that come before the codecs are loaded, and no more after it was freed', async () => {
    const packets = await tonePackets(codecs[0]!, 3);
    const fresh = new Transcoder(codecs[0]!, codecs[1]!);
    const gone = new Transcoder(codecs[0]!, codecs[1]!);
    const sequences: number[] = [];
    const emit = (made: Buffer) => sequences.push(parseRtp(made)!.sequence);
    for (const packet of packets) {
      fresh.push(packet, 0, emit);
      gone.push(packet, 0, emit);
    }
    assert.deepEqual(sequences, []);
    gone.free();
    await Promise.all([fresh.ready, gone.ready]);
    assert.deepEqual(sequences, [65_530, 65_531, 65_532]);
    fresh.free();
  });

  it('packs anew: what waits is left out at a pause, and a loss is concealed in its place', async () => {
    const transcoder = await ready(codecs[0]!, codecs[0]!, { frameMs: 30 });
    const packets = await tonePackets(codecs[0]!, 60);
    const places: [number, number][] = [];
    const push = (n: number, lost = 0) =>
      transcoder.push(packets[n]!, lost, (made) => {
        const rtp = parseRtp(made)!;
        places.push([sequenceAhead(65_530, rtp.sequence), rtp.timestamp]);
      });
    push(0);
    push(1); // 30 ms are sent, 10 wait
    push(4, 2); // 10 + 40 concealed + 20
    assert.deepEqual(places.splice(0), [
      [0, 0],
      [1, 240],
      [2, 480],
    ]);
    push(5); // 10 + 20
    push(6); // 20 wait
    push(50); // a pause, as of a digit
    push(51);
    assert.deepEqual(places, [
      [3, 720],
      [4, 50 * 160],
    ]);
    transcoder.free();
  });

  it('RFC 3389 sends a description of the noise in place of silence, and marks the sound after it', async () => {
    const transcoder = await ready(codecs[1]!, codecs[0]!, { comfortNoise: 13 });
    const packets = (await tonePackets(codecs[1]!, 40)).map((packet, n) => {
      if (n >= 5 && n < 35) packet.fill(0xd5, 12);
      return packet;
    });
    const out: Buffer[] = [];
    for (const packet of packets) transcoder.push(packet, 0, (made) => out.push(made));
    const heard = out.map((packet) => parseRtp(packet)!);
    assert.deepEqual(
      heard.map((rtp) => rtp.sequence),
      heard.map((_, n) => (65_530 + n) & 0xffff),
    );
    const noise = heard.filter((rtp) => rtp.payloadType === 13);
    assert.ok(noise.length >= 1 && noise.length <= 3, String(noise.length));
    for (const rtp of noise) {
      assert.equal(rtp.payload.length, 1);
      assert.ok(rtp.payload[0]! > 60, String(rtp.payload[0]));
    }
    const again = heard[heard.findLastIndex((rtp) => rtp.payloadType === 13) + 1]!;
    assert.deepEqual([again.payloadType, again.marker, again.timestamp], [0, true, 35 * 160]);
    assert.equal(heard.at(-1)!.timestamp, 39 * 160);
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
