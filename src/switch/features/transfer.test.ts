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

  it('S0-66 S3-09 to an outside number over a trunk, which a push refuses', async () => {
    await world.directory.putTrunk({
      id: 'lab',
      domain: 'pbx.test',
      name: 'lab',
      host: '192.0.2.77',
      port: 5060,
      transport: 'udp',
      register: false,
    });
    for (const digit of '*915550199#') await desk.send('INFO', digit, { 'Content-Type': 'application/dtmf' });
    await settle();
    assert.ok(!world.wasCalled('15550199'));
    assert.equal((await refer('<sip:15550199@pbx.test>')).status, 202);
    await settle();
    const outside = world.at('15550199').answer();
    await settle();
    assert.deepEqual([notified().at(-1), desk.up, outside.up], ['SIP/2.0 200 OK', false, true]);
    assert.deepEqual([kind(), far.dialog.up, far.dialog.reinvites], ['transfer', true, []]);
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
