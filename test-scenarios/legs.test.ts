import assert from 'node:assert/strict';
import { printMessage, type SipMessage } from '../src/sip/message/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import type { Phone } from '../src/testing/phone.ts';
import { defaultSettings } from '../src/switch/index.ts';
import { Product } from './product.ts';

const field = (name: string, value: string) => ({ name, value });
const text = (message: SipMessage): string => printMessage(message).toString();

describe('each leg on its own', function () {
  this.timeout(30_000);
  let product: Product;
  let bob: Phone;
  let ada: Phone;
  before(async () => {
    product = await Product.start({
      engine: { sessionTimers: { minimum: 3, defaultRefresher: 'uac' } },
      settings: { features: { ...defaultSettings.features, rescue: { seconds: 0 } } },
    });
    // Addresses of their own, so that either can be looked for in what the other one got.
    bob = await product.phone('2001', { address: '127.0.0.2', displayName: 'Robert the liar' });
    ada = await product.phone('1001', { address: '127.0.0.3' });
  });
  after(() => product.close());

  const answered = async (
    options: Parameters<Phone['invite']>[1] = {},
    answer: Parameters<PhoneCall['answer']>[0] = {},
  ): Promise<{ readonly out: PhoneCall; readonly in: PhoneCall }> => {
    const out = await bob.invite('100', options);
    const incoming = await ada.incoming();
    await incoming.ring();
    await out.ringing();
    await incoming.answer(answer);
    await out.answered();
    return { out, in: incoming };
  };
  const over = async (call: { readonly out: PhoneCall; readonly in: PhoneCall }) => {
    await call.out.hangup();
    await call.in.ended();
  };

  it('M-05 nothing of one leg’s network is seen on the other: no address, Call-ID, tag, branch, Contact, agent', async () => {
    const call = await answered({
      headers: [
        field('Route', '<sip:127.0.0.1;lr>'),
        field('X-Secret', 'of-2001'),
        field('Subject', 'of-2001'),
        field('P-Preferred-Identity', '<sip:boss@127.0.0.2>'),
      ],
    });
    await call.out.hold();
    await call.out.resume();
    await call.in.update();
    await call.out.info('5');
    await call.in.message('from ada');
    await call.out.message('from bob');
    await call.out.options();
    await call.in.hangup([field('X-Secret', 'of-1001')]);
    await call.out.ended();
    const secretsOf = (phone: Phone, own: PhoneCall) => {
      const { localTag, remoteTag, callId } = own;
      const branches = own.messages.flatMap(
        ({ message }) => /branch=([^;,\s]+)/.exec(text(message))?.[1] ?? [],
      );
      return [phone.contact.slice(1, -1), localTag, remoteTag, callId, ...branches];
    };
    const seen = (phone: Phone) =>
      phone.messages.filter(({ direction }) => direction === 'in').map(({ message }) => text(message));
    for (const [phone, other, address, theirs, secret] of [
      [ada, bob, '127.0.0.2', call.out, 'of-2001'],
      [bob, ada, '127.0.0.3', call.in, 'of-1001'],
    ] as const)
      for (const message of seen(phone))
        for (const hidden of [address, secret, ...secretsOf(other, theirs)])
          assert.ok(!message.includes(hidden), `${phone.name} saw ${hidden} in\n${message}`);
    assert.notEqual(call.out.callId, call.in.callId);
  });

  it('S1-08 M-05 the called phone is told the authenticated name and number, never what From says (RFC 3325)', async () => {
    const call = await answered({ headers: [field('P-Asserted-Identity', '<sip:boss@pbx.test>')] });
    const invite = call.in.invite;
    assert.match(invite?.headers.get('from') ?? '', /^"Bob" <sip:200@pbx\.test>/);
    assert.equal(invite?.headers.get('p-asserted-identity'), '"Bob" <sip:200@pbx.test>');
    assert.match(invite?.headers.get('to') ?? '', /<sip:100@pbx\.test>/);
    // And the caller who it is connected to.
    const ok = await call.out.received(200);
    assert.match(ok.headers.get('p-asserted-identity') ?? '', /"Ada" <sip:100@pbx\.test>/);
    await over(call);
  });

  it('Privacy: id hides the caller, not from the switch but from the called phone (RFC 3323 §4.1, RFC 3325 §9.3)', async () => {
    const call = await answered({ headers: [field('Privacy', 'id')] });
    const invite = text(call.in.invite ?? assert.fail());
    assert.match(invite, /^From: "Anonymous" <sip:anonymous@anonymous\.invalid>/im);
    assert.match(invite, /^Privacy: id/im);
    assert.doesNotMatch(invite, /Bob|sip:200|Robert/);
    assert.equal(product.product.listCalls({ domain: 'pbx.test', admin: true })[0]?.from, '200');
    await over(call);
  });

  it('a caller without an offer gets one in the 200, and its ACK answers (RFC 3264 §4)', async () => {
    const call = await answered({ sdp: false });
    await call.out.media.rtp.hears(5, '1001');
    await call.in.media.rtp.hears(5, '2001');
    await over(call);
  });

  it('a re-INVITE without an offer gets one, from either side (RFC 3261 §14)', async () => {
    const call = await answered();
    for (const side of [call.out, call.in]) {
      const response = await side.reinvite({ sdp: false });
      assert.equal(response.status, 200);
      assert.match(response.body.toString(), /m=audio [1-9]/);
    }
    const heard = call.in.media.rtp.packets.length;
    await call.in.media.rtp.hears(heard + 5);
    await over(call);
  });

  it('UPDATE refreshes and holds; the other phone is not asked (RFC 3311)', async () => {
    const call = await answered();
    assert.equal((await call.out.update({ sdp: false })).status, 200);
    const held = await call.out.update({ direction: 'sendonly' });
    assert.equal(held.status, 200);
    assert.match(held.body.toString(), /a=recvonly/);
    assert.equal((await call.out.update({ direction: 'sendrecv' })).status, 200);
    assert.equal(call.in.reinvites.length, 0);
    await over(call);
  });

  it('a reliable 183 is acknowledged by PRACK and its SDP passed on; the caller hears it before the answer (RFC 3262)', async () => {
    const out = await bob.invite('100');
    const incoming = await ada.incoming();
    await incoming.ring({ sdp: true, reliable: true });
    await incoming.received('PRACK');
    await out.received(183);
    await out.media.rtp.hears(5, '1001');
    await incoming.answer();
    await out.answered();
    await out.media.rtp.hears(20, '1001');
    await over({ out, in: incoming });
  });

  it('a caller that requires reliable ringing gets it (RFC 3262 §3)', async () => {
    const out = await bob.invite('100', { headers: [field('Require', '100rel')] });
    const incoming = await ada.incoming();
    await incoming.ring();
    const ringing = await out.received(180);
    assert.match(ringing.headers.get('require') ?? '', /100rel/);
    assert.match(ringing.headers.get('rseq') ?? '', /^\d+$/);
    await out.received(200);
    await incoming.answer();
    await out.answered();
    await over({ out, in: incoming });
  });

  it('early media is passed on only while one phone is all that rings', async () => {
    const mobile = await product.phone('1002', { address: '127.0.0.4' });
    const out = await bob.invite('100');
    const [desk, other] = [await ada.incoming(), await mobile.incoming()];
    await desk.ring({ sdp: true });
    await other.ring();
    const ringing = await out.received(180);
    assert.equal(ringing.body.length, 0);
    assert.equal(out.count(183), 0);
    await other.answer();
    await out.answered();
    await out.media.rtp.hears(5, '1002');
    await desk.ended();
    await out.hangup();
    await other.ended();
    await mobile.unregister();
  });

  it('M-03 INFO and MESSAGE within the call reach the other phone, with their bodies, and so do the answers', async () => {
    const call = await answered();
    const response = await call.out.request('INFO', {
      type: 'application/media_control+xml',
      body: '<media_control/>',
      headers: [field('Info-Package', 'x')],
    });
    assert.equal(response.status, 200);
    const info = await call.in.received('INFO');
    assert.equal(info.kind === 'request' && info.body.toString(), '<media_control/>');
    assert.match(info.headers.get('content-type') ?? '', /media_control/);
    assert.equal((await call.in.message('hello')).status, 200);
    const message = await call.out.received('MESSAGE');
    assert.equal(message.kind === 'request' && message.body.toString(), 'hello');
    await over(call);
  });

  describe('session timers (RFC 4028)', () => {
    const timed = [field('Session-Expires', '3;refresher=uac')];

    it('too short an interval: 422 with Min-SE', async () => {
      const out = await bob.invite('100', { headers: [field('Session-Expires', '2;refresher=uac')] });
      await out.ended();
      assert.equal(out.finalStatus, 422);
      assert.equal((await out.received(422)).headers.get('min-se'), '3');
    });

    it('a caller that wants to refresh and does not: BYE on both legs', async () => {
      const call = await answered({ headers: timed });
      const ok = await call.out.received(200);
      assert.match(ok.headers.get('session-expires') ?? '', /^3;refresher=uac/);
      assert.equal(call.in.invite?.headers.get('session-expires'), undefined);
      await call.out.ended();
      await call.in.ended();
      assert.equal(call.out.count('BYE') + call.in.count('BYE'), 2);
    });

    it('a caller that leaves it open who refreshes does it itself (RFC 4028 §9)', async () => {
      const call = await answered({ headers: [field('Session-Expires', '1800')] });
      const ok = await call.out.received(200);
      assert.equal(ok.headers.get('session-expires'), '1800;refresher=uac');
      await over(call);
    });

    it('a caller that refreshes keeps the call, and the other leg knows nothing of it', async () => {
      const call = await answered({ headers: timed });
      for (let n = 0; n < 3; n++) {
        await new Promise((done) => setTimeout(done, 1000));
        const refreshed = await call.out.request('UPDATE', { headers: timed });
        assert.equal(refreshed.status, 200);
        assert.match(refreshed.headers.get('session-expires') ?? '', /^3;refresher=uac/);
      }
      assert.equal(call.out.state, 'answered');
      assert.equal(call.in.count('UPDATE') + call.in.count('INVITE'), 1);
      await over(call);
    });

    it('a called phone that wants us to refresh is refreshed', async () => {
      const call = await answered(
        {},
        { headers: [field('Session-Expires', '3;refresher=uac'), field('Require', 'timer')] },
      );
      await call.in.received('UPDATE');
      await new Promise((done) => setTimeout(done, 2500));
      assert.equal(call.in.state, 'answered');
      assert.equal(call.out.count('UPDATE') + call.out.count('INVITE'), 0);
      await over(call);
    });
  });
});
