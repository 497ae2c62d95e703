import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { Call } from '../call/call.ts';
import { SipFailure } from '../call/signaling.ts';
import { moved } from '../call/swap.ts';
import { phoneSdp, type FakeDialog, type FakeIncoming } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

describe('flips that have no business to be, or come at the wrong moment', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  type Talk = { readonly far: FakeIncoming; readonly near: FakeDialog; readonly call: Call };
  const talking = async (from = '2001', device = '1001', offer = phoneSdp(4000)): Promise<Talk> => {
    const before = new Set(world.core.calls.all());
    const far = await world.dial(from, device, offer);
    const near = world.at(device).answer(phoneSdp(5000, '0 101'));
    await settle();
    world.phones.sent.length = 0;
    const call = world.core.calls.all().find((one) => !before.has(one));
    assert.ok(call);
    return { far, near, call };
  };
  const press = async (dialog: FakeDialog, keys: string) => {
    for (const key of keys) await dialog.send('INFO', key, { 'Content-Type': 'application/dtmf' });
    await settle();
  };
  const errorTones = (call: Call) =>
    world.engine.commands.filter(
      ({ name, fields }) => name === 'play media' && fields['from-tag'] === call.callee.leg?.tag,
    ).length;

  it('S0-13 the device that dials is never the one that is pulled from', async () => {
    const { near, call } = await talking();
    for (const code of ['*33', '*331001', '*33100']) {
      const own = await world.dial('1001', code);
      assert.deepEqual([own.final?.status, own.final?.reason], [480, 'Nothing to pull'], code);
    }
    assert.deepEqual([near.up, call.flips], [true, []]);
  });

  it('S0-13 S0-15 with a call of its own it takes that of the other device, older though it is', async () => {
    const elsewhere = await talking('2002', '1002');
    const own = await talking('2001', '1001');
    const pulled = await world.dial('1001', '*33');
    assert.equal(pulled.final?.status, 200);
    assert.deepEqual([elsewhere.near.bye_, own.near.up], [moved, true]);
    assert.equal(elsewhere.call.callee.leg?.dialog, pulled.dialog);
  });

  it('a user with one device has nothing to pull from and nowhere to push to; the talk goes on', async () => {
    for (const other of ['d1002', 'd1003']) {
      await world.directory.removeDevice(other);
      await world.bindings.removeDevice(other);
    }
    const { near, call } = await talking();
    const own = await world.dial('1001', '*33');
    assert.equal(own.final?.status, 480);
    await press(near, '*9');
    const before = errorTones(call);
    await press(near, '#');
    assert.equal(errorTones(call), before + 1);
    const asked = world.core.flipCall(call.id, { to: 'other-devices' }, { domain, admin: true });
    assert.deepEqual(asked, { ok: false, status: 409, reason: 'Not registered' });
    assert.deepEqual([near.up, call.phase], [true, 'talking']);
  });

  it('*9 while a pull of the same call is under way: the error tone; the pull goes on', async () => {
    world.engine.heard.clear();
    const { near, call } = await talking();
    const mobile = await world.dial('1002', '*33');
    assert.deepEqual([mobile.final?.status, near.up], [200, true]);
    const before = errorTones(call);
    await press(near, '*91003#');
    assert.deepEqual([world.wasCalled('1003'), errorTones(call)], [false, before + 2]);
    world.engine.heard.add('*');
    await world.pass(100);
    assert.deepEqual([near.bye_, call.callee.leg?.dialog], [moved, mobile.dialog]);
    const results = call.flips.map(({ kind, result }) => `${kind} ${result}`);
    assert.deepEqual(results, ['pull moved']);
  });

  it('the device that is pushed to pulls: it stops ringing and has the call', async () => {
    const { near, call } = await talking();
    await press(near, '*91002#');
    world.at('1002').ring();
    const mobile = await world.dial('1002', '*33');
    assert.deepEqual([mobile.final?.status, near.bye_], [200, moved]);
    assert.equal(world.at('1002').cancelled?.text, 'Taken by another device');
    world.at('1002').fail(487);
    await settle();
    assert.equal(call.callee.leg?.dialog, mobile.dialog);
  });

  for (const [how, hangsUp] of [
    ['with a BYE instead of an answer', true],
    ['481', false],
  ] as const)
    it(`the other party meets the one re-INVITE ${how}: nobody is left in an empty call`, async () => {
      const { far, near, call } = await talking('2001', '1001', phoneSdp(4000, '0 18 101'));
      far.dialog.reinvite = () => {
        if (hangsUp) far.dialog.hangUp();
        return Promise.reject(new SipFailure(481, 'Gone'));
      };
      const mobile = await world.dial('1002', '*33', phoneSdp(4002, '18 101'));
      assert.equal(mobile.final?.status, hangsUp ? 487 : 488);
      assert.deepEqual([call.phase, near.up], hangsUp ? ['ended', false] : ['talking', true]);
    });

  it('S1-69 all six ordered pairs of three devices, by pull and by push, in one call', async () => {
    const { far, call } = await talking();
    const speaker = () => {
      const endpoint = call.callee.leg?.endpoint;
      return endpoint?.kind === 'device' ? endpoint.device.extension : '';
    };
    const tour = ['1002', '1003', '1001', '1003', '1002', '1001'];
    const seen = new Set<string>();
    for (const way of ['pull', 'push'])
      for (const next of tour) {
        const from = speaker();
        const dialog = call.callee.leg?.dialog as FakeDialog;
        world.phones.sent.length = 0;
        if (way === 'pull') await world.dial(next, '*33');
        else {
          await press(dialog, `*9${next}#`);
          world.at(next).answer();
          await settle();
        }
        assert.deepEqual([speaker(), dialog.bye_], [next, moved]);
        seen.add(`${way} ${from} ${next}`);
      }
    assert.equal(seen.size, 12);
    assert.deepEqual([far.dialog.up, far.dialog.reinvites, far.dialog.requests], [true, [], []]);
  });
});
