import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  canTranscode,
  codecSampleRate,
  createDecoder,
  createEncoder,
  goertzelPower,
  meanSquare,
} from './index.ts';

const codec = (text: string) => {
  const [name = '', clockRate = '8000', channels = '1'] = text.split('/');
  return { name, clockRate: Number(clockRate), channels: Number(channels) };
};
const sine = (hz: number, rate: number, ms: number, amplitude = 8000) =>
  Int16Array.from({ length: (rate * ms) / 1000 }, (_, i) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / rate)),
  );

/** Half a second of a sine through encoder and decoder in frames of 20 ms; every frame in `lost` is concealed. */
async function through(text: string, hz: number, lost: readonly number[] = [], wanted = 48_000) {
  const encoder = (await createEncoder(codec(text), wanted))!;
  const decoder = (await createDecoder(codec(text), wanted))!;
  const rate = encoder.sampleRate;
  assert.equal(decoder.sampleRate, rate);
  const input = sine(hz, rate, 500);
  const output = new Int16Array(input.length);
  const payload = Buffer.alloc(4000);
  const frame = rate / 50;
  const sizes: number[] = [];
  for (let n = 0; n < 25; n += 1) {
    const size = encoder.encode(input.subarray(n * frame, (n + 1) * frame), payload);
    const pcm = output.subarray(n * frame, (n + 1) * frame);
    sizes.push(size);
    if (lost.includes(n)) decoder.conceal(pcm);
    else assert.equal(decoder.decode(payload.subarray(0, size), pcm), frame);
  }
  encoder.free();
  decoder.free();
  return { rate, frame, sizes, output };
}

/** How pure the sine is in the second half, and how loud, 1 being as sent. */
function judge(output: Int16Array, hz: number, rate: number) {
  const span = { from: output.length / 2, count: output.length / 2 };
  const power = meanSquare(output, span.from, span.count);
  const tone = goertzelPower(output, span, hz, rate);
  return { purity: tone / power, gain: Math.sqrt((2 * power) / 8000 ** 2) };
}

describe('codecs', () => {
  for (const [text, size, purity] of [
    ['PCMU/8000', 160, 0.998],
    ['pcma/8000', 160, 0.998],
    ['G722/8000', 160, 0.998],
    ['L16/8000', 320, 0.999],
    ['L16/44100/2', 3528, 0.999],
  ] as const)
    for (const hz of [440, 3000])
      it(`${text} carries ${hz} Hz`, async () => {
        const { output, rate, sizes } = await through(text, hz);
        const heard = judge(output, hz, rate);
        assert.ok(heard.purity > purity, `purity ${heard.purity}`);
        assert.ok(Math.abs(heard.gain - 1) < 0.05, `gain ${heard.gain}`);
        assert.deepEqual(new Set(sizes), new Set([size]));
      });

  it('G722/8000 carries 6 kHz: it is wideband, whatever its clock says (RFC 3551 §4.5.2)', async () => {
    const { output, rate } = await through('G722/8000', 6000);
    assert.equal(rate, 16_000);
    assert.ok(judge(output, 6000, rate).purity > 0.9);
  });

  for (const rate of [8000, 16_000, 48_000])
    it(`opus/48000/2 carries 440 Hz as ${rate} Hz samples (RFC 7587)`, async () => {
      const heard = await through('opus/48000/2', 440, [], rate);
      assert.equal(heard.rate, rate);
      const { purity, gain } = judge(heard.output, 440, rate);
      assert.ok(purity > 0.97, `purity ${purity}`);
      assert.ok(Math.abs(gain - 1) < 0.25, `gain ${gain}`);
      assert.ok(heard.sizes.every((size) => size > 2 && size < 200));
    });

  for (const text of ['PCMU/8000', 'G722/8000', 'opus/48000/2'])
    it(`${text} conceals a lost packet: no hole`, async () => {
      const { output, rate, frame } = await through(text, 440, [15, 20]);
      for (const n of [15, 20]) {
        const power = meanSquare(output, n * frame, frame);
        assert.ok(power > 0.3 * meanSquare(output, (n - 1) * frame, frame), `packet ${n} is a hole`);
      }
      assert.ok(judge(output, 440, rate).purity > 0.85);
    });

  it('knows what it knows', async () => {
    assert.ok(canTranscode(codec('PCMU/8000')));
    for (const text of ['G729/8000', 'PCMU/16000', 'telephone-event/8000', 'L16/96000', 'constructor/1']) {
      assert.equal(canTranscode(codec(text)), false, text);
      assert.equal(await createDecoder(codec(text)), undefined);
      assert.equal(await createEncoder(codec(text)), undefined);
    }
    assert.equal(codecSampleRate(codec('OPUS/48000/2'), 16_000), 16_000);
    assert.equal(codecSampleRate(codec('OPUS/48000/2'), 44_100), 48_000);
  });

  for (const text of ['PCMU/8000', 'PCMA/8000', 'G722/8000', 'L16/16000/2', 'opus/48000/2'])
    it(`${text} takes any octets, and any frame to encode, without throwing`, async () => {
      const decoder = (await createDecoder(codec(text)))!;
      const encoder = (await createEncoder(codec(text)))!;
      const pcm = new Int16Array(1000);
      const payload = Buffer.alloc(500);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(1000), (bytes, samples) => {
          const count = decoder.decode(bytes, pcm);
          assert.ok(count >= 0 && count <= pcm.length);
          decoder.conceal(pcm.subarray(0, samples));
          const size = encoder.encode(pcm.subarray(0, samples), payload);
          assert.ok(size >= 0 && size <= payload.length);
        }),
        { numRuns: 300 },
      );
      decoder.free();
      encoder.free();
    });
});
