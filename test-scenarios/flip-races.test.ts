import assert from 'node:assert/strict';
import type { FlipView } from '../src/switch/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { domain, Product } from './product.ts';
import { oneStream } from './one-stream.ts';

const field = (name: string, value: string) => ({ name, value });

/** Both hear each other, from here on. */
const talk = (a: PhoneCall, b: PhoneCall) =>
  Promise.all([a.media.rtp.hears(8, b.phone.name), b.media.rtp.hears(8, a.phone.name)]);

const bodies = (call: PhoneCall) => call.reinvites.filter((request) => request.body.length > 0);

describe('flips that cross something else, by packets', function () {
  this.timeout(30_000);
  let product: Product;
  let bob: Phone;
  let desk: Phone;
  let mobile: Phone;
  let desktop: Phone;
  let far: PhoneCall;
  let old: PhoneCall;
  const flips: FlipView[] = [];
  before(async () => {
    product = await Product.start({ engine: { sessionTimers: { minimum: 3, defaultRefresher: 'uac' } } });
    product.product.events.on('flip', ({ flip }) => flips.push(flip));
    const names = ['2001', '1001', '1002', '1003'];
    [bob, desk, mobile, desktop] = (await Promise.all(
      names.map((name) => product.phone(name, { reuseNonce: true })),
    )) as [Phone, Phone, Phone, Phone];
  });
  after(() => product.close());

  /** 2001 talks with 1001. */
  const begin = async (answer: Parameters<PhoneCall['answer']>[0] = {}) => {
    far = await bob.invite('1001');
    old = await desk.incoming();
    await old.answer(answer);
    await far.answered();
    await talk(far, old);
  };
  beforeEach(() => {
    for (const phone of [bob, desk, mobile, desktop]) phone.behaviour.ackDelay = 0;
    desk.behaviour.ignoresBye = false;
    flips.length = 0;
  });
  afterEach(async () => {
    for (const call of [bob, desk, mobile, desktop].flatMap((phone) => phone.calls)) {
      call.ack();
      if (call.state === 'answered') await call.hangup();
    }
    const idle = async () =>
      product.product.listCalls({ domain, admin: true }).length === 0 &&
      (await product.signaling.stats()).dialogs === 0;
    for (let tries = 0; !(await idle()); tries++) {
      assert.ok(tries < 1000, 'something of a call is left');
      await new Promise((done) => setTimeout(done, 10));
    }
  });
  /** Waits until an INVITE has its final response; it is in `finalStatus`. */
  const decided = (call: PhoneCall) =>
    call.phone.until(() => call.state === 'answered' || call.state === 'ended', 'its final response');
  const ears = () => {
    oneStream(far.media.rtp);
    assert.deepEqual([far.state, bodies(far)], ['answered', []]);
  };

  it('two devices dial *33 in the same instant: one has the call in the end, everybody else is told, the other party stays', async () => {
    await begin();
    const pulls = await Promise.all([mobile.invite('*33'), desktop.invite('*33')]);
    await Promise.all(pulls.map(decided));
    // One was refused; or it came late enough to take the call from the other.
    for (const call of pulls.filter(({ finalStatus }) => finalStatus !== 200))
      assert.deepEqual([call.finalStatus, call.finalReason], [486, 'The call is being moved already']);
    const last = () => pulls.filter(({ state }) => state === 'answered');
    await old.ended();
    await far.phone.until(() => last().length === 1, 'one to be left');
    const [winner] = last();
    assert.ok(winner);
    await talk(far, winner);
    assert.match(old.endReason ?? '', /Moved to another device/);
    ears();
  });

  it('S1-20 the old phone’s BYE crosses ours: 200 or 481, and the call goes on', async () => {
    await begin();
    desk.behaviour.ignoresBye = true;
    const pulled = await mobile.invite('*33');
    await pulled.answered();
    await old.received('BYE');
    const answer = await old.request('BYE', {});
    assert.ok([200, 481].includes(answer.status), String(answer.status));
    desk.behaviour.ignoresBye = false;
    await talk(far, pulled);
    ears();
  });

  it('S1-20 the old phone hangs up in the moment of the answer', async () => {
    await begin();
    const pulled = await mobile.invite('*33');
    await pulled.answered();
    await old.hangup();
    await talk(far, pulled);
    ears();
  });

  it('the other party’s own re-INVITEs cross each pull: all are answered, none is asked of it', async () => {
    await begin();
    let now = old;
    for (const phone of [mobile, desktop, mobile]) {
      const [answer, pulled] = await Promise.all([far.reinvite(), phone.invite('*33')]);
      assert.equal(answer.status, 200);
      await pulled.answered();
      await now.ended();
      now = pulled;
      await talk(far, now);
    }
    ears();
  });

  it('X7 the other party’s hold crosses the pull: the new device waits with it, and talks when it ends', async () => {
    await begin();
    const [held, pulled] = await Promise.all([far.hold(), mobile.invite('*33')]);
    await pulled.answered();
    await old.ended();
    assert.equal(held.status, 200);
    assert.equal((await far.resume()).status, 200);
    await talk(far, pulled);
    assert.deepEqual(bodies(far), []);
  });

  it('the other party hangs up between the 200 and the ACK: both devices are released', async () => {
    await begin();
    mobile.behaviour.ackDelay = Infinity;
    const pulled = await mobile.invite('*33');
    await pulled.received(200);
    await far.hangup();
    await old.ended();
    // A BYE waits for the ACK (RFC 3261 §15).
    pulled.ack();
    await pulled.ended();
    assert.equal(flips.at(-1)?.result === 'failed' || flips.at(-1)?.result === 'moved', true);
  });

  for (const [name, sdp] of [
    ['an offer', undefined],
    ['no offer, so that the ACK brings the answer (RFC 3264 §4)', false],
  ] as const)
    it(`a late ACK of a puller with ${name}: the 200 is repeated, and the call is moved once`, async () => {
      await begin();
      mobile.behaviour.ackDelay = 700;
      const pulled = await mobile.invite('*33', sdp === undefined ? {} : { sdp });
      await pulled.received(200);
      await mobile.until(() => pulled.acknowledged, 'the ACK to leave');
      const repeated = pulled.messages.filter(
        ({ message, repeated: again }) => again && message.kind === 'response',
      );
      assert.ok(repeated.length > 0, 'no 200 was repeated');
      await talk(far, pulled);
      await old.ended();
      assert.equal(flips.filter(({ result }) => result === 'moved').length, 1);
      ears();
    });

  it('S1-67 a puller gives up at once: nothing has happened, or it has the call and nobody else', async () => {
    await begin();
    const pulled = await mobile.invite('*33');
    await pulled.cancel({ early: true });
    await decided(pulled);
    if (pulled.finalStatus === 200) await old.ended();
    await talk(far, pulled.finalStatus === 200 ? pulled : old);
    ears();
  });

  it('the device that is pushed to dials *33 itself meanwhile: it has the call, and rings no more', async () => {
    await begin();
    for (const digit of '*91002#') await old.info(digit);
    const pushed = await mobile.incoming();
    await pushed.ring();
    const pulled = await mobile.invite('*33');
    await pulled.answered();
    await Promise.all([pushed.ended(), old.ended()]);
    assert.equal(pushed.finalStatus, 487);
    await talk(far, pulled);
    ears();
  });

  describe('session timers (RFC 4028)', () => {
    const timed = (value: string) => [field('Session-Expires', value), field('Supported', 'timer')];

    it('§6 too short an interval: the pull is refused with 422 and Min-SE, and the talk goes on', async () => {
      await begin();
      const pulled = await mobile.invite('*33', { headers: timed('2;refresher=uac') });
      await pulled.ended();
      assert.equal(pulled.finalStatus, 422);
      assert.equal((await pulled.received(422)).headers.get('min-se'), '3');
      await talk(far, old);
      ears();
    });

    it('§7 the refreshing goes with the leg: the new one is refreshed, the old one no more, and the other party never', async () => {
      await begin({ headers: [field('Session-Expires', '3;refresher=uac'), field('Require', 'timer')] });
      await old.received('UPDATE');
      const pulled = await mobile.invite('*33', { headers: timed('3;refresher=uas') });
      await pulled.answered();
      await old.ended();
      const before = old.count('UPDATE');
      // The first says who is at the other end.
      await mobile.until(() => pulled.count('UPDATE') >= 2, 'the refresh');
      assert.equal(old.count('UPDATE'), before);
      await talk(far, pulled);
      assert.deepEqual(far.reinvites, []);
    });
  });
});
