import assert from 'node:assert/strict';
import type { FlipView } from '../src/switch/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { domain, Product } from './product.ts';
import { mediaEngine, oneStream as unbroken } from './one-stream.ts';

describe('push through the whole product, by packets', () => {
  let product: Product;
  let flips: FlipView[];
  let far: PhoneCall;
  let desk: PhoneCall;
  beforeEach(async () => {
    product = await Product.start();
    flips = [];
    product.product.events.on('flip', ({ flip }) => flips.push(flip));
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

  const dial = (keys: string) => desk.media.rtp.press(keys, { duration: 60, pause: 40 });
  const noDigitLeaked = () => assert.equal(far.media.rtp.digits, '');
  /**
   * One stream at the far party. While a phone sends keys it sends no audio (RFC 4733 §2.5.1.2), so there are pauses; over
   * them the timestamps advance by real time.
   */
  const oneStream = () => {
    unbroken(far.media.rtp);
    if (mediaEngine === 'rtpengine') return;
    const audio = far.media.rtp.audio();
    for (const [i, packet] of audio.entries()) {
      const before = audio[i - 1];
      if (before === undefined) continue;
      const advance = ((packet.timestamp - before.timestamp) | 0) / 8;
      const passed = packet.arrival - before.arrival;
      assert.ok(
        advance > 0 && Math.abs(advance - passed) < 300,
        `${advance} ms of timestamps in ${passed} ms`,
      );
    }
    assert.deepEqual(far.reinvites, []);
  };

  it('S0-22 S0-24 S0-27 S0-33 S0-57 *9 1002 #: beep, ring, hand-over; the talk goes on until the answer, and no digit leaks', async () => {
    const mobile = await product.phone('1002');
    await dial('*9');
    await desk.media.rtp.until(() => desk.media.rtp.toneShare(1000, 60) > 0.5, 'the beep');
    await dial('1002#');
    const pushed = await mobile.incoming();
    await pushed.ring();
    await far.media.rtp.hears(10, '1001');
    await desk.media.rtp.hears(10, '2001');
    await pushed.answer();
    await desk.ended();
    assert.match(desk.endReason ?? '', /Moved to another device/);
    await far.media.rtp.hears(10, '1002');
    await pushed.media.rtp.hears(10, '2001');
    noDigitLeaked();
    oneStream();
    assert.equal(flips.at(-1)?.result, 'moved');
    await far.hangup();
    await pushed.ended();
  });

  it('S0-58 S0-64 S0-65 * cancels while it rings, busy comes back, and the next push works', async () => {
    const mobile = await product.phone('1002');
    const desktop = await product.phone('1003');
    await dial('*91002#');
    const first = await mobile.incoming();
    await first.ring();
    await dial('*');
    await first.ended();
    mobile.behaviour.rejectsWith = 486;
    await dial('*91002#');
    await far.media.rtp.until(
      () => flips.filter((f) => f.result === 'failed').length === 2,
      'the busy push to end',
    );
    await dial('*91003#');
    const third = await desktop.incoming();
    await third.answer();
    await desk.ended();
    await far.media.rtp.hears(10, '1003');
    noDigitLeaked();
    oneStream();
  });

  it('X13 digits meant for the far end arrive in order within two seconds, * and # too', async () => {
    const start = performance.now();
    await desk.media.rtp.press('1*5#', { duration: 120, pause: 80 });
    await far.media.rtp.until(() => far.media.rtp.digits === '1*5#', 'the digits');
    assert.ok(performance.now() - start < 4 * 200 + 2000);
    await far.media.rtp.hears(5, '1001');
    oneStream();
  });

  it('S0-23 by SIP INFO', async () => {
    const mobile = await product.phone('1002');
    for (const digit of '*91002#') await desk.info(digit);
    const pushed = await mobile.incoming();
    await pushed.answer();
    await desk.ended();
    await far.media.rtp.hears(5, '1002');
    noDigitLeaked();
  });

  it('S0-28 S0-31 X2 to a colleague: the far party hears ringback while it rings, then the colleague', async () => {
    const colleague = await product.phone('2002');
    await dial('*92002#');
    const pushed = await colleague.incoming();
    await pushed.ring();
    await far.media.rtp.until(() => far.media.rtp.toneShare(425, 200) > 0.5, 'ringback');
    await pushed.answer();
    await desk.ended();
    await far.media.rtp.hears(10, '2002');
    await pushed.media.rtp.hears(10, '2001');
    oneStream();
  });

  it('S1-04 S1-65 by API to the other devices; the pusher hanging up completes it', async () => {
    const mobile = await product.phone('1002');
    const [call] = product.product.listCalls({ domain, admin: true });
    const started = product.product.flipCall(
      call?.id ?? '',
      { to: 'other-devices' },
      { domain, admin: true },
    );
    assert.ok(started.ok);
    const pushed = await mobile.incoming();
    await pushed.ring();
    await desk.hangup();
    assert.equal(far.state, 'answered');
    await pushed.answer();
    await far.media.rtp.hears(10, '1002');
    await pushed.media.rtp.hears(10, '2001');
    assert.deepEqual(far.reinvites, []);
  });

  it('a pull while it rings takes the call, and the push is over', async () => {
    const mobile = await product.phone('1002');
    const desktop = await product.phone('1003');
    await dial('*91002#');
    const pushed = await mobile.incoming();
    await pushed.ring();
    const pulled = await desktop.invite('*33');
    await pulled.answered();
    await Promise.all([pushed.ended(), desk.ended()]);
    await far.media.rtp.hears(10, '1003');
    oneStream();
  });
});
