import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { CallView } from '../call/call-view.ts';
import { SipFailure } from '../call/signaling.ts';
import { phoneSdp, type FakeDialog, type FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

describe('S3-08 calls whose media engine died', () => {
  let world: World;
  let ended: CallView | undefined;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    ended = undefined;
    world.core.events.on('ended', (view) => (ended = view));
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  const call = () => world.core.calls.all()[0];
  const lose = async () => {
    const said = { callid: call()?.id, type: 'CALL_LOST', timestamp: 1 };
    world.core.dtmfLog(new TextEncoder().encode(JSON.stringify(said)));
    await settle();
  };
  const talking = async (): Promise<{ far: FakeIncoming; desk: FakeDialog }> => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer(phoneSdp(4000));
    await settle();
    return { far, desk };
  };
  const portIn = (sdp: string | undefined) => /^m=audio (\d+)/m.exec(sdp ?? '')?.[1];
  const originOf = (sdp: string | undefined) => /^o=(.*)$/m.exec(sdp ?? '')?.[1]?.split(' ') ?? [];

  it('both phones are asked to send elsewhere, by the next version of what they were told (RFC 3264 §8)', async () => {
    const { far, desk } = await talking();
    const told = far.final?.sdp;
    await lose();
    const [again, ...more] = far.dialog.reinvites;
    assert.deepEqual([more, desk.reinvites.length], [[], 1]);
    assert.notEqual(portIn(again), portIn(told));
    assert.notEqual(portIn(desk.reinvites[0]), portIn(again));
    const [before, after] = [originOf(told), originOf(again)];
    assert.deepEqual([after[0], after[1]], [before[0], before[1]]);
    assert.equal(Number(after[2]), Number(before[2]) + 1);
    assert.ok(far.dialog.up && desk.up);
    assert.deepEqual(call()?.decisions.slice(-2), [
      'media lost by the media engine',
      'media moved to another media engine',
    ]);
  });

  it('what a phone says in return is passed on to the engine', async () => {
    const { far } = await talking();
    const moved = phoneSdp(4444);
    far.dialog.reinvite = (sdp) => {
      far.dialog.reinvites.push(sdp);
      return Promise.resolve(moved);
    };
    await lose();
    const said = world.engine.commands.findLast(({ name }) => name === 'offer')?.fields['sdp'];
    assert.equal(portIn(String(said)), '4444');
    assert.ok(far.dialog.up);
  });

  it('a phone that will not: the call ends with the reason, for both', async () => {
    const { far, desk } = await talking();
    desk.reinvite = () => Promise.reject(new SipFailure(488, 'Not Acceptable Here'));
    await lose();
    assert.ok(!far.dialog.up && !desk.up);
    assert.deepEqual(ended?.ended, { cause: 503, text: 'Media lost' });
  });

  it('a phone that is asking just then is asked again later (RFC 3261 §14.1)', async () => {
    const { far, desk } = await talking();
    let tries = 0;
    desk.reinvite = () => {
      tries += 1;
      return tries === 1
        ? Promise.reject(new SipFailure(491, 'Request Pending'))
        : Promise.resolve(phoneSdp(4000));
    };
    await lose();
    assert.equal(tries, 1);
    await world.pass(4500);
    assert.equal(tries, 2);
    assert.ok(far.dialog.up && desk.up);
    assert.equal(call()?.decisions.at(-1), 'media moved to another media engine');
  });

  it('a held call is held still: who holds is not told of a hold', async () => {
    const { far, desk } = await talking();
    const held = phoneSdp(4000, '0 8 101', 'sendonly');
    await desk.change(held);
    desk.reinvite = (sdp) => {
      desk.reinvites.push(sdp);
      return Promise.resolve(held);
    };
    await lose();
    assert.match(desk.reinvites[0] ?? '', /^a=sendrecv/m);
    assert.equal(call()?.view().state, 'held');
    assert.ok(far.dialog.up);
  });

  it('a recorded call is recorded there, too', async () => {
    const user = world.directory.user('pbx.test', '100');
    if (user !== undefined) await world.directory.putUser({ ...user, record: true });
    await talking();
    const starts = () => world.engine.commands.filter(({ name }) => name === 'start recording').length;
    assert.equal(starts(), 1);
    await lose();
    assert.equal(starts(), 2);
  });

  it('a call that still rings is asked once it is answered', async () => {
    const far = await world.dial('2001', '100');
    await lose();
    const desk = world.at('1001').answer();
    await settle();
    assert.equal(far.final?.status, 200);
    assert.ok(desk.up && far.dialog.up);
    assert.equal(desk.reinvites.length, 1);
  });

  it('is told twice and moves once; one that is over is left alone', async () => {
    const { far, desk } = await talking();
    const id = call()?.id;
    await Promise.all([lose(), lose()]);
    assert.equal(far.dialog.reinvites.length, 1);
    desk.hangUp();
    await settle();
    world.core.dtmfLog(new TextEncoder().encode(JSON.stringify({ callid: id, type: 'CALL_LOST' })));
    await settle();
    assert.equal(world.core.calls.size, 0);
  });
});
