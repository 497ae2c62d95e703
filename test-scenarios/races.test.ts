import assert from 'node:assert/strict';
import { defaultSettings } from '../src/switch/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import { domain, Product, twoUsers } from './product.ts';

const field = (name: string, value: string) => ({ name, value });

const cleo = {
  extension: '300',
  name: 'Cleo',
  password: 'secret-300',
  devices: ['3001', '3002'].map((extension) => ({
    extension,
    name: extension,
    password: `secret-${extension}`,
    kind: 'desk' as const,
    trusted: true,
  })),
};

describe('crossings on the wire, and groups', function () {
  this.timeout(30_000);
  let product: Product;
  let bob: Phone;
  let devices: Phone[];
  before(async () => {
    product = await Product.start({
      // T1 of 50 ms: what takes 32 s takes 3.2 s.
      engine: { timers: { t1: 50, t2: 400 } },
      settings: {
        ring: { seconds: 10, memberSeconds: 1 },
        features: { ...defaultSettings.features, rescue: { seconds: 0 } },
      },
      seed: {
        ...twoUsers,
        users: [...twoUsers.users, cleo],
        groups: [
          { extension: '500', name: 'Support', ring: 'all', members: ['100', '200'] },
          { extension: '501', name: 'Sales', ring: 'order', members: ['100', '200'] },
        ],
      },
    });
    bob = await product.phone('2001', { reuseNonce: true });
    devices = await Promise.all(['1001', '1002', '1003'].map((name) => product.phone(name)));
  });
  after(() => product.close());
  afterEach(async () => {
    for (const phone of [bob, ...devices])
      Object.assign(phone.behaviour, { rings: false, answers: false, rejectsWith: undefined });
    await quiet();
  });
  /** For what several phones, or the switch, have to come to: there is no one thing to wait on. */
  const eventually = async (holds: () => boolean | Promise<boolean>, what: string) => {
    for (let tries = 0; !(await holds()); tries++) {
      assert.ok(tries < 500, `waited in vain for ${what}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  const quiet = () =>
    eventually(async () => {
      const calls = product.product.listCalls({ domain, admin: true });
      return calls.length === 0 && (await product.signaling.stats()).dialogs === 0;
    }, 'no call and no dialog to be left');

  it('S0-06 three phones that answer in the same instant: one has the call, the others are acknowledged and released (RFC 3261 §13.2.2.4)', async () => {
    for (let n = 0; n < 5; n++) {
      const outgoing = await bob.invite('100');
      const calls = await Promise.all(devices.map((phone) => phone.incoming()));
      await Promise.all(calls.map((call) => call.answer()));
      await outgoing.answered();
      await Promise.all(calls.map((call) => call.received('ACK')));
      const over = () => calls.filter((call) => call.state === 'ended');
      await eventually(() => over().length >= 2, 'two that are released');
      assert.equal(over().length, 2);
      for (const call of over()) {
        assert.equal(call.count('BYE'), 1);
        assert.match(call.endReason ?? '', /text="Call completed elsewhere"/);
      }
      assert.equal(outgoing.count(200), 1);
      const winner = calls.find((call) => call.state === 'answered');
      const heard = outgoing.media.rtp.packets.length;
      await outgoing.media.rtp.hears(heard + 3);
      await outgoing.hangup();
      await winner?.ended();
    }
  });

  it('the caller’s CANCEL crosses an answer: both sides agree that it is over', async () => {
    for (let n = 0; n < 5; n++) {
      const outgoing = await bob.invite('1001');
      const incoming = await (devices[0] ?? assert.fail()).incoming();
      await incoming.ring();
      await outgoing.ringing();
      await Promise.all([outgoing.cancel(), incoming.answer()]);
      await outgoing.ended();
      await incoming.ended();
      await quiet();
    }
  });

  it('both hang up in the same instant', async () => {
    for (let n = 0; n < 5; n++) {
      const outgoing = await bob.invite('1001');
      const incoming = await (devices[0] ?? assert.fail()).incoming();
      await incoming.answer();
      await outgoing.answered();
      await Promise.all([outgoing.hangup(), incoming.hangup()]);
      await quiet();
    }
  });

  it('a late ACK: the 200 is repeated, and the call goes on', async () => {
    bob.behaviour.ackDelay = 700;
    const outgoing = await bob.invite('1001');
    bob.behaviour.ackDelay = 0;
    const incoming = await (devices[0] ?? assert.fail()).incoming();
    await incoming.answer();
    await outgoing.answered();
    await bob.until(() => outgoing.acknowledged, 'the ACK to leave');
    const repeated = outgoing.messages.filter(
      ({ message, repeated: again }) => again && message.kind === 'response',
    );
    assert.ok(repeated.length > 0, 'no 200 was repeated');
    await outgoing.media.rtp.hears(5, '1001');
    await incoming.hangup();
    await outgoing.ended();
  });

  it('an ACK that never comes: BYE on both legs (RFC 3261 §13.3.1.4)', async () => {
    bob.behaviour.ackDelay = Infinity;
    const outgoing = await bob.invite('1001');
    bob.behaviour.ackDelay = 0;
    const incoming = await (devices[0] ?? assert.fail()).incoming();
    await incoming.answer();
    await incoming.ended();
    await outgoing.ended();
    assert.equal(outgoing.count('BYE'), 1);
  });

  it('a re-INVITE right behind the ACK, from both sides at once: no side is left without an answer', async () => {
    const outgoing = await bob.invite('1001');
    const incoming = await (devices[0] ?? assert.fail()).incoming();
    await incoming.answer();
    await outgoing.answered();
    const answers = await Promise.all([outgoing.reinvite(), incoming.reinvite()]);
    for (const { status } of answers) assert.ok(status === 200 || status === 491, String(status));
    await outgoing.media.rtp.hears(5, '1001');
    await outgoing.hangup();
    await incoming.ended();
  });

  it('a phone that dies without a word: the far side is freed by the ring time, the call by its BYE', async () => {
    const [desk, mobile] = devices;
    assert.ok(desk && mobile);
    const outgoing = await bob.invite('100');
    const calls = await Promise.all(devices.map((phone) => phone.incoming()));
    for (const call of calls) await call.ring();
    desk.die();
    await calls[1]?.answer();
    await outgoing.answered();
    await outgoing.hangup();
    await calls[1]?.ended();
    await quiet();
    desk.revive();
  });

  describe('groups', () => {
    it('S0-34 one that rings all: every phone of every member but the caller’s; one declines, the others ring on', async () => {
      const caller = await product.phone('3001');
      const outgoing = await caller.invite('500');
      const calls = await Promise.all([bob, ...devices].map((phone) => phone.incoming()));
      for (const call of calls) await call.ring();
      calls[0]?.reject(603);
      await outgoing.ringing();
      await calls[2]?.answer();
      await outgoing.answered();
      for (const n of [1, 3]) await calls[n]?.ended();
      await outgoing.hangup();
      await calls[2]?.ended();
    });

    it('one that rings in order: the next member when one does not answer, or is busy', async () => {
      const caller = await product.phone('3001');
      const outgoing = await caller.invite('501');
      const first = await Promise.all(devices.map((phone) => phone.incoming()));
      for (const call of first) await call.ring();
      assert.equal(bob.rung.filter((call) => call.state !== 'ended').length, 0);
      const second = await bob.incoming();
      for (const call of first) await call.ended();
      await second.ring();
      await second.answer();
      await outgoing.answered();
      await outgoing.hangup();
      await second.ended();
    });

    it('all members busy: 486', async () => {
      for (const phone of [bob, ...devices]) phone.behaviour.rejectsWith = 486;
      const caller = await product.phone('3001');
      const outgoing = await caller.invite('500');
      await outgoing.ended();
      assert.equal(outgoing.finalStatus, 486);
      for (const phone of [bob, ...devices]) await phone.incoming();
    });
  });

  it('a 302 leads to another extension of the directory, and nowhere else', async () => {
    const [desk] = devices;
    assert.ok(desk);
    const caller = await product.phone('3001');
    const outgoing = await caller.invite('1001');
    (await desk.incoming()).redirect(`sip:200@${domain}`);
    const redirected = await bob.incoming();
    await redirected.answer();
    await outgoing.answered();
    await outgoing.hangup();
    await redirected.ended();
    const out = await caller.invite('1001');
    (await desk.incoming()).redirect('sip:900123@elsewhere.test');
    await out.ended();
    assert.equal(out.finalStatus, 480);
  });

  it('S1-25 S1-31 S1-35 S1-36 phones on the user’s own name and phones on device names ring together, each known apart', async () => {
    for (const { id, aor } of product.bindings.all())
      if (aor === '3001') await product.bindings.remove(id, 'administrative');
    const shared = await Promise.all(
      [1, 2].map(async (n) => {
        const phone = await product.phone('300', {
          instance: `urn:uuid:shared-${n}`,
          password: 'secret-300',
        });
        return phone;
      }),
    );
    const own = await product.phone('3002');
    const outgoing = await bob.invite('300');
    const calls = await Promise.all([...shared, own].map((phone) => phone.incoming()));
    for (const call of calls) await call.ring();
    await calls[1]?.answer();
    await outgoing.answered();
    for (const n of [0, 2]) await calls[n]?.ended();
    const [call] = product.product.listCalls({ domain, admin: true });
    const legs = call?.legs.filter((leg) => leg.party === 'callee') ?? [];
    assert.equal(new Set(legs.map((leg) => leg.deviceId)).size, 3, 'three devices');
    assert.equal(new Set(legs.map((leg) => leg.userId)).size, 1, 'one user');
    // S1-08: a phone on the shared name that calls is that user, whatever it says.
    await outgoing.hangup();
    await calls[1]?.ended();
    const back = await (shared[0] ?? assert.fail()).invite('200', {
      headers: [field('P-Asserted-Identity', '<sip:100@pbx.test>')],
    });
    const incoming = await bob.incoming();
    assert.match(incoming.caller, /"Cleo" <sip:300@/);
    incoming.reject(486);
    await back.ended();
  });
});
