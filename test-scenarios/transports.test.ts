import assert from 'node:assert/strict';
import { testCertificate } from '../src/testing/test-certificate.ts';
import type { Phone } from '../src/testing/phone.ts';
import { Product } from './product.ts';

const protocols = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;

/** Rings the only contact of 100, answers, hears both ways, hangs up. */
async function talks(caller: Phone, callee: Phone, number: string): Promise<void> {
  const outgoing = await caller.invite(number);
  const incoming = await callee.incoming();
  await incoming.ring();
  await outgoing.ringing();
  await incoming.answer();
  await outgoing.answered();
  await outgoing.media.rtp.hears(5, callee.name);
  await incoming.media.rtp.hears(5, caller.name);
  await incoming.hangup();
  await outgoing.ended();
}

describe('phones on every transport', function () {
  this.timeout(30_000);
  let product: Product;
  before(async () => {
    product = await Product.start({
      listen: [
        ...protocols.map((protocol) => `${protocol}:127.0.0.1:0`),
        ...protocols.map((protocol) => `${protocol}:[::1]:0`),
      ],
      engine: { tls: testCertificate },
    });
  });
  after(() => product.close());
  const opened: Phone[] = [];
  afterEach(async () => {
    for (const phone of opened.splice(0)) {
      await phone.unregister();
      await phone.close();
    }
  });
  const open = async (...[name, options]: Parameters<Product['phone']>): Promise<Phone> => {
    const phone = await product.phone(name, options);
    opened.push(phone);
    return phone;
  };

  for (const protocol of protocols)
    it(`S0-05 M-08 a phone on ${protocol} registers, is called from UDP and calls back (RFC 3261 §18, RFC 7118)`, async () => {
      const bob = await open('2001');
      const ada = await open('1001', { protocol });
      await talks(bob, ada, '100');
      await talks(ada, bob, '200');
    });

  it('S0-06 devices on all five transports ring together', async () => {
    const bob = await open('2001');
    const devices = await Promise.all(
      protocols.map((protocol, n) =>
        open(`100${(n % 3) + 1}`, {
          protocol,
          name: `100${(n % 3) + 1}`,
          ...(n < 3 ? {} : { instance: `urn:uuid:${n}` }),
        }),
      ),
    );
    const outgoing = await bob.invite('100');
    const calls = await Promise.all(devices.map((phone) => phone.incoming()));
    for (const call of calls) await call.ring();
    await outgoing.ringing();
    await calls[4]?.answer();
    await outgoing.answered();
    await Promise.all(calls.slice(0, 4).map((call) => call.ended()));
    for (const call of calls.slice(0, 4))
      assert.match(call.endReason ?? '', /text="Call completed elsewhere"/);
    await outgoing.hangup();
    await calls[4]?.ended();
  });

  for (const protocol of protocols)
    it(`IPv6 phones talk over ${protocol}`, async () => {
      const bob = await open('2001', { address: '::1', protocol });
      const ada = await open('1001', { address: '::1', protocol });
      await talks(bob, ada, '100');
    });

  it('an IPv6 phone and an IPv4 phone talk to each other: each is offered media of its own kind', async () => {
    const bob = await open('2001', { address: '::1' });
    const ada = await open('1001');
    await talks(bob, ada, '100');
    await talks(ada, bob, '200');
  });
});
