import assert from 'node:assert/strict';
import { Phone } from '../src/testing/phone.ts';
import { domain, Product } from './product.ts';

describe('phones behind proxies of their own', () => {
  it('are called along the Path they registered with, every hop of it named (RFC 3327 §5.3)', async () => {
    const product = await Product.start();
    // The proxy, and the phone behind it.
    const edge = await Phone.open({ name: 'flow-7', rtp: true, domain });
    const bob = await product.phone('2001');
    const path = [`<${edge.uri};lr>`, '<sip:inner.example;lr>'];
    const ada = await Phone.open({
      name: '1001',
      password: 'secret-1001',
      domain,
      server: product.server('udp'),
    });
    const registered = await ada.register({
      contacts: ['<sip:1001@10.0.0.7:5060>'],
      headers: [{ name: 'Path', value: path.join(', ') }],
    });
    assert.equal(registered.headers.get('path'), path.join(', '));
    const outgoing = await bob.invite('100');
    const incoming = await edge.incoming();
    assert.equal(incoming.invite?.uri, 'sip:1001@10.0.0.7:5060');
    assert.deepEqual(
      incoming.invite.headers.list('route').map((value) => value.trim()),
      path,
    );
    await incoming.answer();
    await outgoing.answered();
    await incoming.received('ACK');
    await outgoing.hangup();
    await incoming.ended();
    // A text takes the same way.
    await bob.message('1001', 'along the path');
    const message = await edge.received('MESSAGE');
    assert.deepEqual(
      message.headers.list('route').map((value) => value.trim()),
      path,
    );
    await Promise.all([ada.close(), edge.close()]);
    await product.close();
  });
});
