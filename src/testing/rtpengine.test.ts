import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { ngText, type NgClient } from '../ng/index.ts';
import { Rtpengine, needRtpengine } from './rtpengine.ts';
import { RtpEndpoint } from './rtp-endpoint.ts';

describe('rtpengine for tests', () => {
  let engine: Rtpengine | undefined;
  let client: NgClient | undefined;
  const phones: RtpEndpoint[] = [];
  const log = createSocket('udp4');
  const digits: unknown[] = [];

  before(async function () {
    needRtpengine(this);
    log.on('message', (text) => digits.push(JSON.parse(text.toString())));
    log.bind(0, '127.0.0.1');
    await once(log, 'listening');
    engine = await Rtpengine.start({ dtmfLog: { address: '127.0.0.1', port: log.address().port } });
    client = engine.client();
  });
  afterEach(() => {
    for (const phone of phones.splice(0)) phone.close();
  });
  after(async () => {
    log.close();
    await client?.close();
    await engine?.close();
  });

  it('relays a call between two endpoints, and reports a digit (M-07)', async () => {
    const [ada, bob] = [await RtpEndpoint.open({ name: 'ada' }), await RtpEndpoint.open({ name: 'bob' })];
    phones.push(ada, bob);
    const call = { 'call-id': 'one', 'from-tag': 'a', replace: ['origin'] };
    const offer = await client!.request('offer', { ...call, sdp: ada.sdp() });
    const answer = await client!.request('answer', { ...call, 'to-tag': 'b', sdp: bob.sdp() });
    assert.equal(offer['result'], 'ok');
    bob.start(ngText(offer, 'sdp') ?? '');
    ada.start(ngText(answer, 'sdp') ?? '');
    await Promise.all([bob.hears(10, 'ada'), ada.hears(10, 'bob')]);
    const relayed = Number(bob.packets[0]!.from.split(':')[1]);
    assert.ok(relayed >= engine!.ports[0] && relayed <= engine!.ports[1]);
    await ada.press('5', { duration: 160 });
    await bob.until(() => bob.digits === '5', 'digit 5');
    assert.equal(bob.analyse().senders['ada']?.lost, 0);
    await ada.until(() => digits.length > 0, 'the report of digit 5');
    assert.partialDeepStrictEqual(digits[0], {
      callid: 'one',
      source_tag: 'a',
      type: 'DTMF',
      event: 5,
      duration: 160,
    });
    assert.equal((await client!.request('delete', { 'call-id': 'one' }))['result'], 'ok');
  });

  it('says why it does not start', async () => {
    await assert.rejects(
      Rtpengine.start({ extra: ['--no-such-option'] }),
      /rtpengine does not answer: Error: it ended with 255/,
    );
  });
});
