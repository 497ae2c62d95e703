import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { defaultSettings } from '../call/settings.ts';
import { FakeIncoming, phoneSdp } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

const day = 86_400_000;

describe('cold routes', () => {
  let world: World;
  let clock: VirtualClock;
  beforeEach(async () => {
    clock = new VirtualClock();
    world = await World.create(clock);
    world.engine.heard.add('*');
  });
  afterEach(async () => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    await world.pass(1000);
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  const played = () => world.engine.commands.filter((c) => c.name === 'play media').length;
  /** Dials a code and waits for the end of it. */
  const dial = async (from: string, code: string): Promise<FakeIncoming> => {
    const incoming = await world.dial(from, code);
    await world.pass(1000);
    return incoming;
  };
  /** Which devices ring when somebody calls. */
  const rings = async (dialled = '100', from = '2001'): Promise<string[]> => {
    world.phones.sent.length = 0;
    const far = await world.dial(from, dialled);
    const rung = ['1001', '1002', '1003', '2001', '2002', '2003'].filter((d) => world.wasCalled(d));
    far.cancel();
    await settle();
    return rung;
  };
  const confirmed = (incoming: FakeIncoming) => {
    assert.equal(incoming.final?.status, 200);
    assert.deepEqual(incoming.dialog.bye_, { cause: 200, text: 'Done' });
    assert.equal(world.core.calls.size, 0);
  };
  const refused = (incoming: FakeIncoming, status: number, reason: string) => {
    assert.deepEqual([incoming.final?.status, incoming.final?.reason, played()], [status, reason, 0]);
    assert.deepEqual(world.coldRoutes.all(), []);
  };

  it('S0-36 by default all devices ring', async () => {
    assert.deepEqual(await rings(), ['1001', '1002', '1003']);
  });

  it('S0-38 S0-39 S0-40 S0-41 S0-59 *50: a beep, and from then on this device alone rings', async () => {
    confirmed(await dial('1002', '*50'));
    assert.equal(played(), 1);
    assert.deepEqual(await rings(), ['1002']);
  });

  it('S0-03 S0-07 S0-45 S0-47 S0-48 S0-49 S0-60 *491002 from any own device', async () => {
    confirmed(await dial('1003', '*491002'));
    assert.equal(played(), 1);
    assert.deepEqual(await rings(), ['1002']);
  });

  it('S0-52 S0-53 S0-54 S0-61 *51, from a device that is silenced too', async () => {
    await dial('1002', '*50');
    confirmed(await dial('1001', '*51'));
    assert.deepEqual(await rings(), ['1001', '1002', '1003']);
  });

  it('S0-76 *51 with nothing to reset is confirmed', async () => {
    confirmed(await dial('1001', '*51'));
    assert.equal(played(), 1);
  });

  it('a silenced device can change it again, and still call', async () => {
    await dial('1002', '*50');
    await dial('1001', '*50');
    assert.deepEqual(await rings(), ['1001']);
    world.phones.sent.length = 0;
    const own = await world.dial('1003', '200');
    assert.ok(world.wasCalled('2001'));
    own.cancel();
  });

  it('S0-37 S0-69 S0-70 no timer and no new registration takes it back', async () => {
    await dial('1002', '*50');
    clock.advance(30 * day);
    for (const device of ['1001', '1002', '1003']) await world.register(device);
    assert.deepEqual(await rings(), ['1002']);
  });

  it('S0-71 the phone that rings alone says so behind the caller’s name, and no other phone does', async () => {
    const shown = (extension: string) =>
      /^"([^"]*)"/.exec(world.at(extension).invitation.headers['From'] ?? '')?.[1];
    await rings();
    assert.equal(shown('1002'), 'User 200');
    await dial('1002', '*50');
    await rings();
    assert.equal(shown('1002'), 'User 200 (only here)');
    assert.match(world.at('1002').invitation.headers['From'] ?? '', /<sip:200@/, 'the number stays');
    await rings('200', '1001');
    assert.equal(shown('2001'), 'User 100', 'a call from it');
    await dial('1002', '*51');
    await rings();
    assert.equal(shown('1002'), 'User 200');
  });

  it('S0-71 the words are the configuration’s, or none; a withheld caller stays withheld', async () => {
    world.close();
    const { features } = defaultSettings;
    world = await World.create(clock, { features: { ...features, coldRoute: { reminder: '' } } });
    await dial('1002', '*50');
    await rings();
    assert.match(world.at('1002').invitation.headers['From'] ?? '', /^"User 200" </);
    world.close();
    world = await World.create(clock);
    await dial('1002', '*50');
    await world.dial('2001', '100', phoneSdp(4000), { Privacy: 'id' });
    assert.match(world.at('1002').invitation.headers['From'] ?? '', /^"Anonymous" <sip:anonymous@/);
  });

  it('S0-75 from the desk phone to the desktop app, which starts to get the calls', async () => {
    confirmed(await dial('1001', '*491003'));
    assert.deepEqual(await rings(), ['1003']);
  });

  it('S0-72 S0-73 one user’s changes nothing for another', async () => {
    await dial('1002', '*50');
    assert.deepEqual(await rings('200', '1001'), ['2001', '2002', '2003']);
    await dial('2003', '*50');
    assert.deepEqual(await rings(), ['1002']);
    assert.deepEqual(await rings('200', '1001'), ['2003']);
  });

  it('S0-35 in a group, a member’s cold route holds as well; a device called by its own extension rings', async () => {
    await world.directory.putGroup({
      id: 'g500',
      domain,
      extension: '500',
      name: 'Support',
      ring: 'all',
      members: ['100', '200'],
    });
    await dial('1002', '*50');
    assert.deepEqual(await rings('500', '2001'), ['1002', '2002', '2003']);
    assert.deepEqual(await rings('1001'), ['1001']);
  });

  it('X5 a device that does not exist, somebody else’s, one’s own extension, nothing: refused, no beep', async () => {
    refused(await dial('1001', '*499999'), 404, 'No such device');
    refused(await dial('1001', '*492001'), 403, 'Not your device');
    refused(await dial('1001', '*49200'), 403, 'Not your device');
    refused(await dial('1001', '*49100'), 404, 'No such device');
    assert.equal((await dial('1001', '*49')).final?.status, 404);
    assert.equal((await dial('1001', '*501')).final?.status, 404);
  });

  it('a device that is not trusted directs no calls, and may be directed to', async () => {
    await world.addDevice('100', '1009', { trusted: false });
    refused(await dial('1009', '*50'), 403, 'This device may not direct calls');
    refused(await dial('1009', '*491001'), 403, 'This device may not direct calls');
    refused(await dial('1009', '*51'), 403, 'This device may not direct calls');
    confirmed(await dial('1001', '*491009'));
  });

  it('S0-46 S0-50 S0-51 X12 a device that is away: nobody else rings; it does the moment it registers', async () => {
    await world.bindings.removeDevice('d1003');
    confirmed(await dial('1001', '*491003'));
    world.phones.sent.length = 0;
    const far = await world.dial('2001', '100');
    assert.deepEqual(far.progresses, [180]);
    await world.pass(5000);
    assert.equal(world.phones.sent.length, 0);
    await world.register('1002');
    await settle();
    assert.equal(world.phones.sent.length, 0);
    await world.register('1003');
    await settle();
    world.at('1003').answer();
    await settle();
    assert.equal(far.final?.status, 200);
    assert.equal(world.phones.sent.length, 1);
  });

  it('X12 one that does not come within the ring time: 480, and never silently all', async () => {
    await world.bindings.removeDevice('d1003');
    await dial('1001', '*491003');
    world.phones.sent.length = 0;
    const far = await world.dial('2001', '100');
    clock.advance(60_000);
    await settle();
    assert.equal(far.final?.status, 480);
    assert.equal(world.phones.sent.length, 0);
  });

  it('a caller who gives up before it registers leaves nothing behind', async () => {
    await world.bindings.removeDevice('d1003');
    await dial('1001', '*491003');
    const far = await world.dial('2001', '100');
    far.cancel();
    await settle();
    world.phones.sent.length = 0;
    await world.register('1003');
    await settle();
    assert.equal(world.phones.sent.length, 0);
    assert.equal(world.core.calls.size, 0);
  });

  it('a device that is removed takes its cold route with it', async () => {
    await dial('1002', '*50');
    await world.directory.removeDevice('d1002');
    await settle();
    assert.equal(world.coldRoutes.of('u100'), undefined);
    assert.deepEqual(await rings(), ['1001', '1003']);
  });

  it('S1-04 *9# and a push to an own device are flips: a cold route does not stand in their way', async () => {
    await dial('1001', '*50');
    const far = await world.dial('2001', '100');
    world.at('1001').answer();
    await settle();
    world.phones.sent.length = 0;
    const call = world.core.calls.all()[0];
    assert.ok(call);
    const started = world.core.flipCall(
      call.id,
      { to: 'other-devices' },
      { domain, userId: 'u100', admin: false },
    );
    assert.ok(started.ok);
    await settle();
    assert.ok(world.wasCalled('1002') && world.wasCalled('1003'));
    far.dialog.hangUp();
  });

  describe('what can go wrong', () => {
    it('a phone without an offer is answered with ours (RFC 3264 §4)', async () => {
      const incoming = new FakeIncoming(world.endpoint('1002'), '');
      incoming.acks = phoneSdp(4000);
      world.send(incoming, '*50');
      await world.pass(1000);
      confirmed(incoming);
      assert.equal(played(), 1);
    });

    it('S1-55 a phone that never sends a packet hears it all the same', async () => {
      world.engine.heard.clear();
      const incoming = await world.dial('1002', '*50');
      await world.pass(2000);
      confirmed(incoming);
      assert.equal(played(), 1);
    });

    it('leaves no timer behind', async () => {
      const before = clock.pending;
      confirmed(await dial('1002', '*50'));
      assert.equal(clock.pending, before);
    });

    it('a phone that never confirms is let go', async () => {
      const incoming = new FakeIncoming(world.endpoint('1002'));
      incoming.acks = false;
      world.send(incoming, '*50');
      await world.pass(7000);
      confirmed(incoming);
    });

    it('a phone that hangs up first', async () => {
      const incoming = await world.dial('1002', '*50');
      incoming.dialog.hangUp();
      await world.pass(1000);
      assert.equal(incoming.dialog.bye_, 'none');
      assert.deepEqual(await rings(), ['1002']);
    });

    it('no common codec, or no media engine: refused, and nothing is changed', async () => {
      const strange = phoneSdp(4000, '18').replace('a=rtpmap:101 telephone-event/8000\r\n', '');
      assert.equal((await world.dial('1002', '*50', strange)).final?.status, 488);
      world.engine.broken.add('offer');
      assert.equal((await world.dial('1002', '*50')).final?.status, 500);
      assert.deepEqual(world.coldRoutes.all(), []);
    });

    it('a store that cannot save: refused without a beep, and nothing is changed', async () => {
      world.coldRoutes.set = () => Promise.reject(new Error('disk full'));
      refused(await dial('1002', '*50'), 500, 'Not saved');
    });
  });

  describe('by API', () => {
    const own = { domain, userId: 'u100', admin: false };
    const administrator = { domain, admin: true };

    it('is set, shown and taken back', async () => {
      const set = await world.core.coldRoutes.set('100', '1002', own);
      assert.ok(set.ok);
      assert.deepEqual(
        [set.coldRoute?.device, set.coldRoute?.name, set.coldRoute?.setBy],
        ['1002', '1002', 'user 100'],
      );
      assert.deepEqual(await rings(), ['1002']);
      await dial('1003', '*50');
      const shown = world.core.coldRoutes.get('100', administrator);
      assert.ok(shown.ok);
      assert.deepEqual([shown.coldRoute?.device, shown.coldRoute?.setBy], ['1003', '1003']);
      const cleared = await world.core.coldRoutes.set('100', undefined, administrator);
      assert.deepEqual(cleared, { ok: true, coldRoute: undefined });
      assert.deepEqual(await rings(), ['1001', '1002', '1003']);
    });

    it('S1-26 of no other user, and to no other user’s device', async () => {
      const stranger = { domain, userId: 'u200', admin: false };
      assert.deepEqual(await world.core.coldRoutes.set('100', '1002', stranger), {
        ok: false,
        status: 404,
        reason: 'No such user',
      });
      const answers = [
        await world.core.coldRoutes.set('100', '2001', own),
        await world.core.coldRoutes.set('100', '9999', own),
        world.core.coldRoutes.get('100', { domain: 'other.test', admin: true }),
      ];
      assert.deepEqual(
        answers.map((a) => (a.ok ? 200 : a.status)),
        [403, 404, 404],
      );
    });
  });
});
