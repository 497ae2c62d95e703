import assert from 'node:assert/strict';
import type { RtpEndpoint } from '../src/testing/index.ts';
import { MediaKit } from './media-kit.ts';

const LATCH = { flags: ['port-latching'] };

/** What S0-10, S0-16 and X4 ask of the stream that the far party receives. */
function assertSeamless(c: RtpEndpoint, speakers: readonly string[]): void {
  const heard = c.analyse();
  const story = JSON.stringify(heard);
  assert.deepEqual(heard.speakers, speakers, story);
  assert.equal(heard.ssrcChanges, 0, story);
  assert.equal(heard.sequenceBreaks, 0, story);
  assert.equal(heard.timestampBreaks, 0, story);
  assert.equal(heard.missing, 0, story);
  assert.equal(heard.doubled, 0, story);
  for (const sender of Object.values(heard.senders))
    assert.deepEqual([sender.lost, sender.doubled], [0, 0], story);
}

for (const io of ['auto', 'node'] as const)
  describe(`media: a live flip, as the far party receives it (media.io: ${io})`, () => {
    let kit: MediaKit;
    before(async () => (kit = await MediaKit.start({ io })));
    after(() => kit.close());
    afterEach(() => kit.hangUp());

    const phones = async () => {
      const c = await kit.phone({ name: 'c' });
      const a = await kit.phone({ name: 'a' });
      const b = await kit.phone({ name: 'b' });
      return { c, a, b };
    };

    it('S0-10 S0-16 M-07 push: a new branch is offered and answered, the old device talks until the new one does', async () => {
      const { c, a, b } = await phones();
      await kit.call('push', c, a);
      const branch = { 'call-id': 'push', 'from-tag': 'c', 'via-branch': 'vb', ...LATCH };
      const forB = await kit.sdp('offer', { ...branch, sdp: c.sdp() });
      await c.hears(5, 'a');
      await kit.sdp('answer', { ...branch, 'to-tag': 'b', sdp: b.sdp() });
      await Promise.all([b.hears(3, 'c'), a.hears(3, 'c'), c.hears(3, 'a')]);
      b.start(forB);
      await c.hears(20, 'b');
      assertSeamless(c, ['a', 'b']);
      assert.deepEqual(b.analyse().senders['c']?.lost, 0);
      const turn = await kit.event((e) => e.type === 'SOURCE' && e['callid'] === 'push', 'SOURCE');
      assert.deepEqual([turn['source_tag'], turn['heard_by'], turn['instead_of']], ['b', 'c', 'a']);
      assert.ok(Number(turn['gap_ms']) < 45, JSON.stringify(turn));
      await kit.ok('delete', { 'call-id': 'push', 'from-tag': 'a', 'delete-delay': 0 });
      await Promise.all([c.hears(5, 'b'), b.hears(5, 'c')]);
      assertSeamless(c, ['a', 'b']);
    });

    it('S0-10 M-07 pull on the recipe of rtpengine 10.5: the old side is re-offered in between, then deleted', async () => {
      const { c, a, b } = await phones();
      await kit.call('pull', c, a);
      const from = { 'call-id': 'pull', 'from-tag': 'c', ...LATCH };
      const forB = await kit.sdp('offer', { ...from, 'via-branch': 'vb', sdp: c.sdp() });
      const again = { ...from, 'to-tag': 'a', 'via-branch': 'branch-a' };
      await kit.sdp('offer', { ...again, sdp: c.sdp() });
      await kit.sdp('answer', { ...again, sdp: a.sdp() });
      await kit.sdp('answer', { ...from, 'to-tag': 'b', 'via-branch': 'vb', sdp: b.sdp() });
      await c.hears(3, 'a');
      b.start(forB);
      await c.hears(10, 'b');
      await kit.ok('delete', { 'call-id': 'pull', 'from-tag': 'a', 'delete-delay': 0 });
      await c.hears(5, 'b');
      assertSeamless(c, ['a', 'b']);
    });

    it('S0-10 publish and connect: the new device has its ports before it is heard', async () => {
      const { c, a, b } = await phones();
      await kit.call('connect', c, a);
      const forB = await kit.sdp('publish', {
        'call-id': 'connect',
        'from-tag': 'b',
        sdp: b.sdp(),
        flags: ['bidirectional', 'port-latching'],
      });
      assert.match(forB, /a=sendrecv/);
      b.start(forB);
      await c.hears(10, 'a');
      await kit.ok('connect', { 'call-id': 'connect', 'from-tag': 'c', 'to-tag': 'b' });
      await Promise.all([c.hears(10, 'b'), b.hears(10, 'c')]);
      assertSeamless(c, ['a', 'b']);
      await kit.ok('delete', { 'call-id': 'connect', 'from-tag': 'a' });
      await c.hears(5, 'b');
    });

    it('S0-10 subscribe, then connect: a listener becomes the speaker and hears each packet once', async () => {
      const { c, a, b } = await phones();
      await kit.call('sub', c, a);
      const forB = await kit.sdp('subscribe request', { 'call-id': 'sub', 'from-tag': 'c', 'to-tag': 'b' });
      assert.match(forB, /a=sendonly/);
      await kit.ok('subscribe answer', { 'call-id': 'sub', 'to-tag': 'b', sdp: b.sdp() });
      await Promise.all([b.hears(5, 'c'), a.hears(5, 'c'), c.hears(5, 'a')]);
      await kit.ok('connect', { 'call-id': 'sub', 'from-tag': 'c', 'to-tag': 'b' });
      b.start(forB);
      await Promise.all([c.hears(10, 'b'), b.hears(10, 'c')]);
      assertSeamless(c, ['a', 'b']);
      assert.deepEqual([b.analyse().senders['c']?.lost, b.analyse().senders['c']?.doubled], [0, 0]);
    });

    it('S0-10 a new device that fails before its first packet changes nothing', async () => {
      const { c, a, b } = await phones();
      await kit.call('fail', c, a);
      const branch = { 'call-id': 'fail', 'from-tag': 'c', 'via-branch': 'vb', ...LATCH };
      await kit.sdp('offer', { ...branch, sdp: c.sdp() });
      await kit.sdp('answer', { ...branch, 'to-tag': 'b', sdp: b.sdp() });
      await kit.ok('delete', { 'call-id': 'fail', 'from-tag': 'c', 'via-branch': 'vb', 'delete-delay': 0 });
      await Promise.all([c.hears(5, 'a'), a.hears(5, 'c')]);
      assertSeamless(c, ['a']);
    });

    it('S1-16 S1-63 the new device shares no codec with the far party: transcoded both ways, the far stream goes on', async () => {
      const c = await kit.phone({ name: 'c' });
      const a = await kit.phone({ name: 'a' });
      const b = await kit.phone({ name: 'b', payloadType: 8 });
      c.tone = [440];
      b.tone = [1000];
      const sides = { 'call-id': 'codecs', 'from-tag': 'c', ...LATCH };
      const forA = await kit.sdp('offer', { ...sides, 'via-branch': 'va', sdp: c.sdp() });
      c.start(await kit.sdp('answer', { ...sides, 'via-branch': 'va', 'to-tag': 'a', sdp: a.sdp() }));
      a.start(forA);
      await c.hears(5, 'a');
      const codec = { mask: ['PCMU'], transcode: ['PCMA'] };
      const forB = await kit.sdp('offer', { ...sides, 'via-branch': 'vb', codec, sdp: c.sdp() });
      assert.match(forB, /RTP\/AVP 8 101/);
      await kit.sdp('answer', { ...sides, 'via-branch': 'vb', 'to-tag': 'b', sdp: b.sdp() });
      await b.until(() => b.toneShare(440) > 0.9, 'the far party at the new device');
      assert.ok(b.packets.every((p) => p.payloadType === 8));
      assert.equal(c.packets.filter((p) => p.who === undefined).length, 0);
      b.start(forB);
      await c.until(() => c.toneShare(1000) > 0.9, 'the new device at the far party');
      await kit.ok('delete', { 'call-id': 'codecs', 'from-tag': 'a' });
      await c.hears(5);
      assertSeamless(c, ['a', '?']);
      assert.ok(c.packets.every((p) => p.payloadType === 0));
      assert.ok(b.analyse().ssrcChanges === 0 && b.analyse().sequenceBreaks === 0);
    });

    it('anchors: ten flips to and fro, one stream', async () => {
      const { c, a, b } = await phones();
      await kit.call('ten', c, a);
      const branchOf = { a: 'branch-a', b: 'vb' };
      const forB = await kit.sdp('offer', {
        'call-id': 'ten',
        'from-tag': 'c',
        'via-branch': 'vb',
        ...LATCH,
        sdp: c.sdp(),
      });
      b.start(forB);
      const speakers = ['a'];
      for (let flip = 0; flip < 10; flip++) {
        const to = flip % 2 === 0 ? b : a;
        const name = to.name as 'a' | 'b';
        await kit.sdp('answer', {
          'call-id': 'ten',
          'from-tag': 'c',
          'to-tag': name,
          'via-branch': branchOf[name],
          ...LATCH,
          sdp: to.sdp(),
        });
        await Promise.all([c.hears(5, name), to.hears(5, 'c')]);
        speakers.push(name);
      }
      const heard = c.analyse();
      assert.deepEqual(heard.speakers, speakers);
      assert.deepEqual(
        [heard.ssrcChanges, heard.sequenceBreaks, heard.timestampBreaks, heard.doubled],
        [0, 0, 0, 0],
        JSON.stringify(heard),
      );
      const query = await kit.ok('query', { 'call-id': 'ten' });
      assert.equal((query['turns'] as unknown[]).length, 10);
    });
  });
