import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as fc from 'fast-check';
import { goertzelPower, meanSquare, parseTone, parseTonePlan, ToneGenerator, TONE_NAMES } from './index.ts';

const play = (text: string, ms: number, sampleRate = 8000) => {
  const generator = new ToneGenerator(parseTone(text)!, sampleRate);
  const frame = new Int16Array(sampleRate / 50);
  const pcm = new Int16Array((ms * sampleRate) / 1000);
  for (let at = 0; at < pcm.length; at += frame.length) {
    generator.next(frame);
    pcm.set(frame.subarray(0, pcm.length - at), at);
  }
  return { pcm, generator };
};
const level = (pcm: Int16Array, from: number, count: number) =>
  10 * Math.log10(meanSquare(pcm, from, count) / ((32_767 * 10 ** (-3.17 / 20)) ** 2 / 2));

describe('tones', () => {
  it('plays both sines at -13 dBm0 each', () => {
    const { pcm } = play('350+440', 1000);
    const power = meanSquare(pcm, 0, 8000);
    for (const hz of [350, 440]) {
      const share = goertzelPower(pcm, { from: 0, count: 8000 }, hz, 8000) / power;
      assert.ok(Math.abs(share - 0.5) < 0.02, `${hz} Hz has ${share}`);
    }
    assert.ok(Math.abs(level(pcm, 0, 8000) + 10) < 0.1);
  });

  it('keeps the rhythm, over frames of any size and at any rate', () => {
    for (const rate of [8000, 16_000, 48_000]) {
      const { pcm } = play('425/480 0/480', 2000, rate);
      const at = (ms: number) => meanSquare(pcm, (ms * rate) / 1000, rate / 100);
      for (const ms of [5, 240, 470, 965, 1200, 1430]) assert.ok(at(ms - 3) > 1e5, `silent at ${ms} ms`);
      for (const ms of [480, 700, 950, 1440, 1900]) assert.equal(at(ms), 0, `sounds at ${ms} ms`);
    }
  });

  it('plays what is marked once, then ends, and fills up with silence', () => {
    const { pcm, generator } = play('!1400/30 !0/10 !1800/30', 80);
    assert.ok(generator.done);
    assert.equal(generator.next(new Int16Array(160)), false);
    assert.ok(meanSquare(pcm, 0, 240) > 1e5);
    assert.equal(meanSquare(pcm, 240, 80), 0);
    assert.ok(meanSquare(pcm, 320, 240) > 1e5);
    assert.equal(meanSquare(pcm, 560, 80), 0);
  });

  it('plays what is marked once, then the rest over and over', () => {
    const { pcm } = play('!1400/20 0/20 400/20', 200);
    const sounds = Array.from({ length: 10 }, (_, i) => meanSquare(pcm, i * 160, 160) > 1e5);
    assert.deepEqual(sounds, [true, false, true, false, true, false, true, false, true, false]);
    assert.ok(goertzelPower(pcm, { from: 320, count: 160 }, 400, 8000) > 1e5);
    assert.ok(goertzelPower(pcm, { from: 320, count: 160 }, 1400, 8000) < 1e4);
  });

  it('does not click: no step larger than the sine takes', () => {
    const { pcm } = play('440/100 0/100', 1000);
    const largest = 2 * Math.PI * (440 / 8000) * 5100;
    for (let i = 1; i < pcm.length; i += 1) assert.ok(Math.abs(pcm[i]! - pcm[i - 1]!) < largest * 1.2);
    assert.ok(Math.abs(pcm[799]!) < 400);
  });

  for (const text of [
    '',
    'x',
    '440/',
    '440/0',
    '440+/100',
    '5000',
    '440/100 !1/1',
    '1+2+3+4+5',
    '440/99999999',
    '1 '.repeat(40),
  ])
    it(`refuses "${text.slice(0, 20)}"`, () => assert.equal(parseTone(text), undefined));

  it('never throws', () => fc.assert(fc.property(fc.string(), (text) => void parseTone(text))));
});

describe('config/tones', () => {
  const folder = resolve(import.meta.dirname, '../../config/tones');
  const files = readdirSync(folder).filter((f) => f.endsWith('.json'));
  const read = (file: string): unknown => JSON.parse(readFileSync(resolve(folder, file), 'utf8'));

  it('has plans', () => assert.ok(files.length >= 10));
  for (const file of files)
    it(`${file} is a plan with every tone`, () => {
      const plan = parseTonePlan(read(file));
      assert.ok(typeof plan !== 'string', JSON.stringify(plan));
      assert.equal(`${plan.country}.json`, file);
      assert.deepEqual(Object.keys(plan.tones), [...TONE_NAMES]);
      for (const name of ['confirm', 'error'] as const) assert.deepEqual(plan.tones[name].repeat, []);
      assert.ok(plan.tones.ringback.repeat.length > 0);
    });

  it('says what is wrong with a plan', () => {
    assert.equal(parseTonePlan(null), 'a tone plan is an object');
    assert.equal(parseTonePlan({}), 'country is missing');
    assert.equal(parseTonePlan({ country: 'xx' }), 'tones is missing');
    assert.equal(parseTonePlan({ country: 'xx', level: 3 }), 'level is 0 to -60 dBm0');
    assert.equal(parseTonePlan({ country: 'xx', tones: { dial: '1' } }), 'tones.messages is no tone');
  });
});
