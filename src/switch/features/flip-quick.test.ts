import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { Call } from '../call/call.ts';
import { moved } from '../call/swap.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

describe('a flip that is being measured holds nothing up', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    // An engine that has figures: the last of them is waited for while the call is the new device's already.
    world.engine.heardUs = 5000;
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  const talking = async (): Promise<{ far: FakeIncoming; desk: FakeDialog; call: Call }> => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    world.phones.sent.length = 0;
    const call = world.core.calls.all()[0];
    assert.ok(call);
    return { far, desk, call };
  };
  const results = (call: Call) => call.flips.map(({ result, audio_ms }) => [result, audio_ms]);
  const press = async (dialog: FakeDialog, keys: string) => {
    for (const key of keys) await dialog.send('INFO', key, { 'Content-Type': 'application/dtmf' });
    await settle();
  };

  it('S1-69 the next pull is granted at once, and each has its figures in the end', async () => {
    const { far, desk, call } = await talking();
    const mobile = await world.dial('1002', '*33');
    assert.deepEqual([desk.bye_, results(call)[0]?.[0]], [moved, 'answered']);
    const desktop = await world.dial('1003', '*33');
    assert.deepEqual([desktop.final?.status, mobile.dialog.bye_], [200, moved]);
    await world.pass(200);
    assert.deepEqual(results(call), [
      ['moved', 5],
      ['moved', 5],
    ]);
    assert.deepEqual([far.dialog.up, far.dialog.reinvites], [true, []]);
  });

  it('S0-65 so is the next push, and a flip by API', async () => {
    const { desk, call } = await talking();
    await press(desk, '*91002#');
    const mobile = world.at('1002').answer();
    await settle();
    assert.equal(desk.up, false);
    await press(mobile, '*91003#');
    const desktop = world.at('1003').answer();
    await settle();
    assert.equal(mobile.up, false);
    const started = world.core.flipCall(call.id, { device: '1001' }, { domain, admin: true });
    assert.ok(started.ok);
    await settle();
    world.at('1001').answer();
    await world.pass(200);
    assert.deepEqual([desktop.up, results(call).length], [false, 3]);
    assert.ok(results(call).every(([result]) => result === 'moved'));
  });

  it('a new device that hangs up meanwhile ends the call: the other party is not left alone', async () => {
    const { far, desk, call } = await talking();
    await press(desk, '*91002#');
    const mobile = world.at('1002').answer();
    await settle();
    assert.equal(desk.up, false);
    mobile.hangUp();
    await world.pass(200);
    assert.deepEqual([far.dialog.up, call.phase, world.core.calls.size], [false, 'ended', 0]);
  });

  it('a device that was called back after a loss has its figures too', async () => {
    const { desk, call } = await talking();
    desk.answersWith = 0;
    const said = { callid: call.id, source_tag: call.callee.leg?.tag, type: 'MEDIA_TIMEOUT', media: 1 };
    world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
    await world.pass(4200);
    await world.bindings.removeDevice('d1002');
    await world.register('1002');
    await settle();
    world.at('1002').answer();
    await world.pass(200);
    const flip = call.flips.at(-1);
    assert.deepEqual(
      [flip?.kind, flip?.result, flip?.audio_ms, call.callee.lost],
      ['rescue', 'moved', 5, false],
    );
  });
});
