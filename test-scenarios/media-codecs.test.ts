import assert from 'node:assert/strict';
import { MediaKit } from './media-kit.ts';

const ptimes = (sdp: string) => [...sdp.matchAll(/^a=ptime:(\d+)/gm)].map((match) => Number(match[1]));

describe('media: packets and codecs that a command asks for', () => {
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start()));
  after(() => kit.close());
  afterEach(() => kit.hangUp());

  it('S1-16 ptime: packets of 20 ms arrive as packets of 40 ms and the other way round, and so do digits', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a', ptime: 40 });
    c.tone = [700];
    a.tone = [1100];
    const sides = { 'call-id': 'ptime', 'from-tag': 'c', 'via-branch': 'b' };
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp(), ptime: 40, 'ptime-reverse': 20 });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    assert.deepEqual([ptimes(forA), ptimes(forC)], [[40], [20]]);
    c.start(forC);
    a.start(forA);
    await a.until(() => a.packets.length > 20 && a.toneShare(700) > 0.9, 'the caller');
    await c.until(() => c.packets.length > 20 && c.toneShare(1100) > 0.9, 'the called phone');
    assert.deepEqual([...new Set(a.packets.map((p) => p.payload.length))], [320]);
    assert.deepEqual([...new Set(c.packets.map((p) => p.payload.length))], [160]);
    for (const heard of [a.analyse(), c.analyse()])
      assert.deepEqual([heard.ssrcChanges, heard.sequenceBreaks], [0, 0], JSON.stringify(heard));
    await c.press('5');
    await a.until(() => a.digits === '5', 'the digit');
    const before = a.packets.length;
    await a.until(() => a.packets.length > before + 5, 'sound after the digit');
    assert.equal(a.analyse().sequenceBreaks, 0);
  });
});
