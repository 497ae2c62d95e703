import assert from 'node:assert/strict';
import type { SipRequest } from '../src/sip/message/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import { Product } from './product.ts';

/** What a phone behind a NAT writes into its Via: its own address, which nobody outside can reach. */
const natted = (via: string): string => via.replace(/(SIP\/2\.0\/\w+ )[^;]+/, '$1192.168.1.10:5060');

describe('phones behind NATs, and flows that end', function () {
  this.timeout(30_000);
  let product: Product;
  let bob: Phone;
  before(async () => {
    product = await Product.start();
    bob = await product.phone('2001', { reuseNonce: true });
  });
  after(() => product.close());
  // Nobody but bob is left for the next test.
  afterEach(async () => {
    for (const { id, aor } of product.bindings.all())
      if (aor !== '2001') await product.bindings.remove(id, 'administrative');
  });
  const bindingsOf = (device: string) => product.bindings.all().filter((b) => b.aor === device);

  for (const protocol of ['udp', 'tcp'] as const)
    it(`a ${protocol} phone that knows only its private address is reached at its source, and calls (RFC 3581)`, async () => {
      const ada = await product.phone('1001', { protocol });
      ada.behaviour.rewriteVia = natted;
      await ada.unregister({ all: true });
      await ada.register({ contacts: ['<sip:1001@192.168.1.10:5060>'] });
      assert.equal(bindingsOf('1001')[0]?.contact, 'sip:1001@192.168.1.10:5060');
      const outgoing = await bob.invite('100');
      const incoming = await ada.incoming();
      assert.equal(incoming.invite?.uri, 'sip:1001@192.168.1.10:5060');
      await incoming.ring();
      await incoming.answer({ headers: [{ name: 'Contact', value: '<sip:1001@192.168.1.10:5060>' }] });
      await outgoing.answered();
      await incoming.received('ACK');
      await outgoing.media.rtp.hears(5, '1001');
      await outgoing.hangup();
      await incoming.ended();
      const back = await ada.invite('200');
      const received = /received=127\.0\.0\.1/.test((await back.received(100)).headers.get('via') ?? '');
      assert.ok(received, 'Via says where the request came from');
      const ringing = await bob.incoming();
      await ringing.answer();
      await back.answered();
      await ringing.hangup();
      await back.ended();
    });

  it('a CANCEL whose Via a NAT has changed finds its INVITE (RFC 3261 §9.2)', async () => {
    const ada = await product.phone('1001');
    const mobile = await product.phone('2002');
    const outgoing = await mobile.invite('100');
    const incoming = await ada.incoming();
    await incoming.ring();
    await outgoing.ringing();
    mobile.behaviour.rewriteVia = (via: string, request: SipRequest) =>
      request.method === 'CANCEL' ? via.replace(/(SIP\/2\.0\/UDP )[^;]+/, '$1203.0.113.9:1024') : via;
    await outgoing.cancel();
    await incoming.ended();
    await outgoing.ended();
    assert.equal(outgoing.finalStatus, 487);
  });

  it('a CANCEL right behind the INVITE stops every phone', async () => {
    const devices = [await product.phone('1001'), await product.phone('1002')];
    for (const device of devices) device.behaviour.rings = true;
    for (let n = 0; n < 5; n++) {
      const outgoing = await bob.invite('100', { headers: [] });
      await outgoing.received(100);
      await outgoing.cancel({ early: true });
      await outgoing.ended();
      assert.equal(outgoing.finalStatus, 487);
    }
    for (const device of devices)
      await device.until(() => device.rung.every((call) => call.state === 'ended'), 'silence');
    while (product.product.listCalls({ domain: 'pbx.test', admin: true }).length > 0)
      await new Promise((done) => setImmediate(done));
  });

  it('two phones behind two NATs with the same private Contact are both rung, each over its own connection', async () => {
    const contacts = (n: number) => [
      `<sip:1001@192.168.1.10:5060;transport=tcp>;+sip.instance="<urn:uuid:${n}>";reg-id=1`,
    ];
    const phones: Phone[] = [];
    for (const n of [1, 2]) {
      const phone = await product.phone('1001', { protocol: 'tcp' });
      await phone.unregister({ all: n === 1 });
      await phone.register({ contacts: contacts(n) });
      phones.push(phone);
    }
    const outgoing = await bob.invite('100');
    const calls = await Promise.all(phones.map((phone) => phone.incoming()));
    for (const call of calls) await call.ring();
    await calls[0]?.answer();
    await outgoing.answered();
    await calls[1]?.ended();
    await outgoing.hangup();
    await calls[0]?.ended();
  });

  for (const [app, provider] of [
    ['an Android app', 'pn-provider=fcm;pn-param=project;pn-prid=fcm:token_1'],
    ['an iPhone app', 'pn-provider=apns;pn-param=TEAM.org.example.voip;pn-prid=00fc13'],
  ] as const)
    it(`S0-77 ${app} behind a NAT registers with what it says of push (RFC 8599 §4.1), is rung with it, and pulls`, async () => {
      const mobile = await product.phone('1002', { protocol: 'tcp' });
      mobile.behaviour.rewriteVia = (via) => via.replace(/(SIP\/2\.0\/\w+ )[^;]+/, '$110.0.0.7:49152');
      await mobile.unregister({ all: true });
      const uri = `sip:1002@10.0.0.7:49152;transport=tcp;${provider}`;
      await mobile.register({ contacts: [`<${uri}>;+sip.instance="<urn:uuid:${app.length}>";reg-id=1`] });
      const outgoing = await bob.invite('1002');
      const incoming = await mobile.incoming();
      assert.equal(incoming.invite?.uri, uri);
      await incoming.answer();
      await outgoing.answered();
      await outgoing.hangup();
      await incoming.ended();

      const desk = await product.phone('1001');
      const far = await bob.invite('1001');
      const before = await desk.incoming();
      await before.answer();
      await far.answered();
      const pulled = await mobile.invite('*33');
      await pulled.answered();
      await before.ended();
      await far.hangup();
      await pulled.ended();
    });

  for (const protocol of ['tcp', 'ws'] as const) {
    it(`a caller on ${protocol} that disappears while it rings: the phones stop`, async () => {
      const ada = await product.phone('1001');
      const caller = await product.phone('2003', { protocol });
      const outgoing = await caller.invite('100');
      const incoming = await ada.incoming();
      await incoming.ring();
      await outgoing.ringing();
      caller.drop();
      await incoming.ended();
      assert.equal(bindingsOf('2003').length, 0);
    });

    it(`a phone on ${protocol} that disappears while it rings: the others ring on, and the call is theirs`, async () => {
      const ada = await product.phone('1001');
      const lost = await product.phone('1002', { protocol });
      const outgoing = await bob.invite('100');
      const [desk, mobile] = [await ada.incoming(), await lost.incoming()];
      await desk.ring();
      await mobile.ring();
      await outgoing.ringing();
      lost.drop();
      await desk.answer();
      await outgoing.answered();
      await desk.hangup();
      await outgoing.ended();
      assert.equal(bindingsOf('1002').length, 0);
    });

    it(`the only phone, on ${protocol}, disappears while it rings: the caller is told at once`, async () => {
      const lost = await product.phone('1002', { protocol });
      const outgoing = await bob.invite('100');
      await (await lost.incoming()).ring();
      await outgoing.ringing();
      lost.drop();
      await outgoing.ended();
      assert.equal(outgoing.finalStatus, 480);
    });

    it(`a phone on ${protocol} that comes back on a new connection while it rings is rung there`, async () => {
      const phone = await product.phone('1002', { protocol, instance: 'urn:uuid:1002' });
      const outgoing = await bob.invite('100');
      await (await phone.incoming()).ring();
      const ada = await product.phone('1001');
      const other = await ada.incoming();
      await other.ring();
      phone.drop();
      await phone.register();
      const again = await phone.incoming();
      await again.answer();
      await outgoing.answered();
      await other.ended();
      await outgoing.hangup();
      await again.ended();
    });
  }
});
