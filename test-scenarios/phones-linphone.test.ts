import assert from 'node:assert/strict';
import { Linphone, needLinphone, type LinphoneOptions } from '../src/testing/linphone.ts';
import { domain, Product } from './product.ts';

describe('linphone phones through the whole product', function () {
  this.timeout(60_000);
  let product: Product;
  const phones: Linphone[] = [];
  before(async function () {
    needLinphone(this);
    product = await Product.start();
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.close()));
    for (const { id } of product.bindings.all()) await product.bindings.remove(id, 'administrative');
  });
  after(() => product?.close());
  const open = async (user: string, options: Partial<LinphoneOptions> = {}): Promise<Linphone> => {
    const server = product.server(options.protocol ?? 'udp');
    const phone = await Linphone.start({ user, password: `secret-${user}`, domain, server, ...options });
    phones.push(phone);
    return phone;
  };

  for (const protocol of ['udp', 'tcp'] as const)
    it(`M-08 S1-25 S0-06 registers over ${protocol}, rings beside another phone, answers; a tone each way is heard`, async () => {
      const linphone = await open('1001', { protocol, tone: 440 });
      const [desk, bob] = [await product.phone('1002'), await product.phone('2001')];
      const outgoing = await bob.invite('100');
      const other = await desk.incoming();
      await other.ring();
      assert.match(await linphone.incoming(), /"Bob" <sip:200@/);
      await outgoing.ringing();
      linphone.answer();
      await outgoing.answered();
      await other.ended();
      await linphone.talks();
      outgoing.media.rtp.tone = [880];
      await linphone.hears(880);
      await outgoing.media.rtp.until(() => outgoing.media.rtp.toneShare(440) > 0.5, 'a tone of 440 Hz');
      linphone.hangup();
      await outgoing.ended();
      assert.equal(outgoing.endedBy, 'remote');
    });

  it('M-08 calls a user, and sees that the other side hangs up', async () => {
    const linphone = await open('1001');
    const bob = await product.phone('2001');
    linphone.dial(`sip:200@${domain}`);
    const incoming = await bob.incoming();
    assert.match(incoming.caller, /"Ada" <sip:100@pbx\.test>/);
    await incoming.ring();
    await linphone.says(/ringing/);
    await incoming.answer();
    await linphone.talks();
    await incoming.media.rtp.until(() => incoming.media.rtp.toneShare(440) > 0.5, 'a tone of 440 Hz');
    await incoming.hangup();
    await linphone.ended();
  });

  it('is told when nobody is there', async () => {
    const linphone = await open('1001');
    linphone.dial(`sip:200@${domain}`);
    await linphone.says(/Call 1 with sip:200@pbx\.test error/);
  });
});
