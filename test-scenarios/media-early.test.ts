import assert from 'node:assert/strict';
import { MediaKit } from './media-kit.ts';

describe('media: what is sent before the answer', () => {
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start()));
  after(() => kit.close());
  afterEach(() => kit.hangUp());

  it('S0-16 is heard by who offered, and heard in turn, in the one stream that goes on with the answer', async () => {
    const [c, a] = [await kit.phone({ name: 'c' }), await kit.phone({ name: 'a' })];
    const sides = { 'call-id': 'early', 'from-tag': 'c', 'via-branch': 'va' };
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp() });
    a.start(forA);
    await c.hears(5, 'a');
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    c.start(forC);
    await Promise.all([c.hears(10, 'a'), a.hears(5, 'c')]);
    const heard = c.analyse();
    assert.deepEqual(
      [heard.ssrcChanges, heard.sequenceBreaks, heard.missing, heard.speakers],
      [0, 0, 0, ['a']],
      JSON.stringify(heard),
    );
    await kit.ok('delete', { 'call-id': 'early' });
  });

  it('of several only the first to speak is heard, and then who answers from its first packet on', async () => {
    const c = await kit.phone({ name: 'c' });
    const [a, b] = [await kit.phone({ name: 'a' }), await kit.phone({ name: 'b' })];
    const to = (branch: string) => ({ 'call-id': 'forked', 'from-tag': 'c', 'via-branch': branch });
    const forA = await kit.sdp('offer', { ...to('va'), sdp: c.sdp() });
    const forB = await kit.sdp('offer', { ...to('vb'), sdp: c.sdp() });
    a.start(forA);
    await c.hears(5, 'a');
    b.start(forB);
    await c.hears(10, 'a');
    const forC = await kit.sdp('answer', { ...to('vb'), 'to-tag': 'b', sdp: b.sdp() });
    c.start(forC);
    await Promise.all([c.hears(10, 'b'), b.hears(10, 'c')]);
    const heard = c.analyse();
    assert.deepEqual(
      [heard.ssrcChanges, heard.sequenceBreaks, heard.speakers],
      [0, 0, ['a', 'b']],
      JSON.stringify(heard),
    );
  });

  it('is not heard by who talks with somebody: not before the answer', async () => {
    const c = await kit.phone({ name: 'c' });
    const [a, b] = [await kit.phone({ name: 'a' }), await kit.phone({ name: 'b' })];
    await kit.call('talking', c, a);
    const to = { 'call-id': 'talking', 'from-tag': 'c', 'via-branch': 'vb' };
    b.start(await kit.sdp('offer', { ...to, sdp: c.sdp() }));
    await b.until(() => b.sent > 10, 'the new phone to speak');
    await c.hears(5, 'a');
    assert.deepEqual(c.analyse().speakers, ['a']);
    await kit.ok('answer', { ...to, 'to-tag': 'b', sdp: b.sdp() });
    await c.hears(5, 'b');
    assert.deepEqual(c.analyse().speakers, ['a', 'b']);
  });

  it('is held back where a command asks for that, and RTP bleed: a stranger is out with the answer', async () => {
    const [c, a] = [await kit.phone({ name: 'c' }), await kit.phone({ name: 'a' })];
    const quiet = { 'call-id': 'quiet', 'from-tag': 'c', 'via-branch': 'va' };
    const forA = await kit.sdp('offer', { ...quiet, 'early-media': 'no', sdp: c.sdp() });
    a.start(forA);
    await a.until(() => a.sent > 10, 'the called phone to speak');
    assert.equal(c.packets.length, 0);
    await kit.ok('delete', { 'call-id': 'quiet' });

    const stranger = await kit.phone({ name: 'x' });
    const sides = { 'call-id': 'bleed', 'from-tag': 'c', 'via-branch': 'va' };
    const forPhone = await kit.sdp('offer', { ...sides, sdp: c.sdp() });
    stranger.start(forPhone);
    await c.hears(3, 'x');
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    a.stop();
    a.start(forPhone);
    c.start(forC);
    await Promise.all([c.hears(5, 'a'), a.hears(5, 'c')]);
    const before = c.packets.length;
    await c.hears(10, 'a');
    assert.deepEqual(c.analyse(before).speakers, ['a']);
  });
});
