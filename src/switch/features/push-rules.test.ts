import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { Leg } from '../call/leg.ts';
import { moved } from '../call/swap.ts';
import { defaultSettings, type SwitchSettings } from '../call/settings.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

type Push = SwitchSettings['features']['push'];

const withPush = (push: Partial<Push>): Partial<SwitchSettings> => ({
  features: { ...defaultSettings.features, push: { ...defaultSettings.features.push, ...push } },
});

describe('push: who rings, and what is heard', () => {
  let world: World;
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  type Talk = {
    readonly far: FakeIncoming;
    readonly desk: FakeDialog;
    readonly leg: Leg;
    readonly caller: Leg;
  };
  /** 2001 calls 100 and 1001 answers. */
  const talking = async (settings: Partial<SwitchSettings> = {}): Promise<Talk> => {
    world = await World.create(new VirtualClock(), settings);
    world.engine.heard.add('*');
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    world.phones.sent.length = 0;
    const call = world.core.calls.all()[0];
    assert.ok(call?.callee.leg && call.caller.leg);
    return { far, desk, leg: call.callee.leg, caller: call.caller.leg };
  };
  const press = async (leg: Leg, text: string): Promise<void> => {
    const callid = world.core.calls.all()[0]?.id;
    for (const digit of text) {
      const event = '0123456789*#'.indexOf(digit);
      const said = { callid, source_tag: leg.tag, type: 'DTMF', event, duration: 120, volume: 10 };
      world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
      await settle();
    }
  };
  const played = (leg: Leg) =>
    world.engine.commands.filter((c) => c.name === 'play media' && c.fields['from-tag'] === leg.tag).length;
  const forwarded = () =>
    world.engine.commands
      .filter((c) => c.name === 'play DTMF')
      .map((c) => c.fields['code'])
      .join('');
  const rung = () =>
    ['1001', '1002', '1003', '2001', '2002', '2003'].filter((device) => world.wasCalled(device));

  it('S0-23 the calling side pushes as well', async () => {
    const { far, desk, caller } = await talking();
    await press(caller, '*92003#');
    assert.deepEqual(rung(), ['2003']);
    world.at('2003').answer();
    await settle();
    assert.deepEqual(far.dialog.bye_, moved);
    assert.ok(desk.up);
  });

  it('both sides push at once: one is told that the call is being moved', async () => {
    const { leg, caller } = await talking();
    await press(leg, '*91002#');
    const before = played(caller);
    await press(caller, '*92002#');
    assert.deepEqual(rung(), ['1002']);
    assert.equal(played(caller), before + 2);
  });

  it('to oneself, to a device that is not there, or alone in the world: the error tone, and nobody rings', async () => {
    const { desk, leg } = await talking();
    for (const target of ['1001', '2001', '9999', '+15550100']) {
      const before = played(leg);
      await press(leg, `*9${target}#`);
      assert.deepEqual([rung(), played(leg)], [[], before + 2], target);
    }
    await world.bindings.removeDevice('d1002');
    await world.bindings.removeDevice('d1003');
    await press(leg, '*9#');
    assert.deepEqual(rung(), []);
    assert.ok(desk.up);
  });

  it('the phone that the far party speaks on never rings, its owner’s others do', async () => {
    const { leg } = await talking();
    await press(leg, '*9200#');
    assert.deepEqual(rung(), ['2002', '2003']);
  });

  it('S0-30 a cancelled push leaves no tone; one that failed ends with the error tone', async () => {
    const { leg } = await talking();
    await press(leg, '*91002#');
    const before = played(leg);
    await press(leg, '*');
    assert.equal(played(leg), before);
    world.at('1002').fail(487);
    await press(leg, '*91003#');
    const beeped = played(leg);
    world.at('1003').fail(486);
    await settle();
    assert.deepEqual([beeped, played(leg)], [before + 1, before + 2]);
  });

  it('S0-29 the dialling pause of 10 s ends it with the error tone, and digits reach the far end again', async () => {
    const { desk, leg } = await talking();
    await press(leg, '*910');
    await world.pass(9900);
    assert.equal(played(leg), 1);
    await world.pass(200);
    assert.equal(played(leg), 2);
    await press(leg, '5');
    assert.equal(forwarded(), '5');
    assert.ok(desk.up);
  });

  it('S1-52 to an own device the far party hears nothing of it, unless it is asked for', async () => {
    const { leg, caller } = await talking();
    await press(leg, '*91002#');
    world.at('1002').ring();
    await settle();
    assert.equal(played(caller), 0);
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'next' });
    world.close();
    const again = await talking(withPush({ callerHears: { ownDevice: 'ringback', others: 'conversation' } }));
    await press(again.leg, '*92002#');
    world.at('2002').ring();
    await settle();
    assert.equal(played(again.caller), 0);
    await press(again.leg, '*');
    world.at('2002').fail(487);
    await settle();
    await press(again.leg, '*91002#');
    world.at('1002').ring();
    await settle();
    assert.equal(played(again.caller), 1);
  });

  it('auto-answer is asked of a chosen own device alone: not of all of them, nor of a colleague', async () => {
    const { leg } = await talking(withPush({ autoAnswer: true }));
    const asked = (device: string) => world.at(device).invitation.headers['Call-Info'];
    await press(leg, '*91002#');
    assert.equal(asked('1002'), `<sip:${domain}>;answer-after=0`);
    assert.match(world.at('1002').invitation.headers['Alert-Info'] ?? '', /info=alert-autoanswer/);
    await press(leg, '*');
    world.at('1002').fail(487);
    await settle();
    await press(leg, '*9#');
    assert.deepEqual([asked('1002'), asked('1003')], [undefined, undefined]);
    await press(leg, '*');
    for (const device of ['1002', '1003']) world.at(device).fail(487);
    await settle();
    await press(leg, '*92002#');
    assert.equal(asked('2002'), undefined);
  });

  it('S1-15 the time that a target rings is a setting', async () => {
    const { leg } = await talking(withPush({ ringSeconds: 5 }));
    await press(leg, '*91002#');
    await world.pass(4900);
    assert.equal(world.at('1002').cancelled, undefined);
    await world.pass(200);
    assert.equal(world.at('1002').cancelled?.text, 'No answer');
  });

  it('S1-20 the pusher hangs up in the moment of the answer: the target keeps the call', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    const mobile = world.at('1002').answer();
    desk.hangUp();
    await settle();
    assert.ok(mobile.up && far.dialog.up);
    assert.equal(world.core.calls.all()[0]?.callee.leg?.dialog, mobile);
  });

  describe('X13 codes can be off', () => {
    const admin = { domain, admin: true };
    const blocked = () => world.engine.commands.filter((c) => c.name === 'block DTMF').length;

    it('for a user: every key is left to go its way', async () => {
      const { caller } = await talking();
      const user = world.directory.userById('u100');
      assert.ok(user);
      await world.directory.putUser({ ...user, callCodes: false });
      for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'next' });
      world.engine.commands.length = 0;
      await world.dial('2001', '100');
      world.at('1001').answer();
      await settle();
      assert.equal(blocked(), 1);
      const leg = world.core.calls.all()[0]?.callee.leg;
      assert.ok(leg);
      world.phones.sent.length = 0;
      await press(leg, '*91002#');
      assert.deepEqual([rung(), forwarded()], [[], '']);
      assert.equal(played(leg), 0);
      assert.equal(played(caller), 0);
    });

    it('for a user: an INFO goes to the other phone as it is', async () => {
      const { far, desk } = await talking();
      const user = world.directory.userById('u100');
      assert.ok(user);
      await world.directory.putUser({ ...user, callCodes: false });
      const type = { 'Content-Type': 'application/dtmf-relay' };
      assert.equal((await desk.send('INFO', 'Signal=*\r\nDuration=100\r\n', type)).status, 200);
      assert.deepEqual(
        far.dialog.requests.map((r) => [r.method, r.body]),
        [['INFO', 'Signal=*\r\nDuration=100\r\n']],
      );
    });

    it('for one call, at once, and on again; what was held back arrives', async () => {
      const { leg } = await talking();
      const id = world.core.calls.all()[0]?.id ?? '';
      await press(leg, '*');
      assert.deepEqual(world.core.setCallCodes(id, false, admin), { ok: true });
      assert.equal(forwarded(), '*');
      assert.equal(world.engine.commands.filter((c) => c.name === 'unblock DTMF').length, 2);
      await press(leg, '91002#*91002#');
      assert.deepEqual([rung(), forwarded()], [[], '*']);
      world.core.setCallCodes(id, true, admin);
      assert.equal(blocked(), 4);
      await press(leg, '*91002#');
      assert.deepEqual([rung(), forwarded()], [['1002'], '*']);
      const eve = { domain, userId: 'u300', admin: false };
      assert.deepEqual(world.core.setCallCodes(id, false, eve), {
        ok: false,
        status: 404,
        reason: 'No such call',
      });
    });
  });

  describe('digits sent in two ways at once', () => {
    const info = (dialog: FakeDialog, digit: string) =>
      dialog.send('INFO', `Signal=${digit}\r\nDuration=120\r\n`, {
        'Content-Type': 'application/dtmf-relay',
      });

    it('S0-23 count once', async () => {
      const { desk, leg } = await talking();
      for (const digit of '*91002#') {
        await info(desk, digit);
        await press(leg, digit);
      }
      assert.deepEqual(rung(), ['1002']);
      assert.equal(forwarded(), '');
    });

    it('a digit that is really pressed twice counts twice', async () => {
      const { desk, leg } = await talking();
      for (const digit of '115') {
        await info(desk, digit);
        await press(leg, digit);
      }
      assert.equal(forwarded(), '115');
      await press(leg, '22');
      await info(desk, '3');
      await world.pass(700);
      await press(leg, '3');
      assert.equal(forwarded(), '1152233');
    });
  });
});
