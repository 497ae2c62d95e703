import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { FlipView } from '../call/call-view.ts';
import type { Leg } from '../call/leg.ts';
import { moved } from '../call/swap.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

describe('push', () => {
  let world: World;
  let flips: FlipView[];
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    flips = [];
    world.core.events.on('flip', ({ flip }) => flips.push(flip));
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  /** 2001 calls 100 and 1001 answers. */
  const talking = async (): Promise<{ far: FakeIncoming; desk: FakeDialog; leg: Leg }> => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    world.phones.sent.length = 0;
    const leg = world.core.calls.all()[0]?.callee.leg;
    assert.ok(leg);
    return { far, desk, leg };
  };
  const press = async (leg: Leg, text: string): Promise<void> => {
    const [callId] = world.core.calls.all().map((call) => call.id);
    for (const digit of text) {
      const event = '0123456789*#'.indexOf(digit);
      const said = { callid: callId, source_tag: leg.tag, type: 'DTMF', event, duration: 120, volume: 10 };
      world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
      await settle();
    }
  };
  const untouched = (far: FakeIncoming) => {
    assert.ok(far.dialog.up);
    assert.deepEqual([far.dialog.reinvites, far.dialog.requests], [[], []]);
  };
  const commands = (name: string, tag?: string) =>
    world.engine.commands.filter(
      (c) => c.name === name && (tag === undefined || c.fields['from-tag'] === tag),
    );
  const apart = (call: { caller: { leg: Leg | undefined } }) => call.caller.leg?.tag;

  it('S0-22 S0-26 S0-27 S0-33 S0-57 *9 1002 # rings the own device; when it answers the old one is released', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    assert.ok(world.wasCalled('1002') && !world.wasCalled('1003'));
    assert.equal(world.at('1002').invitation.headers['From'], '"User 200" <sip:200@pbx.test>');
    assert.ok(desk.up);
    world.at('1002').ring();
    const mobile = world.at('1002').answer();
    await settle();
    assert.deepEqual(desk.bye_, moved);
    untouched(far);
    assert.ok(mobile.up);
    assert.deepEqual(
      flips.map((f) => f.result),
      ['ringing', 'answered', 'moved'],
    );
    far.dialog.hangUp();
    assert.ok(!mobile.up);
  });

  it('S0-24 the pusher alone hears the beep; X13 no digit of the code reaches the far end', async () => {
    const { leg } = await talking();
    assert.equal(commands('block DTMF', leg.tag).length, 1);
    await press(leg, '*9');
    assert.deepEqual(
      commands('play media').map((c) => c.fields['from-tag']),
      [leg.tag],
    );
    await press(leg, '1002#');
    assert.deepEqual(commands('play DTMF'), []);
  });

  it('digits meant for the far end arrive in order and with their length, a lone * after its pause', async () => {
    const { leg } = await talking();
    await press(leg, '1*5#*');
    await world.pass(1500);
    assert.deepEqual(
      commands('play DTMF', leg.tag).map((c) => [c.fields['code'], c.fields['duration']]),
      [
        ['1', 120],
        ['*', 120],
        ['5', 120],
        ['#', 120],
        ['*', 120],
      ],
    );
  });

  it('X13 a digit is sent when the one before it is with the media engine, which may overtake otherwise', async () => {
    const { leg } = await talking();
    const first = Promise.withResolvers<void>();
    const command = world.engine.command.bind(world.engine);
    world.engine.command = async (name, fields) => {
      const reply = await command(name, fields);
      if (name === 'play DTMF') await first.promise;
      return reply;
    };
    const sent = () => commands('play DTMF', leg.tag).map(({ fields }) => fields['code']);
    await press(leg, '1*5');
    assert.deepEqual(sent(), ['1']);
    first.resolve();
    await settle();
    assert.deepEqual(sent(), ['1', '*', '5']);
  });

  it('S0-23 by SIP INFO, both body kinds', async () => {
    const { desk } = await talking();
    const relay = { 'Content-Type': 'application/dtmf-relay' };
    assert.equal((await desk.send('INFO', 'Signal=*\r\nDuration=160\r\n', relay)).status, 200);
    await desk.send('INFO', 'Signal= 9\r\nDuration= 160\r\n', relay);
    for (const digit of '1003#') await desk.send('INFO', digit, { 'Content-Type': 'application/dtmf' });
    await settle();
    assert.ok(world.wasCalled('1003'));
  });

  it('S0-29 S0-30 * cancels while dialling; nothing has happened', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*910*');
    assert.equal(world.phones.sent.length, 0);
    assert.ok(desk.up);
    untouched(far);
  });

  it('S0-58 * cancels while the target rings; S0-65 a second push works', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    world.at('1002').ring();
    await press(leg, '*');
    assert.equal(world.at('1002').cancelled?.text, 'Cancelled');
    assert.ok(desk.up);
    assert.equal(flips.at(-1)?.result, 'failed');
    world.at('1002').fail(487);
    await press(leg, '*91003#');
    world.at('1003').answer();
    await settle();
    assert.deepEqual(desk.bye_, moved);
    untouched(far);
  });

  it('S0-64 busy, refused, not registered, no answer: both talk on', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    world.at('1002').fail(486);
    await settle();
    await press(leg, '*91003#');
    await world.pass(30_000);
    assert.equal(world.at('1003').cancelled?.text, 'No answer');
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Nobody' });
    await press(leg, '*9300#');
    assert.ok(desk.up);
    untouched(far);
    assert.deepEqual(
      flips.filter((f) => f.result === 'failed').map((f) => f.reason),
      ['Nobody answered', 'No answer'],
    );
  });

  it('S0-66 an outside or wrong number ends the push with the error tone', async () => {
    const { desk, leg } = await talking();
    await press(leg, '*9999#');
    assert.equal(world.phones.sent.length, 0);
    assert.ok(desk.up);
    await press(leg, '*915551234#');
    assert.equal(commands('play media', leg.tag).length, 4);
  });

  it('S0-09 S0-28 S0-31 to a colleague: the caller hears ringback once it rings, then the colleague (X2)', async () => {
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Cleo' });
    await world.addDevice('300', '3001');
    const { far, desk, leg } = await talking();
    await press(leg, '*9300#');
    const call = world.core.calls.all()[0];
    assert.ok(call);
    assert.equal(commands('play media', apart(call)).length, 0);
    world.at('3001').ring();
    await settle();
    assert.equal(commands('play media', apart(call)).length, 1);
    world.at('3001').answer();
    await settle();
    assert.equal(commands('stop media', apart(call)).length, 1);
    assert.deepEqual(desk.bye_, moved);
    untouched(far);
    assert.equal(call.view().to, '300');
  });

  it('S0-34 to a group', async () => {
    await world.directory.putGroup({
      id: 'g1',
      domain: 'pbx.test',
      extension: '500',
      name: 'Support',
      ring: 'all',
      members: ['1002', '1003'],
    });
    const { desk, leg } = await talking();
    await press(leg, '*9500#');
    world.at('1003').answer();
    await settle();
    assert.deepEqual(desk.bye_, moved);
    assert.ok(world.at('1002').cancelled);
  });

  it('S1-04 *9# rings all the other devices; the first has it', async () => {
    const { desk, leg } = await talking();
    await press(leg, '*9#');
    assert.ok(world.wasCalled('1002') && world.wasCalled('1003') && !world.wasCalled('1001'));
    world.at('1003').answer();
    await settle();
    assert.deepEqual(desk.bye_, moved);
    assert.ok(world.at('1002').cancelled);
  });

  it('the pusher hangs up while the target rings: it completes as a blind one, the far party hears ringback', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    world.at('1002').ring();
    desk.hangUp();
    await settle();
    assert.ok(far.dialog.up);
    assert.equal(commands('play media', world.core.calls.all()[0]?.caller.leg?.tag).length, 1);
    const mobile = world.at('1002').answer();
    await settle();
    assert.ok(mobile.up && far.dialog.up);
    assert.equal(flips.at(-1)?.result, 'moved');
  });

  it('the pusher hangs up and nobody answers: the far party is told', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    desk.hangUp();
    await settle();
    world.at('1002').fail(486);
    await settle();
    assert.ok(!far.dialog.up);
    assert.equal(world.core.calls.size, 0);
  });

  it('the far party hangs up while the target rings: everything ends', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    far.dialog.hangUp();
    await settle();
    assert.ok(!desk.up);
    assert.ok(world.at('1002').cancelled);
    const late = world.at('1002').answer();
    await settle();
    assert.ok(!late.up);
    assert.equal(world.core.calls.size, 0);
  });

  it('a pull while a push rings cancels the push and takes the call', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    const desktop = await world.dial('1003', '*33');
    assert.equal(desktop.final?.status, 200);
    assert.equal(world.at('1002').cancelled?.text, 'Taken by another device');
    assert.deepEqual(desk.bye_, moved);
    untouched(far);
    const late = world.at('1002').answer();
    await settle();
    assert.ok(!late.up && desktop.dialog.up);
  });

  it('the target answers in the same instant as *: one outcome', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    const answered = world.at('1002').answer();
    await press(leg, '*');
    assert.equal(Number(answered.up) + Number(desk.up), 1);
    untouched(far);
  });

  it('a target that answers and leaves before it was heard: both talk on', async () => {
    world.engine.heard.clear();
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    const mobile = world.at('1002').answer();
    await settle();
    mobile.hangUp();
    await world.pass(100);
    assert.ok(desk.up);
    untouched(far);
    assert.equal(world.core.calls.all()[0]?.callee.leg?.dialog, desk);
  });

  it('the media engine fails at the answer: both talk on, the target is released', async () => {
    const { far, desk, leg } = await talking();
    await press(leg, '*91002#');
    world.engine.broken.add('answer');
    const mobile = world.at('1002').answer();
    await settle();
    assert.ok(!mobile.up && desk.up);
    untouched(far);
  });

  describe('by API', () => {
    const ada = { domain: 'pbx.test', userId: 'u100', admin: false };
    const eve = { domain: 'pbx.test', userId: 'u300', admin: false };
    const admin = { domain: 'pbx.test', admin: true };
    const only = () => world.core.calls.all()[0]?.id ?? '';

    it('S1-05 S1-65 a user flips the own call to an own device, with progress as events', async () => {
      const { desk } = await talking();
      const started = world.core.flipCall(only(), { device: '1002' }, ada);
      assert.ok(started.ok);
      assert.equal(flips[0]?.id, started.flipId);
      await settle();
      world.at('1002').answer();
      await settle();
      assert.deepEqual(desk.bye_, moved);
      assert.deepEqual(
        [flips.at(-1)?.result, flips.at(-1)?.by, flips.at(-1)?.to],
        ['moved', 'user 100', '1002'],
      );
    });

    it('to the other devices, and to an extension', async () => {
      await talking();
      assert.ok(world.core.flipCall(only(), { to: 'other-devices' }, ada).ok);
      assert.deepEqual(world.core.flipCall(only(), { extension: '1003' }, ada), {
        ok: false,
        status: 409,
        reason: 'The call is being moved already',
      });
      assert.ok(world.core.cancelFlip(only(), ada).ok);
      await settle();
      assert.ok(world.core.flipCall(only(), { extension: '1003' }, ada).ok);
    });

    it('S1-26 S1-22 only own devices; others neither see nor move the call', async () => {
      const { leg, desk } = await talking();
      assert.deepEqual(world.core.listCalls(eve), []);
      assert.equal(world.core.flipCall(only(), { to: 'other-devices' }, eve).ok, false);
      const notOwn = world.core.flipCall(only(), { device: '2002' }, ada);
      assert.equal(!notOwn.ok && notOwn.status, 403);
      assert.equal(world.core.endCall(only(), eve).ok, false);
      assert.equal(world.core.listCalls(admin).length, 1);
      assert.ok(desk.up && leg.state === 'active');
      assert.ok(world.core.endCall(only(), ada).ok);
      assert.ok(!desk.up);
    });

    it('S0-64 cancels what keys or a transfer began as well, and nothing that was answered', async () => {
      const { desk, leg } = await talking();
      await press(leg, '*91002#');
      assert.ok(world.core.cancelFlip(only(), ada).ok);
      assert.ok(world.at('1002').cancelled);
      await settle();
      const refer = await desk.send('REFER', '', { 'Refer-To': '<sip:2002@pbx.test>' });
      assert.equal(refer.status, 202);
      await settle();
      assert.ok(world.core.cancelFlip(only(), ada).ok);
      assert.ok(world.at('2002').cancelled);
      await settle();
      assert.deepEqual(world.core.cancelFlip(only(), ada), {
        ok: false,
        status: 409,
        reason: 'Nothing to cancel',
      });
      world.engine.heard.clear();
      await press(leg, '*91003#');
      world.at('1003').answer();
      await settle();
      const late = world.core.cancelFlip(only(), ada);
      assert.equal(!late.ok && late.reason, 'Answered already');
      assert.deepEqual(
        [desk.up, flips.map((f) => f.reason).filter(Boolean)],
        [true, ['Cancelled', 'Cancelled']],
      );
      await world.pass(1100);
      assert.deepEqual([desk.up, flips.at(-1)?.result], [false, 'moved']);
    });

    it('S1-26 the other side’s user cannot give it up', async () => {
      const { leg } = await talking();
      await press(leg, '*91002#');
      const bob = { domain: 'pbx.test', userId: 'u200', admin: false };
      const refusal = world.core.cancelFlip(only(), bob);
      assert.equal(!refusal.ok && refusal.status, 409);
      assert.equal(world.at('1002').cancelled, undefined);
      assert.ok(world.core.cancelFlip(only(), admin).ok);
    });

    it('* on the phone cancels it too', async () => {
      const { leg } = await talking();
      world.core.flipCall(only(), { device: '1002' }, ada);
      await settle();
      await press(leg, '*');
      assert.ok(world.at('1002').cancelled);
    });
  });
});
