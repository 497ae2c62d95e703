import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

describe('transfer by REFER (RFC 3515)', () => {
  let world: World;
  let far: FakeIncoming;
  let desk: FakeDialog;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Cleo' });
    await world.addDevice('300', '3001');
    far = await world.dial('2001', '100');
    desk = world.at('1001').answer();
    await settle();
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  const refer = (to: string) => desk.send('REFER', '', { 'Refer-To': to });
  const notified = () => desk.requests.filter((r) => r.method === 'NOTIFY').map((r) => r.body.trim());
  const kind = () => world.core.calls.all()[0]?.view().flips[0]?.kind;

  it('S1-42 to a colleague: the outcome is told before the phone is released', async () => {
    assert.equal((await refer('<sip:300@pbx.test>')).status, 202);
    await settle();
    const cleo = world.at('3001').answer();
    await settle();
    assert.deepEqual(notified(), ['SIP/2.0 100 Trying', 'SIP/2.0 200 OK']);
    assert.ok(!desk.up && cleo.up && far.dialog.up);
    assert.deepEqual(far.dialog.reinvites, []);
    assert.equal(kind(), 'transfer');
  });

  it('S1-71 X9 to an own device it is a flip, and recorded as one', async () => {
    await refer('sip:1002@pbx.test');
    await settle();
    world.at('1002').answer();
    await settle();
    assert.equal(kind(), 'push');
  });

  it('a transfer that fails is told, and the two talk on', async () => {
    await refer('<sip:300@pbx.test>');
    await settle();
    world.at('3001').fail(486);
    await settle();
    assert.deepEqual(notified(), ['SIP/2.0 100 Trying', 'SIP/2.0 480 Temporarily Unavailable']);
    assert.ok(desk.up && far.dialog.up);
  });

  it('an unknown target or a REFER without one is refused', async () => {
    assert.equal((await refer('<sip:999@pbx.test>')).status, 404);
    assert.equal((await refer('')).status, 400);
  });
});
