import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { CallView } from '../call/call-view.ts';
import { defaultSettings } from '../call/settings.ts';
import { FakeEngine } from '../testing/fake-engine.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

describe('rescue of a call whose device died (X14)', () => {
  let world: World;
  let ended: CallView | undefined;
  const begin = async (rescueSeconds = 30, announces = true) => {
    const engine = new FakeEngine();
    engine.announces = announces;
    const { features } = defaultSettings;
    world = await World.create(
      new VirtualClock(),
      {
        features: { ...features, rescue: { seconds: rescueSeconds } },
      },
      engine,
    );
    world.engine.heard.add('*');
    ended = undefined;
    world.core.events.on('ended', (view) => (ended = view));
  };
  beforeEach(() => begin());
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
  const call = () => world.core.calls.all()[0];
  const tagOf = (side: 'caller' | 'callee') => call()?.party(side).leg?.tag ?? '';
  const tell = (type: string, side: 'caller' | 'callee' = 'callee') =>
    world.core.dtmfLog(
      new TextEncoder().encode(
        JSON.stringify({ callid: call()?.id, source_tag: tagOf(side), type, media: 1 }),
      ),
    );
  /** The desk phone is gone: silent, and it answers nothing. */
  const dies = async (desk: FakeDialog) => {
    desk.answersWith = 0;
    tell('MEDIA_TIMEOUT');
    await world.pass(4100);
  };
  const played = () => world.engine.commands.filter((c) => c.name === 'play media');
  const device = () => {
    const endpoint = call()?.callee.leg?.endpoint;
    return endpoint?.kind === 'device' ? endpoint.device.extension : undefined;
  };

  it('S3-03 the far party is kept and hears a soft tone; *33 from an own device gets the call back', async () => {
    const { far, desk } = await talking();
    const tag = tagOf('caller');
    await dies(desk);
    assert.ok(far.dialog.up);
    assert.deepEqual(
      played().map((c) => c.fields['from-tag']),
      [tag],
    );
    await world.pass(20_000);
    assert.ok(played().length > 2);
    const mobile = await world.dial('1002', '*33');
    assert.equal(mobile.final?.status, 200);
    await settle();
    assert.equal(device(), '1002');
    assert.ok(far.dialog.up);
    assert.deepEqual(far.dialog.reinvites, []);
    const tones = played().length;
    await world.pass(60_000);
    assert.equal(played().length, tones);
    assert.ok(far.dialog.up && mobile.dialog.up);
    assert.deepEqual(
      call()?.flips.map((flip) => [flip.kind, flip.result, flip.to]),
      [
        ['rescue', 'moved', '1002'],
        ['pull', 'moved', '1002'],
      ],
    );
  });

  it('the device that died dials *33 itself', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    const again = await world.dial('1001', '*33');
    assert.equal(again.final?.status, 200);
    assert.ok(far.dialog.up);
    assert.equal(device(), '1001');
  });

  it('an own device that registers is rung, and its answer gets the call back', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    const { length } = world.phones.sent;
    await world.addDevice('100', '1004');
    await settle();
    assert.equal(world.phones.sent.length, length + 1);
    const answered = world.at('1004').answer();
    await settle();
    assert.equal(device(), '1004');
    assert.ok(far.dialog.up && answered.up);
    assert.deepEqual(
      call()?.flips.map((flip) => [flip.kind, flip.result, flip.to]),
      [['rescue', 'moved', '1004']],
    );
  });

  it('S1-33 a device that is not trusted, or not the user’s, is not rung', async () => {
    const { desk } = await talking();
    await dies(desk);
    const { length } = world.phones.sent;
    await world.addDevice('100', '1004', { trusted: false });
    await world.addDevice('200', '2004');
    await settle();
    assert.equal(world.phones.sent.length, length);
  });

  it('after the time the far party gets BYE with the reason, and the record says so', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    await world.pass(29_000);
    assert.ok(far.dialog.up);
    await world.pass(1500);
    assert.ok(!far.dialog.up);
    assert.deepEqual(far.dialog.bye_, { cause: 480, text: 'The other device was lost' });
    assert.deepEqual(ended?.ended, { cause: 480, text: 'The other device was lost' });
    assert.equal(ended.endedBy, 'callee');
    assert.match(ended.decisions.at(-1) ?? '', /device 1001 lost: silent/);
    assert.deepEqual(
      ended.flips.map((flip) => [flip.kind, flip.result, flip.reason]),
      [['rescue', 'failed', 'Nobody took the call back']],
    );
  });

  it('what rings when the time is over may still answer', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    await world.pass(29_000);
    await world.addDevice('100', '1004');
    await world.pass(3000);
    assert.ok(far.dialog.up);
    world.at('1004').answer();
    await settle();
    assert.equal(device(), '1004');
    await world.pass(60_000);
    assert.ok(far.dialog.up);
  });

  it('one that declines does not end it', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    await world.addDevice('100', '1004');
    await settle();
    world.at('1004').fail(486);
    await settle();
    assert.ok(far.dialog.up);
    await world.dial('1002', '*33');
    assert.equal(device(), '1002');
  });

  it('a pull takes it from a device that rings for it', async () => {
    const { desk } = await talking();
    await dies(desk);
    await world.addDevice('100', '1004');
    await settle();
    await world.dial('1002', '*33');
    assert.equal(device(), '1002');
    assert.ok(world.at('1004').cancelled);
  });

  it('a muted phone that answers OPTIONS is left alone, and asked again', async () => {
    const { far, desk } = await talking();
    tell('MEDIA_TIMEOUT');
    await world.pass(5000);
    assert.equal(desk.requests.length, 1);
    assert.deepEqual(call()?.flips, []);
    desk.answersWith = 0;
    await world.pass(20_000);
    assert.equal(call()?.flips[0]?.kind, 'rescue');
    assert.ok(far.dialog.up);
  });

  it('the device speaks again: nothing has happened', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    const tag = tagOf('callee');
    await world.pass(1000);
    world.engine.packets.set(tag, 50);
    await world.pass(2000);
    assert.ok(far.dialog.up && desk.up);
    await world.pass(60_000);
    assert.ok(far.dialog.up && desk.up);
    assert.equal(call()?.flips[0]?.reason, 'The device is back');
  });

  it('its connection closes: silent and unanswered it is lost, speaking it is not', async () => {
    const { desk } = await talking();
    const [binding] = world.bindings.ofDevice('d1001');
    world.engine.packets.set(tagOf('callee'), 10);
    await world.bindings.remove(binding?.id ?? '', 'flow closed');
    world.engine.packets.set(tagOf('callee'), 10);
    await settle();
    world.engine.packets.set(tagOf('callee'), 30);
    await world.pass(1000);
    assert.equal(desk.requests.length, 0);
    await world.register('1001');
    const [second] = world.bindings.ofDevice('d1001');
    desk.answersWith = 503;
    const leg = call()?.callee.leg;
    assert.ok(leg !== undefined);
    Object.assign(leg, { endpoint: { ...leg.endpoint, binding: second } });
    await world.bindings.remove(second?.id ?? '', 'flow closed');
    await world.pass(1000);
    assert.equal(call()?.flips[0]?.kind, 'rescue');
  });

  it('its session timer expires (RFC 4028 §10)', async () => {
    const { far, desk } = await talking();
    desk.hangUp({ cause: 200, text: 'Session timer expired' });
    await settle();
    assert.ok(far.dialog.up);
    await world.dial('1002', '*33');
    assert.equal(device(), '1002');
    assert.ok(far.dialog.up);
  });

  it('a BYE of its own ends the call, before and during the rescue', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    desk.hangUp();
    assert.ok(!far.dialog.up);
  });

  it('the far party may die too, and be rescued or ended', async () => {
    const { far, desk } = await talking();
    await dies(desk);
    far.dialog.answersWith = 0;
    tell('MEDIA_TIMEOUT', 'caller');
    await world.pass(4100);
    assert.equal(call()?.flips.length, 2);
    await world.pass(31_000);
    assert.equal(world.core.calls.size, 0);
  });

  it('where the media engine does not tell, it is asked: a leg that sends nothing for 20 s is looked after', async () => {
    world.close();
    await begin(30, false);
    const { far, desk } = await talking();
    const tags = { caller: tagOf('caller'), callee: tagOf('callee') };
    desk.answersWith = 0;
    let sent = 100;
    const speaking = async (ms: number, ...sides: ('caller' | 'callee')[]) => {
      for (let passed = 0; passed < ms; passed += 1000) {
        sent += 50;
        for (const side of sides) world.engine.packets.set(tags[side], sent);
        await world.pass(1000);
      }
    };
    await speaking(40_000, 'caller', 'callee');
    assert.deepEqual([desk.requests.length, call()?.flips.length], [0, 0]);
    await speaking(40_000, 'caller');
    assert.equal(call()?.flips[0]?.kind, 'rescue');
    assert.deepEqual(far.dialog.requests, []);
  });

  it('with 0 seconds the call ends at once', async () => {
    world.close();
    await begin(0);
    const { far, desk } = await talking();
    await dies(desk);
    assert.deepEqual(far.dialog.bye_, { cause: 480, text: 'The other device was lost' });
  });
});
