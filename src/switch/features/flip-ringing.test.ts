import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { FlipView } from '../call/call-view.ts';
import type { FakeIncoming } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

describe('a call that rings, moved by API', () => {
  const ada = { domain, userId: 'u100', admin: false };
  const bob = { domain, userId: 'u200', admin: false };
  const admin = { domain, admin: true };
  let world: World;
  let far: FakeIncoming;
  let flips: FlipView[];
  /** 2001 calls 100, which has asked for its calls to go to 1001 alone. */
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    flips = [];
    world.core.events.on('flip', ({ flip }) => flips.push(flip));
    (await world.dial('1001', '*50')).dialog.hangUp();
    await settle();
    far = await world.dial('2001', '100');
    assert.deepEqual(rung(), ['1001']);
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  const rung = () => ['1001', '1002', '1003'].filter((device) => world.wasCalled(device));
  const id = () => world.core.calls.all()[0]?.id ?? '';
  const results = () =>
    flips.map(({ to, result, reason }) => [to, result, ...(reason === undefined ? [] : [reason])]);

  it('S1-05 the chosen device rings too; when it answers it has the call, and the other is told', async () => {
    const started = world.core.flipCall(id(), { device: '1002' }, ada);
    assert.ok(started.ok);
    await settle();
    assert.deepEqual(rung(), ['1001', '1002']);
    world.at('1002').answer();
    await settle();
    assert.deepEqual(
      [far.final?.status, world.at('1001').cancelled?.text],
      [200, 'Call completed elsewhere'],
    );
    assert.deepEqual(results(), [
      ['1002', 'ringing'],
      ['1002', 'answered'],
      ['1002', 'moved'],
    ]);
  });

  it('S1-04 to the other devices: those that were left out ring; none rings twice', async () => {
    assert.ok(world.core.flipCall(id(), { to: 'other-devices' }, admin).ok);
    await settle();
    assert.deepEqual(rung(), ['1001', '1002', '1003']);
    assert.equal(world.phones.sent.length, 3);
    world.at('1003').answer();
    await settle();
    assert.deepEqual(results().at(-1), ['1003', 'moved']);
  });

  it('answered elsewhere, or by nobody: told as failed, and the call goes its way', async () => {
    assert.ok(world.core.flipCall(id(), { device: '1002' }, ada).ok);
    await settle();
    world.at('1001').answer();
    await settle();
    assert.deepEqual(results().at(-1), ['1002', 'failed', 'Answered on another device']);
    assert.equal(far.final?.status, 200);
    far.dialog.hangUp();
    const second = await world.dial('2001', '100');
    assert.ok(world.core.flipCall(id(), { device: '1003' }, ada).ok);
    second.cancel();
    await settle();
    assert.deepEqual(results().at(-1), ['1003', 'failed', 'Nobody answered']);
    assert.ok(world.phones.sent.every((outgoing) => outgoing.over || outgoing.cancelled !== undefined));
  });

  it('S1-26 S1-33 the own and trusted ones alone, while it rings for their user', async () => {
    await world.addDevice('100', '1009', { trusted: false });
    const refusal = (asker: typeof ada | typeof admin, target: Parameters<typeof world.core.flipCall>[1]) => {
      const outcome = world.core.flipCall(id(), target, asker);
      return outcome.ok ? 'granted' : `${outcome.status} ${outcome.reason}`;
    };
    assert.equal(refusal(ada, { device: '1009' }), '403 This device may not take calls over');
    assert.equal(refusal(ada, { device: '2002' }), '403 Not your device');
    assert.equal(refusal(ada, { device: '1999' }), '404 No such device');
    assert.equal(refusal(ada, { extension: '200' }), '409 Nobody talks yet');
    assert.equal(refusal(bob, { device: '2002' }), '409 Nobody talks yet');
    await world.bindings.removeDevice('d1003');
    assert.equal(refusal(ada, { device: '1003' }), '409 Not registered');
    assert.deepEqual([rung(), flips], [['1001'], []]);
  });
});
