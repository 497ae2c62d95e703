import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { FakeIncoming, phoneSdp, type FakeDialog } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { answeredElsewhere } from '../call/fork.ts';
import { SipFailure } from '../call/signaling.ts';
import { moved } from '../call/swap.ts';
import type { FlipView } from '../call/call-view.ts';

describe('pull', () => {
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
  const talking = async (): Promise<{ far: FakeIncoming; desk: FakeDialog }> => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    return { far, desk };
  };
  const untouched = (far: FakeIncoming) => {
    assert.ok(far.dialog.up);
    assert.deepEqual([far.dialog.reinvites, far.dialog.requests], [[], []]);
  };
  const result = () => flips.map((flip) => flip.result);

  it('S0-11 S0-14 S0-55 S1-07 *33 brings a talking call to the device that dials it; the far party sees nothing', async () => {
    const { far, desk } = await talking();
    const before = world.core.calls.all()[0];
    const mobile = await world.dial('1002', '*33');
    assert.equal(mobile.final?.status, 200);
    assert.deepEqual(desk.bye_, moved);
    untouched(far);
    const call = world.core.calls.all()[0];
    assert.equal(call, before);
    assert.equal(
      call?.callee.leg?.endpoint.kind === 'device' && call.callee.leg.endpoint.device.extension,
      '1002',
    );
    assert.deepEqual(result(), ['ringing', 'answered', 'moved']);
    far.dialog.hangUp();
    assert.ok(!mobile.dialog.up);
  });

  it('S1-02 the new device is shown who it talks to (RFC 3325)', async () => {
    await talking();
    const mobile = await world.dial('1002', '*33');
    assert.equal(mobile.final?.headers?.['P-Asserted-Identity'], '"User 200" <sip:200@pbx.test>');
  });

  it('S1-07 the old device talks on until the new one is heard; make before break', async () => {
    world.engine.heard.clear();
    const { desk } = await talking();
    const mobile = await world.dial('1002', '*33');
    assert.equal(mobile.final?.status, 200);
    assert.ok(desk.up);
    world.engine.heard.add('*');
    await world.pass(20);
    assert.deepEqual(desk.bye_, moved);
  });

  it('a new device that sends nothing (muted) has the call after a second all the same', async () => {
    world.engine.heard.clear();
    const { desk } = await talking();
    await world.dial('1002', '*33');
    await world.pass(1100);
    assert.deepEqual(desk.bye_, moved);
  });

  it('a new device that never confirms leaves the call as it was', async () => {
    world.engine.heard.clear();
    const { far, desk } = await talking();
    const mobile = new FakeIncoming(world.endpoint('1002'));
    mobile.acks = false;
    world.send(mobile, '*33');
    await settle();
    await world.pass(5100);
    assert.ok(!mobile.dialog.up);
    assert.ok(desk.up);
    untouched(far);
    assert.equal(result().at(-1), 'failed');
    world.engine.heard.add('*');
    await world.dial('1003', '*33');
    assert.deepEqual(desk.bye_, moved);
  });

  it('a puller that gives up while it is being answered: the media is the old device’s again', async () => {
    const { far, desk } = await talking();
    const tag = world.core.calls.all()[0]?.callee.leg?.tag;
    const mobile = new FakeIncoming(world.endpoint('1002'));
    mobile.accept = () => Promise.reject(new SipFailure(487, 'Request Terminated'));
    world.send(mobile, '*33');
    await settle();
    assert.ok(desk.up);
    untouched(far);
    const last = world.engine.commands.findLast((c) => c.name === 'answer');
    assert.equal(last?.fields['to-tag'], tag);
    assert.equal(result().at(-1), 'failed');
  });

  describe('a puller whose codec the other party offered once, and the media engine cannot make', () => {
    const g729 = phoneSdp(4002, '18 101');
    const begin = async () => {
      const far = await world.dial('2001', '100', phoneSdp(4000, '0 18 101'));
      const desk = world.at('1001').answer(phoneSdp(5000, '0 101'));
      await settle();
      return { far, desk };
    };

    it('S1-16 the other party is asked for it, once', async () => {
      const { far, desk } = await begin();
      far.dialog.reinvite = (sdp) => {
        far.dialog.reinvites.push(sdp);
        return Promise.resolve(phoneSdp(4000, '18 101'));
      };
      const mobile = await world.dial('1002', '*33', g729);
      assert.equal(mobile.final?.status, 200);
      assert.match(mobile.final?.sdp ?? '', /RTP\/AVP 18 101/);
      assert.equal(far.dialog.reinvites.length, 1);
      assert.deepEqual(desk.bye_, moved);
    });

    for (const status of [408, 488, 491])
      it(`S1-58 S1-67 a trunk that answers every re-INVITE with ${status} keeps its call; the puller gets 488`, async () => {
        const { far, desk } = await begin();
        far.dialog.reinvite = () => Promise.reject(new SipFailure(status, 'no'));
        const mobile = await world.dial('1002', '*33', g729);
        assert.deepEqual([mobile.final?.status, mobile.final?.reason], [488, 'No common codec']);
        assert.ok(desk.up && far.dialog.up);
        await world.dial('1003', '*33');
        assert.deepEqual(desk.bye_, moved);
        assert.ok(far.dialog.up);
      });
  });

  it('S0-12 a ringing call is answered on the puller; the ringing devices are told it was answered elsewhere', async () => {
    const caller = await world.dial('2001', '100');
    world.at('1001').ring();
    const mobile = await world.dial('1002', '*33');
    assert.deepEqual([caller.final?.status, mobile.final?.status], [200, 200]);
    for (const device of ['1001', '1002', '1003'])
      assert.deepEqual(world.at(device).cancelled, answeredElsewhere);
    assert.deepEqual(result(), ['ringing', 'answered', 'moved']);
  });

  it('a ringing device that answers in the same instant: one has the call, and the caller is answered once', async () => {
    const caller = await world.dial('2001', '100');
    const mobile = new FakeIncoming(world.endpoint('1002'));
    world.send(mobile, '*33');
    const desk = world.at('1001').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    assert.equal(Number(desk.up) + Number(mobile.final?.status === 200 && mobile.dialog.up), 1);
  });

  it('the caller gives up while the puller is being answered: nobody is left in an empty call', async () => {
    for (let ticks = 0; ticks < 15; ticks++) {
      const caller = await world.dial('2001', '100');
      const mobile = new FakeIncoming(world.endpoint('1002'));
      world.send(mobile, '*33');
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      if (caller.final?.status === 200) caller.dialog.hangUp();
      else caller.cancel();
      await settle();
      assert.ok(mobile.final !== undefined);
      assert.ok(mobile.final.status !== 200 || !mobile.dialog.up, `after ${ticks} ticks`);
      assert.equal(world.core.calls.size, 0);
    }
  });

  it('S0-17 S0-18 S0-56 *331001 pulls from 1001 only', async () => {
    const one = await talking();
    const second = await world.dial('2002', '1003');
    const third = world.at('1003').answer();
    await settle();
    const mobile = await world.dial('1002', '*331001');
    assert.equal(mobile.final?.status, 200);
    assert.deepEqual(one.desk.bye_, moved);
    assert.ok(third.up && second.dialog.up);
  });

  it('X6 talking before held, newest first', async () => {
    const held = await talking();
    await held.desk.change(phoneSdp(5000, '0 8 101', 'sendonly'));
    const second = await world.dial('2002', '1003');
    const third = world.at('1003').answer();
    await settle();
    await world.dial('1002', '*33');
    assert.deepEqual(third.bye_, moved);
    assert.ok(second.dialog.up && held.desk.up);
  });

  it('a held call is pulled and resumed: the old hold does not survive (X7)', async () => {
    const { far, desk } = await talking();
    await desk.change(phoneSdp(5000, '0 8 101', 'sendonly'));
    const mobile = await world.dial('1002', '*33');
    assert.match(mobile.final?.sdp ?? '', /a=sendrecv/);
    assert.equal(world.core.calls.all()[0]?.view().state, 'talking');
    untouched(far);
  });

  it('S0-22 X8 the calling side may pull as well', async () => {
    const caller = await world.dial('1001', '200');
    const callee = world.at('2001').answer();
    await settle();
    const mobile = await world.dial('1002', '*33');
    assert.equal(mobile.final?.status, 200);
    assert.deepEqual(caller.dialog.bye_, moved);
    assert.ok(callee.up);
    assert.deepEqual(callee.reinvites, []);
  });

  it('S1-33 refused with a reason: not trusted, nothing to pull, no such device, not yours (X5)', async () => {
    const answer = async (from: string, code: string) => {
      const { final } = await world.dial(from, code);
      return [final?.status, final?.reason];
    };
    assert.deepEqual(await answer('1002', '*33'), [480, 'Nothing to pull']);
    await talking();
    await world.addDevice('100', '1009', { trusted: false });
    assert.deepEqual(await answer('1009', '*33'), [403, 'This device may not take calls over']);
    assert.deepEqual(await answer('1002', '*337777'), [404, 'No such device']);
    assert.deepEqual(await answer('1002', '*332001'), [403, 'Not your device']);
    assert.deepEqual(await answer('1002', '*331003'), [480, 'Nothing to pull']);
    assert.deepEqual(await answer('1001', '*33'), [480, 'Nothing to pull']);
  });

  it("S1-23 S1-37 another user's call cannot be pulled", async () => {
    await talking();
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Eve' });
    await world.addDevice('300', '3001');
    assert.equal((await world.dial('3001', '*33')).final?.status, 480);
  });

  it('no common codec is 488, and the call goes on (X5)', async () => {
    const { far, desk } = await talking();
    const mobile = await world.dial('1002', '*33', phoneSdp(4000, '18'));
    assert.deepEqual([mobile.final?.status, mobile.final?.reason], [488, 'No common codec']);
    assert.ok(desk.up);
    untouched(far);
  });

  it('a puller without an offer gets ours and answers in its ACK (RFC 3264 §4)', async () => {
    const { desk } = await talking();
    const mobile = new FakeIncoming(world.endpoint('1002'), '');
    mobile.acks = phoneSdp(4567);
    world.send(mobile, '*33');
    await settle();
    assert.match(mobile.final?.sdp ?? '', /m=audio 3\d+/);
    assert.deepEqual(desk.bye_, moved);
  });

  it('two devices dial *33 within the same instant: one wins, the other is told', async () => {
    const { far, desk } = await talking();
    world.engine.heard.clear();
    const two = [new FakeIncoming(world.endpoint('1002')), new FakeIncoming(world.endpoint('1003'))];
    for (const incoming of two) world.send(incoming, '*33');
    await settle();
    const won = two.find((i) => i.final?.status === 200);
    const lost = two.find((i) => i !== won);
    assert.deepEqual([lost?.final?.status, lost?.final?.reason], [486, 'The call is being moved already']);
    await world.pass(1100);
    assert.ok(won?.dialog.up && !desk.up);
    untouched(far);
  });

  it('S1-20 the old device hangs up while the new one is being connected: the call goes on', async () => {
    world.engine.heard.clear();
    const { far, desk } = await talking();
    const mobile = await world.dial('1002', '*33');
    desk.hangUp();
    await settle();
    assert.ok(far.dialog.up && mobile.dialog.up);
    await world.pass(1100);
    assert.ok(far.dialog.up && mobile.dialog.up);
    assert.equal(result().at(-1), 'moved');
  });

  it('the far party hangs up between the 200 and the ACK: both devices are released', async () => {
    world.engine.heard.clear();
    const { far, desk } = await talking();
    const mobile = new FakeIncoming(world.endpoint('1002'));
    mobile.acks = false;
    world.send(mobile, '*33');
    await settle();
    far.dialog.hangUp();
    await world.pass(100);
    assert.ok(!desk.up && !mobile.dialog.up);
    assert.equal(world.core.calls.size, 0);
    assert.equal(result().at(-1), 'failed');
  });

  it('the puller hangs up before it was heard: the call is as it was', async () => {
    world.engine.heard.clear();
    const { far, desk } = await talking();
    const mobile = await world.dial('1002', '*33');
    mobile.dialog.hangUp();
    await world.pass(100);
    assert.ok(desk.up);
    untouched(far);
    assert.equal(result().at(-1), 'failed');
    assert.equal(world.core.calls.all()[0]?.callee.leg?.dialog, desk);
  });

  it('both the old and the new device hang up: the far party is not left alone', async () => {
    world.engine.heard.clear();
    const { far, desk } = await talking();
    const mobile = await world.dial('1002', '*33');
    desk.hangUp();
    mobile.dialog.hangUp();
    await world.pass(100);
    assert.ok(!far.dialog.up);
    assert.equal(world.core.calls.size, 0);
  });

  it('S0-01 S1-69 from device to device and back, again and again, the far party always untouched', async () => {
    const { far } = await talking();
    for (const device of ['1002', '1003', '1001', '1003', '1002']) {
      const puller = await world.dial(device, '*33');
      assert.equal(puller.final?.status, 200);
    }
    untouched(far);
    const legs = world.core.calls.all()[0]?.legs.filter((leg) => leg.state === 'active');
    assert.equal(legs?.length, 2);
    const tags = new Set(
      world.engine.commands.filter((c) => c.name === 'delete').map((c) => c.fields['from-tag']),
    );
    assert.equal(tags.size, 5);
  });

  it("a user's own call that still rings is pulled by the user's other device, and by nobody else's", async () => {
    const desk = await world.dial('1001', '200');
    world.at('2001').ring();
    assert.equal((await world.dial('2002', '*331001')).final?.status, 403);
    const mobile = await world.dial('1002', '*33');
    assert.deepEqual([desk.final?.status, desk.final?.reason], [487, moved.text]);
    assert.deepEqual(mobile.progresses, [180]);
    const callee = world.at('2001').answer();
    await settle();
    assert.equal(mobile.final?.status, 200);
    assert.ok(callee.up);
    assert.deepEqual(callee.reinvites, []);
    assert.equal(result().at(-1), 'moved');
    callee.hangUp();
    assert.ok(!mobile.dialog.up);
  });

  it("a puller of the own ringing call that gives up cancels it; the callee's refusal reaches the puller", async () => {
    await world.dial('1001', '200');
    const mobile = await world.dial('1002', '*33');
    mobile.cancel();
    await settle();
    assert.ok(world.at('2001').cancelled);
    await world.dial('1001', '2002');
    const again = await world.dial('1002', '*33');
    world.at('2002').fail(486);
    await settle();
    assert.equal(again.final?.status, 486);
    assert.equal(world.core.calls.size, 0);
  });
});
