import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { SipFailure } from '../call/signaling.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

describe('transfer after consultation (RFC 5589 §7)', () => {
  let world: World;
  /** 2001 called 100 and talks with 1001; 1001 has called 300, and talks with 3001. */
  let far: FakeIncoming;
  let desk: FakeDialog;
  let asking: FakeIncoming;
  let cleo: FakeDialog;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Cleo' });
    await world.addDevice('300', '3001');
    far = await world.dial('2001', '100');
    desk = world.at('1001').answer();
    await settle();
    asking = await world.dial('1001', '300');
    cleo = world.at('3001').answer();
    await settle();
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  const refer = (dialog: FakeDialog = asking.dialog) => {
    const { callId, localTag, remoteTag } = dialog;
    const replaces = encodeURIComponent(`${callId};to-tag=${localTag};from-tag=${remoteTag}`);
    return desk.send('REFER', '', { 'Refer-To': `<sip:300@pbx.test?Replaces=${replaces}>` });
  };
  const notified = () => desk.requests.filter((r) => r.method === 'NOTIFY').map((r) => r.body.trim());
  const views = () => world.core.listCalls({ domain: 'pbx.test', admin: true });

  it('S1-43 S1-47 S3-09 the asked one talks with the caller; the transferor is released from both calls', async () => {
    const id = views().find((call) => call.to === '100')?.id;
    assert.equal((await refer()).status, 202);
    await settle();
    assert.deepEqual([far.dialog.up, cleo.up, desk.up, asking.dialog.up], [true, true, false, false]);
    assert.deepEqual([far.dialog.reinvites.length, cleo.reinvites.length], [0, 1]);
    assert.deepEqual(notified(), ['SIP/2.0 100 Trying', 'SIP/2.0 200 OK']);
    const [view, ...others] = views();
    assert.deepEqual([others.length, view?.id, view?.from, view?.to], [0, id, '200', '300']);
    assert.deepEqual(
      [view?.flips[0]?.kind, view?.flips[0]?.result, view?.flips[0]?.by],
      ['transfer', 'moved', '1001'],
    );
    assert.deepEqual(view?.users.toSorted(), ['u200', 'u300']);
    cleo.hangUp();
    assert.ok(!far.dialog.up);
  });

  it('the asked one refuses the re-INVITE: the other one is asked, and it is done all the same', async () => {
    cleo.reinvite = (sdp) => {
      cleo.reinvites.push(sdp);
      return Promise.reject(new SipFailure(488, 'Not Acceptable Here'));
    };
    await refer();
    await settle();
    assert.deepEqual([far.dialog.reinvites.length, cleo.up, far.dialog.up], [1, true, true]);
    assert.deepEqual([desk.up, asking.dialog.up], [false, false]);
    far.dialog.hangUp();
    assert.ok(!cleo.up);
  });

  for (const status of [488, 491, 408])
    it(`S1-67 both refuse it with ${status}: both calls are as they were, and the phone is told`, async () => {
      const refuse = () => Promise.reject(new SipFailure(status, 'no'));
      cleo.reinvite = refuse;
      far.dialog.reinvite = refuse;
      await refer();
      await settle();
      assert.deepEqual([far.dialog.up, cleo.up, desk.up, asking.dialog.up], [true, true, true, true]);
      assert.match(notified().at(-1) ?? '', /^SIP\/2\.0 480 /);
      await world.dial('1002', '*33');
      assert.equal(views().length, 2);
    });

  it('the asked one rings still: it is rung on for the one who is handed over', async () => {
    asking.dialog.hangUp();
    await settle();
    const second = await world.dial('1001', '300');
    const replaces = encodeURIComponent(`${second.callId};to-tag=x;from-tag=${second.remoteTag}`);
    const said = await desk.send('REFER', '', { 'Refer-To': `<sip:300@pbx.test?Replaces=${replaces}>` });
    assert.equal(said.status, 202);
    await settle();
    const answered = world.at('3001').answer();
    await settle();
    assert.deepEqual([far.dialog.up, answered.up, desk.up], [true, true, false]);
    assert.equal(views().length, 1);
  });

  it('a call that is not there is 481, and somebody else’s is refused', async () => {
    assert.equal((await refer(far.dialog)).status, 403);
    cleo.hangUp();
    assert.equal((await refer()).status, 481);
    assert.ok(far.dialog.up && desk.up);
  });
});
