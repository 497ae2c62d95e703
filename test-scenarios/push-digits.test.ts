import assert from 'node:assert/strict';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { Product, type ProductOptions } from './product.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

const engines: readonly (readonly [string, ProductOptions, boolean])[] = [
  ['the embedded relay', {}, true],
  ['rtpengine', { media: startRtpengine }, haveRtpengine],
];

for (const [name, options, there] of engines)
  describe(`digits and beeps over ${name}`, () => {
    let product: Product;
    let far: PhoneCall;
    let desk: PhoneCall;
    before(function () {
      if (there) return;
      process.stderr.write(`skipped: ${name} is not installed\n`);
      this.skip();
    });
    beforeEach(async () => {
      product = await Product.start(options);
      const bob = await product.phone('2001');
      const phone = await product.phone('1001');
      far = await bob.invite('100');
      desk = await phone.incoming();
      await desk.answer();
      await far.answered();
      await far.media.rtp.hears(10, '1001');
      await desk.media.rtp.hears(10, '2001');
    });
    afterEach(() => product.close());

    it('X13 digits for the far end arrive in order, with their lengths, within two seconds', async () => {
      const { rtp } = far.media;
      const lengths = [
        ['1', 120],
        ['*', 300],
        ['5', 160],
        ['#', 100],
      ] as const;
      let expected = '';
      for (const [digit, duration] of lengths) {
        expected += digit;
        const start = performance.now();
        await desk.media.rtp.press(digit, { duration, pause: 100 });
        // The star waits for what comes after it.
        if (digit === '*') continue;
        await rtp.until(() => rtp.digits === expected, expected);
        assert.ok(performance.now() - start < duration + 2000);
      }
      for (const [i, [digit, duration]] of lengths.entries()) {
        const heard = (rtp.digitDurations[i] ?? 0) / 8;
        assert.ok(Math.abs(heard - duration) <= 60, `${digit}: ${heard} ms of ${duration}`);
      }
    });

    it('X13 a * alone arrives after its time, and not before', async () => {
      const { rtp } = far.media;
      const start = performance.now();
      await desk.media.rtp.press('*', { duration: 100, pause: 60 });
      await rtp.until(() => rtp.digits === '*', 'the star');
      const passed = performance.now() - start;
      assert.ok(passed > 1500 && passed < 2000 + 600, `${passed} ms`);
    });

    it('S0-24 the beep is for the pusher alone', async () => {
      const { rtp } = desk.media;
      await rtp.press('*9', { duration: 60, pause: 40 });
      await rtp.until(() => rtp.toneShare(1000, 60) > 0.5, 'the beep');
      await rtp.press('*', { duration: 60, pause: 40 });
      await far.media.rtp.hears(10, '1001');
      const strangers = far.media.rtp.audio().filter((p) => p.who !== '1001');
      assert.deepEqual([strangers.length, far.media.rtp.digits], [0, '']);
    });

    it('S0-40 *50 is confirmed by a beep and hung up', async () => {
      const mobile = await product.phone('1002');
      const call = await mobile.invite('*50');
      await call.answered();
      const { rtp } = call.media;
      await rtp.until(() => rtp.toneShare(1000) > 0.5, 'the beep');
      await call.ended();
      assert.equal(call.endedBy, 'remote');
    });
  });
