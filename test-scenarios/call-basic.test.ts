import assert from 'node:assert/strict';
import { Product } from './product.ts';

describe('a call through the whole product', () => {
  let product: Product;
  before(async () => {
    product = await Product.start();
  });
  after(() => product.close());

  it('S0-05 S0-06 S0-36 M-06 three devices ring together, one answers, both hear each other', async () => {
    const bob = await product.phone('2001');
    const devices = await Promise.all(['1001', '1002', '1003'].map((name) => product.phone(name)));
    const outgoing = await bob.invite('100');
    const incoming = await Promise.all(devices.map((phone) => phone.incoming()));
    for (const call of incoming) await call.ring();
    await outgoing.ringing();
    const [desk, mobile, desktop] = incoming;
    assert.ok(desk && mobile && desktop);
    await mobile.answer();
    await outgoing.answered();
    await desk.ended();
    await desktop.ended();
    assert.match(desk.endReason ?? '', /cause=200;text="Call completed elsewhere"/);
    await outgoing.media.rtp.hears(10, '1002');
    await mobile.media.rtp.hears(10, '2001');
    await mobile.hangup();
    await outgoing.ended();
  });
});
