import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  ComfortNoiseGenerator,
  comfortNoiseLevel,
  goertzelPower,
  meanSquare,
  PacketLossConcealer,
  Resampler,
} from './index.ts';

const sine = (hz: number, rate: number, count: number, from = 0) =>
  Int16Array.from({ length: count }, (_, i) =>
    Math.round(8000 * Math.sin((2 * Math.PI * hz * (i + from)) / rate)),
  );

describe('Resampler', () => {
  const run = (from: number, to: number, input: Int16Array, frame: number) => {
    const resampler = new Resampler(from, to);
    const made: number[] = [];
    for (let at = 0; at < input.length; at += frame) {
      const output = new Int16Array(resampler.capacity(frame));
      made.push(...output.subarray(0, resampler.process(input.subarray(at, at + frame), output)));
    }
    return Int16Array.from(made);
  };

  for (const [from, to] of [
    [8000, 16_000],
    [16_000, 8000],
    [8000, 48_000],
    [48_000, 8000],
    [16_000, 48_000],
    [48_000, 16_000],
    [44_100, 8000],
    [8000, 8000],
  ] as const) {
    it(`${from} to ${to}: as long, as loud, as pure`, () => {
      const output = run(from, to, sine(1000, from, from / 2), from / 50);
      assert.ok(Math.abs(output.length - to / 2) <= 1, `${output.length} samples`);
      const span = { from: to / 10, count: to / 5 };
      const tone = goertzelPower(output, span, 1000, to);
      assert.ok(tone / meanSquare(output, span.from, span.count) > 0.9999);
      assert.ok(Math.abs(tone / (8000 ** 2 / 2) - 1) < 0.01);
    });

    it(`${from} to ${to}: frames of any size make one stream`, () => {
      const input = sine(700, from, 2000);
      const whole = run(from, to, input, 2000);
      assert.deepEqual(run(from, to, input, 1), whole);
      assert.deepEqual(run(from, to, input, 333), whole);
    });
  }

  it('keeps out what the lower rate cannot hold', () => {
    const output = run(48_000, 8000, sine(6000, 48_000, 24_000), 960);
    assert.ok(meanSquare(output, 500, 3000) < 8000 ** 2 / 2 / 1e4);
    const up = run(8000, 48_000, sine(3000, 8000, 4000), 160);
    assert.ok(goertzelPower(up, { from: 4800, count: 9600 }, 5000, 48_000) < 8000 ** 2 / 2 / 1e4);
  });
});

describe('packet-loss concealment', () => {
  const FRAME = 160;
  const stream = (hz: number) => {
    const concealer = new PacketLossConcealer(8000);
    let n = 0;
    const good = () => {
      const pcm = sine(hz, 8000, FRAME, n++ * FRAME);
      concealer.good(pcm);
      return pcm;
    };
    const lost = () => {
      n += 1;
      const pcm = new Int16Array(FRAME);
      concealer.lost(pcm);
      return pcm;
    };
    return { good, lost };
  };

  for (const hz of [100, 220, 440, 1000])
    it(`goes on with ${hz} Hz, without a step at either end`, () => {
      const { good, lost } = stream(hz);
      for (let i = 0; i < 5; i += 1) good();
      const all = [...good(), ...lost(), ...good()];
      const span = { from: FRAME, count: FRAME };
      const power = meanSquare(Int16Array.from(all), span.from, span.count);
      assert.ok(goertzelPower(Int16Array.from(all), span, hz, 8000) > 0.6 * power);
      assert.ok(power > 0.5 * (8000 ** 2 / 2));
      const largest = 2 * Math.PI * (hz / 8000) * 8000;
      for (let i = 1; i < all.length; i += 1) {
        assert.ok(Math.abs(all[i]! - all[i - 1]!) < largest * 2.5 + 300, `a step at ${i}`);
      }
    });

  it('fades a long loss to silence, and comes back', () => {
    const { good, lost } = stream(440);
    for (let i = 0; i < 5; i += 1) good();
    const powers = Array.from({ length: 5 }, () => meanSquare(lost(), 0, FRAME));
    assert.ok(powers[0]! > powers[1]! && powers[1]! > powers[2]!);
    assert.equal(powers[4], 0);
    good();
    assert.ok(meanSquare(good(), 0, FRAME) > 3e7);
  });

  it('makes silence of silence, from the first packet on', () => {
    const pcm = new Int16Array(FRAME).fill(5);
    new PacketLossConcealer(8000).lost(pcm);
    assert.deepEqual(new Set(pcm), new Set([0]));
  });
});

describe('comfort noise (RFC 3389)', () => {
  const play = (...payload: number[]) => {
    const generator = new ComfortNoiseGenerator();
    generator.receive(Uint8Array.from(payload));
    const pcm = new Int16Array(8000);
    generator.next(pcm);
    return pcm;
  };

  for (const level of [30, 45, 60])
    it(`plays -${level} dBov`, () => assert.ok(Math.abs(comfortNoiseLevel(play(level)) - level) <= 1));

  it('shapes the noise: a coefficient below zero makes it low, above zero high; the level stays', () => {
    const share = (pcm: Int16Array) => {
      const band = (hz: number) =>
        Array.from({ length: 40 }, (_, i) =>
          goertzelPower(pcm, { from: i * 200, count: 200 }, hz, 8000),
        ).reduce((a, b) => a + b);
      return band(300) / band(3700);
    };
    assert.ok(share(play(40, 30)) > 10);
    assert.ok(share(play(40, 224)) < 0.1);
    assert.ok(Math.abs(comfortNoiseLevel(play(40, 30)) - 40) <= 2);
  });

  it('measures silence as 127', () => assert.equal(comfortNoiseLevel(new Int16Array(160)), 127));

  it('stays within bounds, whatever comes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (payload) => {
        for (const sample of play(...payload).subarray(0, 500)) assert.ok(Number.isFinite(sample));
      }),
    ));
});
