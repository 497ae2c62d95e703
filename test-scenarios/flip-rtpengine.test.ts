import assert from 'node:assert/strict';
import type { FlipView } from '../src/switch/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { Product } from './product.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

describe('M-07 flips on a real rtpengine, by packets', () => {
  let product: Product;
  let far: PhoneCall;
  let desk: PhoneCall;
  const flips: FlipView[] = [];
  before(function () {
    if (haveRtpengine) return;
    process.stderr.write('skipped: rtpengine is not installed\n');
    this.skip();
  });
  beforeEach(async () => {
    product = await Product.start({ media: startRtpengine });
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

  /**
   * All but the SSRC goes on: nothing lost, no re-INVITE. rtpengine 10 forwards the old device until it is taken out, so
   * that both may be heard for a packet or two.
   */
  const unbroken = (speakers: readonly string[]) => {
    const heard = far.media.rtp.analyse();
    const turns = [...new Set(heard.speakers)];
    assert.deepEqual(turns, [...new Set(speakers)]);
    assert.equal(heard.speakers.at(-1), speakers.at(-1));
    for (const name of turns.slice(0, 1)) assert.equal(heard.senders[name]?.lost, 0);
    assert.equal(far.reinvites.length, 0);
    assert.ok(heard.longestGapMs < 220 + heard.longestSendGapMs, `gap of ${heard.longestGapMs} ms`);
  };

  it('S0-11 *33', async () => {
    const mobile = await product.phone('1002');
    const pulled = await mobile.invite('*33');
    await pulled.answered();
    await desk.ended();
    await far.media.rtp.hears(10, '1002');
    await pulled.media.rtp.hears(10, '2001');
    unbroken(['1001', '1002']);
    const flip = flips.at(-1);
    assert.equal(flip?.result, 'moved');
    // rtpengine 10 tells nothing of what it sends: no figure is better than a made-up one.
    assert.deepEqual([flip.gap_ms, flip.lost_packets, flip.audio_back_ms], [undefined, undefined, undefined]);
    assert.ok((flip.audio_ms ?? -1) >= 0);
  });

  it('to and fro, five times', async () => {
    const phones = { '1002': await product.phone('1002'), '1003': await product.phone('1003') };
    const speakers = ['1001'];
    for (const name of ['1002', '1003', '1002', '1003', '1002'] as const) {
      const pulled = await phones[name].invite('*33');
      await pulled.answered();
      await far.media.rtp.hears(5, name);
      speakers.push(name);
    }
    unbroken(speakers);
  });

  it('S0-22 *9 1002 # by INFO: both talk on while it rings', async () => {
    const mobile = await product.phone('1002');
    for (const digit of '*91002#') await desk.info(digit);
    const pushed = await mobile.incoming();
    await pushed.ring();
    await far.media.rtp.hears(10, '1001');
    await desk.media.rtp.hears(10, '2001');
    await pushed.answer();
    await desk.ended();
    await far.media.rtp.hears(10, '1002');
    await pushed.media.rtp.hears(10, '2001');
    unbroken(['1001', '1002']);
  });

  it('S0-23 by keys: no digit reaches the far party', async () => {
    const mobile = await product.phone('1002');
    await desk.media.rtp.press('*91002#', { duration: 80, pause: 60 });
    const pushed = await mobile.incoming();
    await pushed.answer();
    await desk.ended();
    await far.media.rtp.hears(10, '1002');
    assert.equal(far.media.rtp.digits, '');
  });

  it('X13 digits meant for the far end arrive in order', async () => {
    await desk.media.rtp.press('1*5#', { duration: 120, pause: 100 });
    await far.media.rtp.until(() => far.media.rtp.digits === '1*5#', 'the digits', 8000);
  });
});
