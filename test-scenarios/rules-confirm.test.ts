import assert from 'node:assert/strict';
import type { Action, Rule } from '../src/stores/index.ts';
import { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { domain, Product, type ProductOptions } from './product.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

const mobile = '+491701234567';

const rule = (id: string, then: Action): Rule => ({
  id,
  name: id,
  enabled: true,
  when: [],
  then,
  changedAt: 0,
  changedBy: '100',
});

/** To the mobile, and then to the desk phone. */
const rules = [
  rule('mobile', { kind: 'forward', to: mobile, confirm: true }),
  rule('desk', { kind: 'ring', targets: [{ to: '1001' }], order: 'together', seconds: 20 }),
];

/** The notes of the question that is played to who answers. */
const question = [523, 784];

for (const engine of ['embedded', 'rtpengine'] as const)
  describe(`a call forwarded to a mobile that must confirm, by packets (${engine})`, () => {
    let product: Product;
    let carrier: Phone;
    let caller: PhoneCall;
    let callee: PhoneCall;
    before(function () {
      if (engine === 'embedded' || haveRtpengine) return;
      process.stderr.write('skipped: rtpengine is not installed\n');
      this.skip();
    });
    beforeEach(async () => {
      const options: ProductOptions = engine === 'rtpengine' ? { media: startRtpengine } : {};
      product = await Product.start(options);
      // Another address than the phones': a trunk is known by it.
      carrier = await Phone.open({ name: 'carrier', address: '127.0.0.2', domain, rtp: true });
      await product.directory.putTrunk({
        id: 't1',
        domain,
        name: 'lab',
        host: '127.0.0.2',
        port: Number(/:(\d+)/.exec(carrier.contact)?.[1]),
        transport: 'udp',
        register: false,
      });
      const owner = { domain, kind: 'user', id: product.directory.user(domain, '100')?.id ?? '' } as const;
      await product.routing.putRouting({ owner, rules, profiles: [] });
      await product.routing.putPolicy({
        domain,
        mayForwardOutside: 'all',
        country: 'DE',
        countries: 'all',
        blockedPrefixes: [],
        exceptions: [],
        protectedNumbers: [],
        confirmMobiles: true,
        concurrentForwards: 5,
        forwardsPerHour: 60,
        suppressInCall: false,
      });
      const bob = await product.phone('2001');
      caller = await bob.invite('100');
      callee = await carrier.incoming();
      await callee.ring();
      await caller.ringing();
      await callee.answer();
      await callee.media.rtp.until(
        () => question.some((hertz) => callee.media.rtp.toneShare(hertz, 100) > 0.5),
        'the question',
      );
    });
    afterEach(async () => {
      await carrier.close();
      await product.close();
    });

    it('S2-27 S2-31 hears the question alone; with 1 the two talk, and no number is told', async () => {
      assert.equal(caller.media.rtp.packets.length, 0, 'nothing of it reaches the caller');
      assert.equal(caller.count(200), 0);
      await callee.media.rtp.press('1');
      await caller.answered();
      await caller.media.rtp.hears(10, 'carrier');
      await callee.media.rtp.hears(10, '2001');
      assert.equal(callee.reinvites.length, 0);
      const told = caller.messages.map(({ message }) => JSON.stringify(message)).join();
      assert.ok(!told.includes('1701234567'));
      await caller.hangup();
      await callee.ended();
    });

    it('S2-28 with 2, by SIP INFO, it is let go, and the next one rings: the caller has missed nothing', async () => {
      const desk = await product.phone('1001');
      await callee.info('2');
      await callee.ended();
      const next = await desk.incoming();
      assert.equal(caller.media.rtp.packets.length, 0);
      await next.answer();
      await caller.answered();
      await caller.media.rtp.hears(10, '1001');
      await next.media.rtp.hears(10, '2001');
      const heard = caller.media.rtp.analyse();
      assert.deepEqual(heard.speakers, ['1001']);
      await caller.hangup();
      await next.ended();
    });
  });
