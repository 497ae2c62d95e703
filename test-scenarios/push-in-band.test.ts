import assert from 'node:assert/strict';
import { DtmfDetector, eventDigit, g711Decode } from '../src/rtp/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { Product } from './product.ts';
import { mediaEngine } from './one-stream.ts';

const rows = [697, 770, 852, 941];
const columns = [1209, 1336, 1477];
const keys = ['123', '456', '789', '*0#'];

/** The two frequencies of a key (ITU-T Q.23). */
const tonesOf = (key: string): number[] => {
  const row = keys.findIndex((line) => line.includes(key));
  return [rows[row] ?? 0, columns[keys[row]?.indexOf(key) ?? 0] ?? 0];
};

/** Presses keys on a phone that knows tones only. */
async function press(call: PhoneCall, text: string): Promise<void> {
  const { rtp } = call.media;
  for (const key of text) {
    const start = rtp.sent;
    rtp.tone = tonesOf(key);
    await rtp.until(() => rtp.sent >= start + 6, `${key} to be pressed`);
    rtp.tone = [];
    await rtp.until(() => rtp.sent >= start + 11, 'a pause');
  }
}

/** What a digit receiver at that end makes of the sound, besides telephone events. */
function tonesHeard(call: PhoneCall): string {
  let digits = '';
  const detector = new DtmfDetector(8000, {
    started: (event) => (digits += eventDigit(event) ?? '?'),
    ended: () => undefined,
  });
  for (const { payloadType, payload } of call.media.rtp.audio()) {
    if (payloadType !== 0 && payloadType !== 8) continue;
    const pcm = new Int16Array(payload.length);
    g711Decode(payloadType === 8 ? 'alaw' : 'ulaw', payload, pcm);
    detector.receive(pcm);
  }
  return digits;
}

describe('S1-66 push from a phone that sends its keys as tones, as an analog one behind a gateway', () => {
  let product: Product;
  let far: PhoneCall;
  let desk: PhoneCall;
  before(function () {
    if (mediaEngine === 'embedded') return;
    process.stderr.write('skipped: rtpengine 10 does not look for digits in sound\n');
    this.skip();
  });
  beforeEach(async () => {
    product = await Product.start();
    const bob = await product.phone('2001');
    const phone = await product.phone('1001', { codecs: ['PCMU'] });
    far = await bob.invite('100');
    desk = await phone.incoming();
    await desk.answer();
    await far.answered();
    await far.media.rtp.hears(10, '1001');
    await desk.media.rtp.hears(10, '2001');
  });
  afterEach(() => product.close());

  it('S0-23 *9 1002 #: the call moves, and no receiver at the far end makes out a digit', async () => {
    const mobile = await product.phone('1002');
    await press(desk, '*9');
    await desk.media.rtp.until(() => desk.media.rtp.toneShare(1000, 60) > 0.5, 'the beep');
    await press(desk, '1002#');
    const pushed = await mobile.incoming();
    await pushed.answer();
    await desk.ended();
    await far.media.rtp.hears(10, '1002');
    assert.deepEqual([far.media.rtp.digits, tonesHeard(far), far.reinvites], ['', '', []]);
  });

  it('X13 a key meant for the far end arrives there once, as an event', async () => {
    await press(desk, '1*5#');
    await far.media.rtp.until(() => far.media.rtp.digits === '1*5#', 'the digits');
    await far.media.rtp.hears(5, '1001');
    assert.deepEqual([far.media.rtp.digits, tonesHeard(far)], ['1*5#', '']);
  });
});
