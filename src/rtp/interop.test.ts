import assert from 'node:assert/strict';
import { ngText, type NgClient, type NgDictionary } from '../ng/index.ts';
import { needRtpengine, RtpEndpoint, Rtpengine, type RtpEndpointOptions } from '../testing/index.ts';
import { isSrtpSuite, printRtcp, SRTP_SUITES } from './index.ts';

/** Our codecs and our SRTP against those of rtpengine (FFmpeg, libopus, its own SRTP): a G.711 phone on its other side. */
describe('codecs and SRTP as another implementation understands them', () => {
  let engine: Rtpengine | undefined;
  let client: NgClient | undefined;
  const phones: RtpEndpoint[] = [];
  let calls = 0;

  before(async function () {
    needRtpengine(this);
    engine = await Rtpengine.start();
    client = engine.client();
  });
  afterEach(() => {
    for (const phone of phones.splice(0)) phone.close();
  });
  after(async () => {
    await client?.close();
    await engine?.close();
  });

  /** Ada speaks PCMU in the clear; Bob as `options` say. Both send, each another tone. */
  async function call(options: Partial<RtpEndpointOptions>, toBob: NgDictionary, toAda: NgDictionary) {
    const ada = await RtpEndpoint.open({ name: 'ada' });
    const bob = await RtpEndpoint.open({ name: 'bob', ...options });
    phones.push(ada, bob);
    const party = { 'call-id': `call${(calls += 1)}`, 'from-tag': 'a', replace: ['origin'] };
    const offer = await client!.request('offer', { ...party, ...toBob, sdp: ada.sdp() });
    bob.crypto?.learn(ngText(offer, 'sdp') ?? '');
    const answer = await client!.request('answer', { ...party, ...toAda, 'to-tag': 'b', sdp: bob.sdp() });
    ada.tone = [1000];
    bob.tone = [600];
    bob.start(ngText(offer, 'sdp') ?? JSON.stringify(offer));
    ada.start(ngText(answer, 'sdp') ?? JSON.stringify(answer));
    return { ada, bob };
  }

  for (const [name, options, transcode] of [
    ['G.722', { payloadType: 9 }, 'G722'],
    ['Opus', { payloadType: 107, codec: { name: 'opus', clockRate: 48_000, channels: 2 } }, 'opus/48000/2'],
  ] as const)
    it(`${name} to and from G.711: a tone sent is the tone heard (S1-16)`, async () => {
      const { ada, bob } = await call(options, { codec: { transcode: [transcode], mask: ['PCMU'] } }, {});
      const heard = () => ada.toneShare(600) > 0.9 && bob.toneShare(1000) > 0.9;
      await bob.until(() => heard(), `1000 Hz; ada hears ${ada.toneShare(600)}`);
      assert.equal(bob.packets.at(-1)?.payloadType, options.payloadType);
      assert.equal(ada.packets.at(-1)?.payloadType, 0);
    });

  for (const suite of Object.keys(SRTP_SUITES).filter(isSrtpSuite))
    it(`SRTP ${suite}: both ways, RTCP too (RFC 4568)`, async () => {
      const toBob = { 'transport-protocol': 'RTP/SAVP', DTLS: 'off', ICE: 'remove' };
      const { ada, bob } = await call({ srtp: suite }, toBob, { 'transport-protocol': 'RTP/AVP' });
      ada.tone = [];
      bob.tone = [];
      await Promise.all([bob.hears(20, 'ada'), ada.hears(20, 'bob')]);
      const report = printRtcp([{ type: 'rr', ssrc: bob.ssrc, reports: [] }]);
      bob.sendControl(report);
      ada.sendControl(printRtcp([{ type: 'rr', ssrc: ada.ssrc, reports: [] }]));
      await ada.until(() => ada.rtcp.length > 0, 'RTCP of bob');
      await bob.until(() => bob.rtcp.length > 0, 'RTCP of ada');
      assert.partialDeepStrictEqual(ada.rtcp[0]?.packets[0], { type: 'rr', ssrc: bob.ssrc });
      assert.equal(bob.crypto?.refused, 0);
      assert.equal(ada.analyse().senders['bob']?.lost, 0);
      assert.equal(bob.analyse().senders['ada']?.lost, 0);
    });
});
