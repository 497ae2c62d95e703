import assert from 'node:assert/strict';
import { needRtpengine } from '../src/testing/index.ts';
import type { CallView, FlipView } from '../src/switch/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { defaultSettings } from '../src/switch/index.ts';
import { Product } from './product.ts';
import { startRtpengine } from './rtpengine.ts';

const { features } = defaultSettings;

for (const [engine, media] of Object.entries({
  'the embedded relay': {},
  rtpengine: { media: startRtpengine },
}))
  describe(`X14 the connection of a device ends in mid-call, on ${engine}, by packets`, function () {
    this.timeout(30_000);
    let product: Product;
    let far: PhoneCall;
    let old: PhoneCall;
    let desk: Phone;
    const flips: FlipView[] = [];
    const ended: CallView[] = [];
    const begin = async (protocol: 'tcp' | 'ws', seconds = 30) => {
      product = await Product.start({
        settings: { features: { ...features, rescue: { seconds } } },
        ...media,
      });
      flips.length = 0;
      ended.length = 0;
      product.product.events.on('flip', ({ flip }) => flips.push(flip));
      product.product.events.on('ended', (view) => ended.push(view));
      const bob = await product.phone('2001');
      desk = await product.phone('1001', { protocol, instance: 'urn:uuid:1001' });
      far = await bob.invite('100');
      old = await desk.incoming();
      await old.answer();
      await far.answered();
      await far.media.rtp.hears(10, '1001');
    };
    /** Switched off: no sound, no answer, no connection. */
    const disappears = () => {
      desk.die();
      desk.drop();
    };
    before(function () {
      if (engine === 'rtpengine') needRtpengine(this);
    });
    afterEach(() => product.close());
    const until = (holds: () => boolean, what: string) => far.media.rtp.until(holds, what, 10_000);

    // Which transport it was is all the same to the media engine.
    for (const protocol of engine === 'rtpengine' ? (['ws'] as const) : (['tcp', 'ws'] as const))
      it(`S3-03 over ${protocol} and silent: the other party is kept, and the device has the call back when it is there again`, async () => {
        await begin(protocol);
        disappears();
        await until(() => flips.at(-1)?.kind === 'rescue', 'the loss');
        await until(() => far.media.rtp.toneShare(425, 60) > 0.5, 'the tone');
        desk.revive();
        await desk.register();
        const back = await desk.incoming();
        await back.answer();
        await far.media.rtp.hears(10, '1001');
        await back.media.rtp.hears(10, '2001');
        await until(() => flips.at(-1)?.result === 'moved', 'the flip');
        assert.deepEqual([flips.at(-1)?.to, far.state, far.reinvites], ['1001', 'answered', []]);
        await back.hangup();
        await far.ended();
      });

    it('a phone that goes on speaking has lost nothing but its connection: nobody is disturbed', async () => {
      await begin('tcp');
      desk.drop();
      const registered = () => product.bindings.all().some(({ aor }) => aor === '1001');
      await far.media.rtp.until(() => !registered(), 'the registration to end');
      // Longer than the switch looks at the stream before it asks.
      await far.media.rtp.hears(60, '1001');
      assert.deepEqual([flips, far.state], [[], 'answered']);
      await desk.register();
      const mobile = await product.phone('1002');
      const pulled = await mobile.invite('*33');
      await pulled.answered();
      await far.media.rtp.hears(10, '1002');
      await pulled.media.rtp.hears(10, '2001');
    });

    it('nobody comes for it in time: the other party gets BYE with the reason, and the record says so', async () => {
      await begin('ws', 2);
      disappears();
      await far.ended(15_000);
      assert.match(far.endReason ?? '', /^SIP;cause=480;text="The other device was lost"/);
      const [view] = ended;
      assert.deepEqual(
        [view?.ended?.text, view?.flips.map(({ kind, result }) => `${kind} ${result}`)],
        ['The other device was lost', ['rescue failed']],
      );
      assert.ok(view?.decisions.some((line) => /device 1001 lost: its connection closed/.test(line)));
    });
  });
