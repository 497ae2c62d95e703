import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { FakeIncoming, phoneSdp } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { answeredElsewhere } from './fork.ts';

describe('ring-all', () => {
  const text = (answer: unknown) => (typeof answer === 'string' ? answer : '');
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
  });
  afterEach(() => world.close());

  const header = (extension: string, name: string) => world.at(extension).invitation.headers[name] ?? '';
  const noCallLeft = () => {
    assert.equal(world.core.calls.size, 0);
    assert.equal(world.engine.live.size, 0);
  };

  it('S0-06 S0-36 a call to the user rings every device at once; the first to answer has it', async () => {
    const caller = await world.dial('2001', '100');
    for (const device of ['1001', '1002', '1003']) assert.ok(world.wasCalled(device));
    world.at('1001').ring();
    world.at('1003').ring();
    assert.deepEqual(caller.progresses, [180]);
    const talking = world.at('1002').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    assert.deepEqual(world.at('1001').cancelled, answeredElsewhere);
    assert.deepEqual(world.at('1003').cancelled, answeredElsewhere);
    assert.equal(world.at('1002').cancelled, undefined);
    assert.ok(talking.up);
    assert.equal(world.core.calls.all()[0]?.phase, 'talking');
  });

  it('a 200 that crosses the CANCEL gets a BYE, and the call goes on (RFC 3261 §13.2.2.4)', async () => {
    const caller = await world.dial('2001', '100');
    const winner = world.at('1001').answer();
    const late = world.at('1002').answer();
    await settle();
    assert.deepEqual(late.bye_, answeredElsewhere);
    assert.ok(winner.up);
    assert.equal(caller.final?.status, 200);
  });

  it('M-05 each leg has its own view: identity of the caller, nothing of its network', async () => {
    await world.dial('2001', '100', phoneSdp(4000), {
      From: '"Mallory" <sip:911@evil.example>;tag=1',
      'User-Agent': 'Secret/1.0',
    });
    assert.equal(header('1001', 'From'), '"User 200" <sip:200@pbx.test>');
    assert.equal(header('1001', 'P-Asserted-Identity'), '"User 200" <sip:200@pbx.test>');
    assert.equal(header('1001', 'To'), '<sip:100@pbx.test>');
    assert.equal(header('1001', 'Max-Forwards'), '69');
    assert.ok(!JSON.stringify(world.at('1001').invitation).includes('Secret'));
  });

  it('a withheld number stays withheld (RFC 3323, RFC 3325 §7)', async () => {
    await world.dial('2001', '100', phoneSdp(4000), { Privacy: 'id' });
    assert.match(header('1001', 'From'), /anonymous\.invalid/);
    assert.equal(header('1001', 'P-Asserted-Identity'), '');
    assert.ok(!JSON.stringify(world.at('1001').invitation.headers).includes('200'));
  });

  it('hang-up from either side ends both legs with a reason, and the media', async () => {
    const caller = await world.dial('2001', '100');
    const callee = world.at('1001').answer();
    await settle();
    callee.hangUp();
    await settle();
    assert.deepEqual(caller.dialog.bye_, { cause: 200, text: 'Call ended' });
    noCallLeft();
    const second = await world.dial('2001', '100');
    const again = world.at('1001').answer();
    await settle();
    second.dialog.hangUp();
    await settle();
    assert.deepEqual(again.bye_, { cause: 200, text: 'Call ended' });
    noCallLeft();
  });

  it("the caller's CANCEL stops every phone", async () => {
    const caller = await world.dial('2001', '100');
    caller.cancel();
    await settle();
    for (const device of ['1001', '1002', '1003']) assert.equal(world.at(device).cancelled?.cause, 487);
    noCallLeft();
  });

  it('a CANCEL at any moment of the way in leaves nothing behind', async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const before = world.phones.sent.length;
      const caller = new FakeIncoming(world.endpoint('2001'));
      world.send(caller, '100');
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      caller.cancel();
      await settle();
      for (const sent of world.phones.sent.slice(before)) assert.ok(sent.cancelled !== undefined);
      noCallLeft();
    }
  });

  it("a CANCEL that crosses the answer: the answering phone's leg is ended too", async () => {
    const caller = await world.dial('2001', '100');
    const answered = world.at('1001').answer();
    caller.cancel();
    await settle();
    assert.ok(!answered.up);
    noCallLeft();
  });

  it('nobody answers: 480 after the ring time, every phone told', async () => {
    const caller = await world.dial('2001', '100');
    world.at('1001').ring();
    await world.pass(60_000);
    assert.deepEqual([caller.final?.status, caller.final?.reason], [480, 'No answer']);
    assert.equal(world.at('1001').cancelled?.text, 'No answer');
    noCallLeft();
  });

  it('all busy is 486, one 603 is 603 for all, an unreachable phone alone is 480', async () => {
    const busy = await world.dial('2001', '100');
    world.at('1001').fail(486);
    world.at('1002').fail(486);
    world.at('1003').fail(408);
    await settle();
    assert.equal(busy.final?.status, 486);
    const declined = await world.dial('2001', '100');
    world.at('1001').fail(603);
    await settle();
    assert.equal(declined.final?.status, 603);
    assert.ok(world.at('1002').cancelled);
    const dead = await world.dial('2001', '1001');
    world.at('1001').fail(408);
    await settle();
    assert.deepEqual([dead.final?.status, dead.final?.reason], [480, 'Not reachable']);
    noCallLeft();
  });

  it('404 unknown, 484 empty, 480 nobody registered, 483 too many hops', async () => {
    assert.equal((await world.dial('2001', '999')).final?.status, 404);
    assert.equal((await world.dial('2001', '')).final?.status, 484);
    assert.equal((await world.dial('2001', '100', phoneSdp(1), { 'Max-Forwards': '0' })).final?.status, 483);
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Nobody' });
    const offline = await world.dial('2001', '300');
    assert.deepEqual([offline.final?.status, offline.final?.reason], [480, 'Not registered']);
    noCallLeft();
  });

  it('a device that registers while it rings joins in', async () => {
    const caller = await world.dial('2001', '100');
    await world.addDevice('100', '1004');
    await settle();
    world.at('1004').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    assert.deepEqual(world.at('1001').cancelled, answeredElsewhere);
  });

  it("S3-18 a device's own extension rings that device alone", async () => {
    await world.dial('2001', '1002');
    assert.ok(world.wasCalled('1002'));
    assert.ok(!world.wasCalled('1001'));
  });

  it('a user who calls the own number rings the other devices, not the one that calls', async () => {
    await world.dial('1001', '100');
    assert.ok(world.wasCalled('1002') && world.wasCalled('1003'));
    assert.ok(!world.wasCalled('1001'));
  });

  it('a redirect is followed within the directory, and not out of it', async () => {
    const caller = await world.dial('2001', '1001');
    world.at('1001').fail(302, ['sip:1002@pbx.test']);
    await settle();
    world.at('1002').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    const second = await world.dial('2001', '1003');
    world.at('1003').fail(302, ['sip:+15550100@carrier.example']);
    await settle();
    assert.equal(second.final?.status, 480);
  });

  it('S0-34 groups ring all at once, or one after the other', async () => {
    const group = { domain: 'pbx.test', name: 'Support', members: ['100', '200'] };
    await world.directory.putGroup({ ...group, id: 'g1', extension: '500', ring: 'all' });
    await world.directory.putGroup({ ...group, id: 'g2', extension: '501', ring: 'order', memberSeconds: 5 });
    await world.addDevice('100', '1009');
    const caller = await world.dial('1009', '500');
    assert.ok(world.wasCalled('1001') && world.wasCalled('2001'));
    world.at('1001').fail(603);
    await settle();
    assert.equal(world.at('2001').cancelled, undefined);
    caller.cancel();
    await settle();
    world.phones.sent.length = 0;
    const hunted = await world.dial('1009', '501');
    assert.ok(world.wasCalled('1001') && !world.wasCalled('2001'));
    await world.pass(5000);
    assert.ok(world.wasCalled('2001'));
    world.at('2002').answer();
    await settle();
    assert.equal(hunted.final?.status, 200);
  });

  it('early media of a lone phone is passed on as 183', async () => {
    const caller = await world.dial('2001', '1001');
    world.at('1001').ring(183, phoneSdp(6000));
    await settle();
    assert.deepEqual(caller.progresses, [183]);
  });

  it('a caller without an offer gets ours in the 200, and its ACK completes the media (RFC 3264 §4)', async () => {
    const caller = new FakeIncoming(world.endpoint('2001'), '');
    caller.acks = phoneSdp(4444);
    world.send(caller, '100');
    await settle();
    world.at('1001').answer();
    await settle();
    assert.match(caller.final?.sdp ?? '', /m=audio 3\d+/);
    const last = world.engine.commands.filter((c) => c.name === 'offer').at(-1);
    assert.match(text(last?.fields['sdp']), /m=audio 4444/);
  });

  it('without a media engine the caller gets 500 with a reason, and no phone is left ringing', async () => {
    world.engine.broken.add('offer');
    const caller = await world.dial('2001', '100');
    assert.deepEqual([caller.final?.status, caller.final?.reason], [500, 'No media available']);
    noCallLeft();
    world.engine.broken.clear();
    world.engine.broken.add('answer');
    const second = await world.dial('2001', '100');
    const phone = world.at('1001').answer();
    await settle();
    assert.equal(second.final?.status, 500);
    assert.ok(!phone.up);
    noCallLeft();
  });

  it('holds, refreshes and delayed offers are answered on each leg alone: the other phone is never re-INVITEd', async () => {
    const caller = await world.dial('2001', '100');
    const callee = world.at('1001').answer();
    await settle();
    const held = await caller.dialog.change(phoneSdp(4000, '0 8 101', 'sendonly'));
    assert.match(text(held), /a=recvonly/);
    assert.equal(world.core.calls.all()[0]?.view().state, 'held');
    const again = await caller.dialog.change(phoneSdp(4000, '0 8 101', 'sendonly'));
    assert.equal(again, held);
    const resumed = await caller.dialog.change(phoneSdp(4000));
    assert.match(text(resumed), /a=sendrecv/);
    assert.equal(await callee.change(undefined, 'UPDATE'), undefined);
    const offer = await callee.change(undefined, 'INVITE', phoneSdp(7777));
    assert.match(text(offer), /m=audio 3\d+/);
    await settle();
    assert.match(
      text(world.engine.commands.findLast((c) => c.name === 'offer')?.fields['sdp']),
      /m=audio 7777/,
    );
    const noCodec = await callee.change(phoneSdp(5000, '18'));
    assert.equal((noCodec as { status: number }).status, 488);
    assert.deepEqual([caller.dialog.reinvites, callee.reinvites], [[], []]);
  });

  it('MESSAGE and INFO within the call reach the other phone', async () => {
    const caller = await world.dial('2001', '100');
    const callee = world.at('1001').answer();
    await settle();
    const { status } = await caller.dialog.send('MESSAGE', 'hello', {
      'Content-Type': 'text/plain',
      Via: 'secret',
    });
    assert.equal(status, 200);
    assert.deepEqual(callee.requests, [
      { method: 'MESSAGE', headers: { 'Content-Type': 'text/plain' }, body: 'hello' },
    ]);
  });
});
