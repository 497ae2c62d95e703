import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { VirtualClock } from '../../testing/index.ts';
import type { CallView, FlipView } from '../call/call-view.ts';
import type { Call } from '../call/call.ts';
import { defaultSettings } from '../call/settings.ts';
import { moved } from '../call/swap.ts';
import { phoneSdp, type FakeDialog, type FakeIncoming } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

const ada = { domain, userId: 'u100', admin: false };

describe('a flip, as its user lives it', () => {
  let world: World;
  let flips: FlipView[];
  let ended: CallView[];
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    flips = [];
    ended = [];
    world.core.events.on('flip', ({ flip }) => flips.push(flip));
    world.core.events.on('ended', (view) => ended.push(view));
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  type Talk = { readonly call: Call; readonly far: FakeIncoming; readonly near: FakeDialog };
  /** 2001 calls 100, which answers on `device`. */
  const talking = async (device = '1001'): Promise<Talk> => {
    const far = await world.dial('2001', '100');
    const near = world.at(device).answer();
    await settle();
    world.phones.sent.length = 0;
    const call = world.core.calls.all()[0];
    assert.ok(call);
    return { call, far, near };
  };
  const press = async (call: Call, text: string): Promise<void> => {
    for (const digit of text) {
      const event = '0123456789*#'.indexOf(digit);
      const source = call.callee.leg?.tag;
      const said = { callid: call.id, source_tag: source, type: 'DTMF', event, duration: 120, volume: 10 };
      world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
      await settle();
    }
  };
  /** What the other party could notice: a request in its dialog, a sound of ours, or its end. */
  const noticed = ({ call, far }: Talk) => ({
    requests: [...far.dialog.reinvites, ...far.dialog.requests],
    sounds: world.engine.commands.filter(
      ({ name, fields }) => name === 'play media' && fields['from-tag'] === call.caller.leg?.tag,
    ).length,
    up: far.dialog.up,
  });
  const nothing = { requests: [], sounds: 0, up: true };
  const speaker = (call: Call) => {
    const endpoint = call.callee.leg?.endpoint;
    return endpoint?.kind === 'device' ? endpoint.device.extension : undefined;
  };
  /** The tag of the device that the media engine was last told to connect to the other party. */
  const connected = () => world.engine.commands.findLast(({ name }) => name === 'answer')?.fields['to-tag'];

  for (const [how, begin] of [
    ['a key', ({ call }: Talk) => press(call, '*91002#')],
    [
      'the app',
      ({ call }: Talk) => Promise.resolve(void world.core.flipCall(call.id, { device: '1002' }, ada)),
    ],
  ] as const)
    it(`S1-18 S1-19 S1-20 S1-21 S3-05 the checklist, begun by ${how}: B rings, B answers, the audio moves, A hangs up; the customer keeps talking`, async () => {
      const talk = await talking();
      await begin(talk);
      await settle();
      world.at('1002').ring();
      await world.pass(5000);
      assert.deepEqual([speaker(talk.call), talk.near.up], ['1001', true]);
      const b = world.at('1002').answer();
      await settle();
      assert.equal(speaker(talk.call), '1002');
      talk.near.hangUp();
      await world.pass(2000);
      assert.deepEqual([talk.call.phase, b.up, flips.at(-1)?.result], ['talking', true, 'moved']);
      assert.deepEqual(noticed(talk), nothing);
    });

  it('S1-10 while B rings nothing is retargeted; with its answer the media and the call are', async () => {
    const talk = await talking();
    const desk = talk.call.callee.leg;
    await press(talk.call, '*91002#');
    world.at('1002').ring();
    await settle();
    assert.deepEqual([connected(), talk.call.callee.leg], [desk?.tag, desk]);
    world.at('1002').answer();
    await settle();
    assert.deepEqual([connected() === desk?.tag, connected()], [false, talk.call.callee.leg?.tag]);
  });

  it('S0-08 S1-01 S1-03 S1-11 S3-01 S3-15 S3-21 an established call goes on as the same one: a new leg, one id, one user, one record', async () => {
    const talk = await talking();
    const before = talk.near.callId;
    const mobile = await world.dial('1002', '*33');
    const laptop = await world.dial('1003', '*33');
    assert.notEqual(mobile.dialog.callId, before);
    assert.deepEqual(world.core.calls.all(), [talk.call]);
    assert.deepEqual(noticed(talk), nothing);
    laptop.dialog.hangUp();
    assert.deepEqual(
      ended.map(({ id }) => id),
      [talk.call.id],
    );
    const [view] = ended;
    const own = view?.legs.filter((leg) => leg.userId === 'u100' && leg.answeredAt !== undefined);
    assert.deepEqual(
      own?.map((leg) => leg.device),
      ['1001', '1002', '1003'],
    );
    assert.deepEqual([view?.from, view?.to], ['200', '100']);
  });

  for (const [ids, from, to] of [
    ['S3-11', '1001', '1002'],
    ['S3-12', '1002', '1001'],
    ['S3-13', '1003', '1002'],
    ['S3-14', '1003', '1001'],
  ] as const)
    it(`${ids} from ${from} to ${to}: the old device is told that it is over, and speaks for nobody any more`, async () => {
      const talk = await talking(from);
      const next = await world.dial(to, '*33');
      assert.deepEqual([talk.near.bye_, speaker(talk.call), next.dialog.up], [moved, to, true]);
      const old = talk.call.legs.find((leg) => leg.dialog === talk.near);
      // Its microphone and its loudspeaker are out of the call: the media engine has forgotten it.
      const gone = world.engine.commands.some(
        ({ name, fields }) => name === 'delete' && fields['from-tag'] === old?.tag,
      );
      assert.ok(gone);
      talk.near.hangUp();
      assert.equal(talk.call.phase, 'talking');
      assert.deepEqual(noticed(talk), nothing);
    });

  it('S0-16 S0-32 S0-63 S3-17 neither hold, sound nor request comes to the other party while a push is dialled, rings, is cancelled, fails and succeeds', async () => {
    const talk = await talking();
    await press(talk.call, '*91002#');
    world.at('1002').ring();
    await settle();
    await press(talk.call, '*');
    world.at('1002').fail(487);
    await press(talk.call, '*91002#');
    world.at('1002').fail(486);
    await settle();
    await press(talk.call, '*91003#');
    world.at('1003').answer();
    await settle();
    assert.equal(speaker(talk.call), '1003');
    assert.deepEqual(noticed(talk), nothing);
    const offered = world.engine.commands.filter(({ name }) => name === 'offer');
    assert.ok(offered.every(({ fields }) => !/a=(sendonly|inactive)/.test(String(fields['sdp']))));
  });

  describe('which devices take over', () => {
    it('S1-09 S1-26 S1-33 *9# rings the trusted ones alone; an untrusted one is not to be had by its extension either', async () => {
      await world.addDevice('100', '1009', { trusted: false });
      const talk = await talking();
      await press(talk.call, '*9#');
      const rung = ['1002', '1003', '1009'].filter((device) => world.wasCalled(device));
      assert.deepEqual(rung, ['1002', '1003']);
      await world.register('1009');
      await settle();
      assert.ok(!world.wasCalled('1009'));
      await press(talk.call, '*');
      for (const device of ['1002', '1003']) world.at(device).fail(487);
      await settle();
      await press(talk.call, '*91009#');
      assert.ok(!world.wasCalled('1009'));
      assert.deepEqual([talk.near.up, talk.call.phase], [true, 'talking']);
      // It rings for a call like any other.
      await world.dial('2002', '1009');
      assert.ok(world.wasCalled('1009'));
    });

    it('S1-22 S1-30 a device that signs in as somebody else has no part in it, whatever it is called', async () => {
      const talk = await talking();
      const device = world.directory.device(domain, '1002');
      assert.ok(device);
      await world.directory.putUser({ id: 'u300', domain, extension: '300', name: 'User 300' });
      await world.directory.putDevice({ ...device, userId: 'u300', name: '1001' });
      await world.bindings.removeDevice(device.id);
      await world.register('1002');
      const stranger = await world.dial('1002', '*33');
      assert.deepEqual([stranger.final?.status, talk.near.up], [480, true]);
      await press(talk.call, '*9#');
      assert.deepEqual([world.wasCalled('1002'), world.wasCalled('1003')], [false, true]);
      assert.deepEqual(world.core.flipCall(talk.call.id, { device: '1002' }, ada), {
        ok: false,
        status: 403,
        reason: 'Not your device',
      });
    });

    it('S0-04 S0-67 S0-68 S1-55 S1-68 a device made a moment ago pulls and is pushed to as it is: no feature to buy, enable or have', async () => {
      const talk = await talking();
      await world.addDevice('100', '1007', { kind: 'desk' });
      const bare = await world.dial('1007', '*33');
      assert.deepEqual([bare.final?.status, speaker(talk.call)], [200, '1007']);
      assert.deepEqual(bare.headers, {});
      await world.addDevice('100', '1008', { kind: 'gateway' });
      await press(talk.call, '*91008#');
      world.at('1008').answer();
      await settle();
      assert.equal(speaker(talk.call), '1008');
      assert.deepEqual(noticed(talk), nothing);
    });

    it('S1-54 no phone’s own skill is needed: no REFER, no Replaces, no UPDATE and no re-INVITE goes to any of them', async () => {
      const talk = await talking();
      await world.dial('1002', '*33');
      await press(talk.call, '*91003#');
      const laptop = world.at('1003').answer();
      await settle();
      const asked = [talk.near, laptop, talk.far.dialog].flatMap((d) => [...d.requests, ...d.reinvites]);
      assert.deepEqual(asked, []);
      assert.equal(world.at('1003').invitation.headers['Replaces'], undefined);
    });
  });

  it('S1-17 S1-62 a call on hold is moved, from either side’s hold, and the user is told by nothing but the talk', async () => {
    const talk = await talking();
    await talk.near.change(phoneSdp(4000, '0 8 101', 'sendonly'));
    assert.equal(talk.call.view().state, 'held');
    await world.dial('1002', '*33');
    assert.equal(talk.call.view().state, 'talking');
    await talk.far.dialog.change(phoneSdp(4000, '0 8 101', 'sendonly'));
    const desktop = await world.dial('1003', '*33');
    assert.deepEqual([desktop.final?.status, talk.call.view().state], [200, 'held']);
    await talk.far.dialog.change(phoneSdp(4000));
    assert.equal(talk.call.view().state, 'talking');
  });

  it('S3-20 who rings before the answer and who has the call after it are two things: a cold route changes nothing of a flip', async () => {
    const beep = await world.dial('1003', '*50');
    beep.dialog.hangUp();
    await settle();
    const far = await world.dial('2001', '100');
    const rung = () => ['1001', '1002', '1003'].map((device) => world.wasCalled(device));
    assert.deepEqual(rung(), [false, false, true]);
    const near = world.at('1003').answer();
    await settle();
    const call = world.core.calls.all().find(({ phase }) => phase === 'talking');
    assert.ok(call);
    await press(call, '*91001#');
    world.at('1001').answer();
    await settle();
    assert.deepEqual([speaker(call), near.bye_, far.dialog.up], ['1001', moved, true]);
    far.dialog.hangUp();
    world.phones.sent.length = 0;
    await world.dial('2001', '100');
    assert.deepEqual(rung(), [false, false, true]);
  });

  it('S1-13 S1-14 the page for the wall has every code, and says how to make a key of it', () => {
    const page = readFileSync(new URL('../../../docs/codes.md', import.meta.url), 'utf8');
    const codes = Object.values(defaultSettings.features.codes).flat();
    assert.deepEqual(
      codes.filter((code) => !page.includes(`\`${code}`)),
      [],
    );
    assert.match(page, /label it \*\*Flip\*\*/);
  });
});
