import assert from 'node:assert/strict';
import { Baresip, needBaresip, type BaresipOptions } from '../src/testing/baresip.ts';
import { defaultSettings } from '../src/switch/index.ts';
import { domain, Product } from './product.ts';

describe('baresip phones through the whole product', function () {
  this.timeout(40_000);
  let product: Product;
  const phones: Baresip[] = [];
  before(async function () {
    needBaresip(this);
    const ring = { ...defaultSettings.ring, seconds: 3 };
    product = await Product.start({ settings: { ring } });
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.close()));
  });
  after(() => product?.close());

  const open = async (user: string, options: Partial<BaresipOptions> = {}): Promise<Baresip> => {
    const protocol = options.protocol ?? 'udp';
    const port = product.signaling.listeners.find((l) => l.protocol === protocol)?.port ?? 0;
    const server = { address: '127.0.0.1', port };
    const phone = await Baresip.start({ user, password: `secret-${user}`, domain, server, ...options });
    phones.push(phone);
    await phone.registered();
    return phone;
  };
  const closed = (phone: Baresip) => phone.event('CALL_CLOSED');

  for (const protocol of ['udp', 'tcp'] as const) {
    it(`S0-05 S0-06 S0-36 S1-25 three devices of a user ring together over ${protocol}, one answers, a tone each way is heard`, async () => {
      const bob = await open('2001', { tone: 440, protocol });
      const [desk, mobile, desktop] = await Promise.all([
        open('1001', { protocol }),
        open('1002', { tone: 880, protocol }),
        open('1003', { protocol }),
      ]);
      await bob.dial('100');
      await Promise.all([desk, mobile, desktop].map((phone) => phone.event('CALL_INCOMING')));
      await bob.event('CALL_RINGING');
      await mobile.accept();
      await Promise.all([bob.event('CALL_ESTABLISHED'), mobile.event('CALL_ESTABLISHED')]);
      await Promise.all([closed(desk), closed(desktop)]);
      await Promise.all([bob.hears(880), mobile.hears(440)]);
      await mobile.hangup();
      await Promise.all([closed(bob), closed(mobile)]);
    });
  }

  it('the caller hangs up', async () => {
    const bob = await open('2001');
    const desk = await open('1001', { answers: true });
    await bob.dial('100');
    await Promise.all([bob.event('CALL_ESTABLISHED'), desk.event('CALL_ESTABLISHED')]);
    await bob.hangup();
    await Promise.all([closed(bob), closed(desk)]);
  });

  it('the caller gives up while it rings: every device stops', async () => {
    const bob = await open('2001');
    const devices = await Promise.all([open('1001'), open('1002')]);
    await bob.dial('100');
    await Promise.all(devices.map((phone) => phone.event('CALL_INCOMING')));
    await bob.event('CALL_RINGING');
    await bob.hangup();
    await Promise.all(devices.map(closed));
  });

  it('all devices are busy: the caller hears 486', async () => {
    const bob = await open('2001');
    const devices = await Promise.all([open('1001'), open('1002')]);
    await bob.dial('100');
    for (const phone of devices) {
      await phone.event('CALL_INCOMING');
      await phone.hangup();
    }
    const { param } = await closed(bob);
    assert.match(param ?? '', /486/);
  });

  it('nobody answers: the devices stop and the caller is told 480', async () => {
    const bob = await open('2001');
    const desk = await open('1001');
    await bob.dial('100');
    await desk.event('CALL_INCOMING');
    const { param } = await closed(bob);
    assert.match(param ?? '', /480/);
    await closed(desk);
  });

  it('a held call is resumed and heard again', async () => {
    const bob = await open('2001', { tone: 440 });
    const desk = await open('1001', { answers: true, tone: 880 });
    await bob.dial('100');
    await Promise.all([bob.event('CALL_ESTABLISHED'), desk.event('CALL_ESTABLISHED')]);
    await bob.hears(880);
    await bob.hold();
    await bob.event('CALL_REMOTE_SDP', 2);
    await bob.resume();
    await bob.event('CALL_REMOTE_SDP', 3);
    // Only the held side: baresip 1.0 does not go on recording at the side that held.
    await desk.hears(440);
    await bob.hangup();
    await closed(desk);
  });

  describe('flips by their own commands, each phone with a tone of its own', () => {
    /** 2001 calls 100, which answers on 1001; both hear each other. */
    const talking = async () => {
      const bob = await open('2001', { tone: 440 });
      const [desk, mobile] = await Promise.all([open('1001', { tone: 660 }), open('1002', { tone: 880 })]);
      await bob.dial('100');
      await Promise.all([desk, mobile].map((phone) => phone.event('CALL_INCOMING')));
      await desk.accept();
      await Promise.all([bob.event('CALL_ESTABLISHED'), desk.event('CALL_ESTABLISHED'), closed(mobile)]);
      await Promise.all([bob.hears(660), desk.hears(440)]);
      return { bob, desk, mobile };
    };
    const told = (phone: Baresip, type: string) => phone.events.filter((e) => e.type === type).length;

    it('S0-14 S0-55 S1-55 *33 dialled on the mobile: the tones change places, and the caller’s phone knows of nothing', async () => {
      const { bob, desk, mobile } = await talking();
      const before = [told(bob, 'CALL_REMOTE_SDP'), told(bob, 'CALL_ESTABLISHED')];
      await mobile.dial('*33');
      await mobile.event('CALL_ESTABLISHED');
      const { param } = await closed(desk);
      assert.ok(param !== undefined);
      await Promise.all([bob.hears(880), mobile.hears(440)]);
      assert.deepEqual([told(bob, 'CALL_REMOTE_SDP'), told(bob, 'CALL_ESTABLISHED')], before);
      assert.equal(told(bob, 'CALL_CLOSED'), 0);
      await mobile.hangup();
      await closed(bob);
    });

    it('S0-23 S0-33 S1-55 *9 1002 # pressed on the desk phone: the talk goes on while the mobile rings, then the mobile has it', async () => {
      const { bob, desk, mobile } = await talking();
      const before = told(bob, 'CALL_REMOTE_SDP');
      await desk.press('*91002#');
      await mobile.event('CALL_INCOMING', 2);
      await Promise.all([bob.hears(660), desk.hears(440)]);
      await mobile.accept();
      await closed(desk);
      await Promise.all([bob.hears(880), mobile.hears(440)]);
      assert.deepEqual([told(bob, 'CALL_REMOTE_SDP'), told(bob, 'CALL_CLOSED')], [before, 0]);
      assert.deepEqual(
        bob.events.filter((e) => e.type === 'CALL_DTMF_START').map((e) => e.param),
        [],
      );
      await bob.hangup();
      await closed(mobile);
    });
  });

  it('S1-08 a wrong password is refused', async () => {
    await assert.rejects(open('1001', { password: 'wrong' }), /refused by the registrar[^]*40[13]/);
  });
});
