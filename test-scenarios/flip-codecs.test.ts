import assert from 'node:assert/strict';
import type { FlipView } from '../src/switch/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { RtpEndpoint, type RtpEndpointOptions } from '../src/testing/rtp-endpoint.ts';
import { steadyTimestamps } from './one-stream.ts';
import { Product } from './product.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

const tones = { far: 620, new: 440 } as const;
const opus = { name: 'opus', clockRate: 48_000, channels: 2 } as const;

for (const engine of ['embedded', 'rtpengine'] as const)
  describe(`flips between devices that differ, on ${engine}, by packets`, () => {
    let product: Product;
    let far: PhoneCall;
    let desk: PhoneCall;
    let endpoints: RtpEndpoint[];
    const flips: FlipView[] = [];

    before(function () {
      if (engine === 'embedded' || haveRtpengine) return;
      process.stderr.write('skipped: rtpengine is not installed\n');
      this.skip();
    });
    beforeEach(async () => {
      endpoints = [];
      flips.length = 0;
      product = await Product.start(engine === 'embedded' ? {} : { media: startRtpengine });
      product.product.events.on('flip', ({ flip }) => flips.push(flip));
    });
    afterEach(async () => {
      for (const endpoint of endpoints) endpoint.close();
      await product.close();
    });

    const talking = async () => {
      const bob = await product.phone('2001', { codecs: ['PCMU', 'telephone-event'] });
      const phone = await product.phone('1001', { codecs: ['PCMU', 'telephone-event'] });
      far = await bob.invite('100');
      desk = await phone.incoming();
      await desk.answer();
      await far.answered();
      await far.media.rtp.hears(10, '1001');
      far.media.rtp.tone = [tones.far];
    };
    const endpoint = async (options: Partial<RtpEndpointOptions>) => {
      const made = await RtpEndpoint.open({ name: '1002', ...options });
      made.tone = [tones.new];
      endpoints.push(made);
      return made;
    };
    const bodyOf = async (call: PhoneCall, what: string | number) =>
      (await call.received(what)).body.toString();

    /** 1002 dials *33 with that endpoint's description. */
    const pull = async (mobile: Phone, rtp: RtpEndpoint) => {
      const pulled = await mobile.invite('*33', { sdp: rtp.sdp() });
      await pulled.answered();
      rtp.start(await bodyOf(pulled, 200));
      return pulled;
    };
    const bothHear = async (rtp: RtpEndpoint) => {
      await far.media.rtp.until(() => far.media.rtp.toneShare(tones.new) > 0.5, 'the new device');
      await rtp.until(() => rtp.toneShare(tones.far) > 0.5, 'the far party');
      await desk.ended();
      assert.deepEqual([far.reinvites.length, far.state], [0, 'answered']);
    };
    /** The far party's stream: one SSRC and no hole on the embedded relay. */
    const unbroken = () => {
      if (engine === 'rtpengine') return;
      const { ssrcChanges, missing, sequenceBreaks } = far.media.rtp.analyse();
      assert.deepEqual([ssrcChanges, missing, sequenceBreaks], [0, 0, 0]);
      steadyTimestamps(far.media.rtp);
    };

    for (const [name, options] of Object.entries({
      PCMA: { payloadType: 8 },
      'G.722': { payloadType: 9 },
      opus: { payloadType: 111, codec: opus },
    }))
      it(`S1-16 S1-63 a puller that knows ${name} alone, while the far party talks G.711 µ-law: transcoded, no re-INVITE`, async () => {
        await talking();
        const rtp = await endpoint(options);
        await pull(await product.phone('1002', { rtp: false }), rtp);
        await bothHear(rtp);
        unbroken();
      });

    it('S1-16 a push to a device that refuses the codec (488): offered again, and transcoded', async () => {
      await talking();
      const mobile = await product.phone('1002', { rtp: false });
      for (const digit of '*91002#') await desk.info(digit);
      const first = await mobile.incoming();
      assert.doesNotMatch(first.invite?.body.toString() ?? '', /opus/i);
      first.reject(488);
      const second = await mobile.incoming();
      const offer = second.invite?.body.toString() ?? '';
      const type = Number(/a=rtpmap:(\d+) opus\/48000/i.exec(offer)?.[1]);
      assert.ok(type >= 96, offer);
      const rtp = await endpoint({ payloadType: type, codec: opus });
      await second.answer({ sdp: rtp.sdp() });
      rtp.start(offer);
      await bothHear(rtp);
      unbroken();
    });

    it('S1-16 a caller and a called device without a common codec', async () => {
      const bob = await product.phone('2001', { codecs: ['PCMA'] });
      const phone = await product.phone('1001', { rtp: false });
      phone.behaviour.rejectsWith = 488;
      far = await bob.invite('100');
      await phone.incoming();
      phone.behaviour.rejectsWith = undefined;
      const called = await phone.incoming();
      const rtp = await endpoint({ payloadType: 9 });
      await called.answer({ sdp: rtp.sdp() });
      rtp.start(called.invite?.body.toString() ?? '');
      await far.answered();
      far.media.rtp.tone = [tones.far];
      await far.media.rtp.until(() => far.media.rtp.toneShare(tones.new) > 0.5, 'the called device');
      await rtp.until(() => rtp.toneShare(tones.far) > 0.5, 'the caller');
    });

    it('other numbers for telephone events at the two ends: digits arrive', async () => {
      await talking();
      const rtp = await endpoint({ eventPayloadType: 96 });
      await pull(await product.phone('1002', { rtp: false }), rtp);
      await bothHear(rtp);
      await rtp.press('12', { duration: 100, pause: 80 });
      await far.media.rtp.until(() => far.media.rtp.digits === '12', 'the digits', 8000);
      await far.media.rtp.press('34', { duration: 100, pause: 80 });
      await rtp.until(() => rtp.digits === '34', 'the digits', 8000);
    });

    it('SRTP with keys in the description at the puller alone (RFC 4568)', async () => {
      await talking();
      const rtp = await endpoint({ srtp: 'AES_CM_128_HMAC_SHA1_80' });
      const pulled = await pull(await product.phone('1002', { rtp: false }), rtp);
      const answer = await bodyOf(pulled, 200);
      assert.match(answer, /^m=audio \d+ RTP\/SAVP /m);
      assert.equal(answer.match(/^a=crypto:/gm)?.length, 1);
      assert.match(answer, /^a=crypto:1 AES_CM_128_HMAC_SHA1_80 /m);
      await bothHear(rtp);
      assert.equal(rtp.crypto?.refused, 0);
      unbroken();
    });

    it('a pushed device that takes SRTP alone', async () => {
      await talking();
      const mobile = await product.phone('1002', { rtp: false });
      for (const digit of '*91002#') await desk.info(digit);
      for (let tries = 0; tries < 2; tries++) (await mobile.incoming()).reject(488);
      const third = await mobile.incoming();
      const offer = third.invite?.body.toString() ?? '';
      assert.match(offer, /^m=audio \d+ RTP\/SAVP /m);
      const rtp = await endpoint({ srtp: 'AES_CM_128_HMAC_SHA1_80' });
      rtp.start(offer);
      await third.answer({ sdp: rtp.sdp() });
      await bothHear(rtp);
      unbroken();
    });

    for (const place of ['below', 'above'] as const)
      it(`S1-61 a puller that offers video as well, ${place} the audio: the video is turned down, the audio moves`, async () => {
        await talking();
        const rtp = await endpoint({});
        const mobile = await product.phone('1002', { rtp: false });
        const video = 'm=video 49170 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n';
        const sdp = place === 'below' ? rtp.sdp() + video : rtp.sdp().replace('m=audio', `${video}m=audio`);
        const pulled = await mobile.invite('*33', { sdp });
        await pulled.answered();
        const answer = await bodyOf(pulled, 200);
        assert.match(answer, place === 'below' ? /^m=audio [^]*^m=video 0 /m : /^m=video 0 [^]*^m=audio /m);
        rtp.start(answer);
        await bothHear(rtp);
        unbroken();
      });

    it('no codec at all that could be had: 488, and the two talk on', async () => {
      await talking();
      const mobile = await product.phone('1002', { rtp: false });
      const sdp = (await endpoint({})).sdp().replace(/RTP\/AVP 0 101/, 'RTP/AVP 98 101');
      const call = await mobile.invite('*33', { sdp: sdp.replace('rtpmap:0 PCMU', 'rtpmap:98 SPEEX') });
      await call.ended();
      assert.deepEqual([call.finalStatus, call.finalReason], [488, 'No common codec']);
      assert.equal(flips.at(-1)?.result, 'failed');
      await far.media.rtp.hears(10, '1001');
      await desk.media.rtp.hears(10);
      assert.equal(desk.state, 'answered');
    });
  });
