import assert from 'node:assert/strict';
import { startMediaEngine } from '../src/media/index.ts';
import { silentLogger } from '../src/base/index.ts';
import type { FlipView } from '../src/switch/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { Product } from './product.ts';

const loopback = '127.0.0.1';

describe('X14 a device dies in mid-call, by packets', () => {
  let product: Product;
  let far: PhoneCall;
  let desk: Phone;
  const flips: FlipView[] = [];

  beforeEach(async () => {
    product = await Product.start({
      media: async (port) => {
        const engine = await startMediaEngine(
          {
            listen: { address: loopback, port: 0 },
            addresses: { IP4: loopback },
            ports: [20_000, 60_000],
            dtmfLog: { address: loopback, port },
            threads: 1,
            mediaTimeoutMs: 500,
          },
          silentLogger,
        );
        return { nodes: [{ host: engine.address, port: engine.port }], close: () => engine.close() };
      },
    });
    flips.length = 0;
    product.product.events.on('flip', ({ flip }) => flips.push(flip));
    const bob = await product.phone('2001');
    desk = await product.phone('1001');
    far = await bob.invite('100');
    const old = await desk.incoming();
    await old.answer();
    await far.answered();
    await far.media.rtp.hears(10, '1001');
  });
  afterEach(() => product.close());

  const lost = () => far.media.rtp.until(() => flips.at(-1)?.kind === 'rescue', 'the loss', 10_000);

  it('S3-03 the far party is kept and hears a tone; *33 brings the call to another device, without a re-INVITE', async () => {
    desk.die();
    await lost();
    assert.equal(far.state, 'answered');
    await far.media.rtp.until(() => far.media.rtp.toneShare(425, 60) > 0.5, 'the tone', 8000);
    const mobile = await product.phone('1002');
    // It was rung as it registered, and may dial all the same.
    const pulled = await mobile.invite('*33');
    await pulled.answered();
    await far.media.rtp.hears(10, '1002');
    await pulled.media.rtp.hears(10, '2001');
    const { ssrcChanges, sequenceBreaks, missing } = far.media.rtp.analyse();
    assert.deepEqual([ssrcChanges, sequenceBreaks, missing, far.reinvites.length], [0, 0, 0, 0]);
  });

  it('an own device that registers rings, and has the call when it answers', async () => {
    desk.die();
    await lost();
    const mobile = await product.phone('1002');
    const rescued = await mobile.incoming();
    await rescued.answer();
    await far.media.rtp.hears(10, '1002');
    await rescued.media.rtp.hears(10, '2001');
    await far.media.rtp.until(() => flips.at(-1)?.result === 'moved', 'the flip');
    assert.deepEqual([flips.at(-1)?.kind, flips.at(-1)?.to, far.reinvites.length], ['rescue', '1002', 0]);
  });

  it('a device that only lost its breath is heard again, and nothing has happened', async () => {
    desk.die();
    await lost();
    desk.revive();
    const [call] = desk.calls;
    call?.media.rtp.start(call.media.rtp.target ?? { address: loopback, port: 9 });
    await far.media.rtp.hears(10, '1001');
    await far.media.rtp.until(() => flips.at(-1)?.reason === 'The device is back', 'its return');
    assert.equal(far.state, 'answered');
  });
});
