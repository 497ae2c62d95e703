import assert from 'node:assert/strict';
import { DtmfDetector, eventDigit } from './index.ts';

const FREQUENCIES: Record<string, readonly [number, number]> = Object.fromEntries(
  ['123A', '456B', '789C', '*0#D'].flatMap((keys, row) =>
    Array.from(keys).map(
      (key, column) => [key, [[697, 770, 852, 941][row]!, [1209, 1336, 1477, 1633][column]!]] as const,
    ),
  ),
);

/** A repeatable random number in [-1, 1). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

type Press = { low?: number; high?: number; ms?: number; pause?: number; shift?: number };

function dial(digits: string, rate = 8000, press: Press = {}): Int16Array {
  const { low = 5000, high = 5000, ms = 60, pause = 60, shift = 1 } = press;
  const on = Math.round((ms * rate) / 1000);
  const each = on + Math.round((pause * rate) / 1000);
  const pcm = new Int16Array(each * digits.length + rate / 10);
  for (const [d, digit] of Array.from(digits).entries()) {
    const [row, column] = FREQUENCIES[digit]!;
    for (let i = 0; i < on; i += 1) {
      const t = (2 * Math.PI * i * shift) / rate;
      pcm[d * each + i + 37] = low * Math.sin(row * t) + high * Math.sin(column * t);
    }
  }
  return pcm;
}

function hear(pcm: Int16Array, rate = 8000): { digits: string; durations: number[] } {
  let digits = '';
  const durations: number[] = [];
  const detector = new DtmfDetector(rate, {
    started: (event) => (digits += eventDigit(event)),
    ended: (_, duration) => durations.push(duration),
  });
  for (let at = 0; at < pcm.length; at += rate / 50) detector.receive(pcm.subarray(at, at + rate / 50));
  return { digits, durations };
}

function mix(pcm: Int16Array, other: (i: number) => number): Int16Array {
  return pcm.map((sample, i) => Math.max(-32_768, Math.min(32_767, Math.round(sample + other(i)))));
}

const ALL = '1234567890*#ABCD';

describe('in-band DTMF (ITU-T Q.23, Q.24)', () => {
  for (const rate of [8000, 16_000, 48_000])
    it(`hears all digits at ${rate} Hz`, () => assert.equal(hear(dial(ALL, rate), rate).digits, ALL));

  it('hears digits of 40 ms with pauses of 40 ms, wherever they fall into the blocks', () => {
    for (let offset = 0; offset < 102; offset += 7) {
      const pcm = dial(ALL, 8000, { ms: 43, pause: 43 });
      assert.equal(hear(pcm.subarray(offset)).digits.slice(1), ALL.slice(1), `offset ${offset}`);
    }
  });

  it('does not hear digits of 20 ms', () => assert.equal(hear(dial(ALL, 8000, { ms: 20 })).digits, ''));

  it('hears the same digit again, and how long each was', () => {
    const heard = hear(dial('99', 8000, { ms: 200, pause: 100 }));
    assert.equal(heard.digits, '99');
    for (const duration of heard.durations) assert.ok(Math.abs(duration - 200) <= 26, String(duration));
  });

  it('hears digits 1.5 % off, quiet, and with a twist of 3 dB', () => {
    assert.equal(hear(dial(ALL, 8000, { shift: 1.013 })).digits, ALL);
    assert.equal(hear(dial(ALL, 8000, { shift: 0.987 })).digits, ALL);
    assert.equal(hear(dial(ALL, 8000, { low: 400, high: 400 })).digits, ALL);
    assert.equal(hear(dial(ALL, 8000, { low: 5000, high: 3540 })).digits, ALL);
    assert.equal(hear(dial(ALL, 8000, { low: 3540, high: 5000 })).digits, ALL);
  });

  it('does not hear a twist of 12 dB', () =>
    assert.equal(hear(dial(ALL, 8000, { low: 5000, high: 1250 })).digits, ''));

  it('hears digits in noise 18 dB below', () => {
    const random = noise(7);
    // Two sines of 5000 have a power of 25e6; uniform noise of peak p has p²/3.
    const peak = Math.sqrt(3 * 25e6 * 10 ** -1.8);
    assert.equal(hear(mix(dial(ALL), () => peak * random())).digits, ALL);
  });

  it('hears nothing in a minute of noise, a tone, dial tone or music', () => {
    const random = noise(3);
    const silence = new Int16Array(8000 * 60);
    assert.equal(hear(mix(silence, () => 12_000 * random())).digits, '');
    for (const hz of [697, 770, 941, 1209, 1477, 1000])
      assert.equal(
        hear(mix(silence.subarray(0, 16_000), (i) => 9000 * Math.sin((2 * Math.PI * hz * i) / 8000))).digits,
        '',
      );
    const dialTone = (i: number) =>
      5000 * (Math.sin((2 * Math.PI * 350 * i) / 8000) + Math.sin((2 * Math.PI * 440 * i) / 8000));
    assert.equal(hear(mix(silence.subarray(0, 16_000), dialTone)).digits, '');
  });

  it('hears a digit at most once in five minutes of speech-like sound (voices that glide, with formants)', () => {
    const random = noise(11);
    const rate = 8000;
    let pitch = 120;
    let target = 120;
    let phase = 0;
    let formants = [500, 1500, 2500];
    const pcm = new Int16Array(rate * 300);
    for (let i = 0; i < pcm.length; i += 1) {
      if (i % 1200 === 0) {
        target = 80 + 120 * (random() + 1);
        formants = [250 + 350 * (random() + 1), 850 + 800 * (random() + 1), 2400 + 300 * random()];
      }
      pitch += (target - pitch) / 800;
      phase += (2 * Math.PI * pitch) / rate;
      let sample = 0;
      for (let h = 1; h * pitch < 3800; h += 1) {
        const gain = formants.reduce((sum, f) => sum + 1 / (1 + ((h * pitch - f) / 80) ** 2), 0.02);
        sample += gain * Math.sin(h * phase);
      }
      pcm[i] = Math.max(-32_768, Math.min(32_767, 4000 * sample + 100 * random()));
    }
    const { digits } = hear(pcm);
    assert.ok(digits.length <= 1, digits);
  }).timeout(60_000);
});
