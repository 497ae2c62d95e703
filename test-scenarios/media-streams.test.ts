import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { ngDictionary, ngList, ngText, type NgDictionary } from '../src/ng/index.ts';
import { buildRtp, parseCrypto, parseRtp, printCrypto, SrtpReceiver, SrtpSender } from '../src/rtp/index.ts';
import { sdpAddress } from '../src/testing/index.ts';
import { MediaKit } from './media-kit.ts';

const secureSdp = (port: number, crypto: string) =>
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n' +
  `m=audio ${port} RTP/SAVP 0\r\na=crypto:${crypto}\r\n`;

describe('media: streams', () => {
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start()));
  after(() => kit.close());
  afterEach(() => kit.hangUp());

  const query = (id: string) => kit.ok('query', { 'call-id': id });
  const mediaOf = (reply: NgDictionary, tag: string, index = 0): NgDictionary => {
    const medias = ngDictionary(ngDictionary(reply, 'tags'), tag)['medias'] as readonly NgDictionary[];
    return medias[index]!;
  };

  it('RTP bleed: a stranger neither redirects nor injects once the phone has sent', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    const stranger = await kit.phone({ name: 'stranger' });
    await kit.call('bleed', c, a);
    stranger.start(a.target!);
    await Promise.all([c.hears(15, 'a'), a.hears(15, 'c')]);
    assert.deepEqual(Object.keys(c.analyse().senders), ['a']);
    assert.equal(stranger.packets.length, 0);
    const port = (mediaOf(await query('bleed'), 'a')['streams'] as readonly NgDictionary[])[0]!;
    assert.ok(Number(port['refused']) >= 10, JSON.stringify(port));
  });

  it('RTP bleed: a stranger who is quicker than the phone loses the stream to it (RFC 4961)', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    const stranger = await kit.phone({ name: 'stranger', address: '127.0.0.9' });
    const sides = { 'call-id': 'quick', 'from-tag': 'c', flags: ['port-latching'] };
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp() });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    stranger.start(forA);
    c.start(forC);
    await stranger.hears(1, 'c');
    a.start(forA);
    await a.hears(5, 'c');
    const before = c.packets.length;
    await c.hears(10, 'a');
    assert.deepEqual(Object.keys(c.analyse(before + 1).senders), ['a']);
  });

  it('a phone behind a NAT, whose packets come from elsewhere than it says, is heard and answered there', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    const sides = { 'call-id': 'nat', 'from-tag': 'c', flags: ['port-latching'] };
    const hidden = a.sdp().replaceAll('127.0.0.1', '192.0.2.7');
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp() });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: hidden });
    a.start(forA);
    c.start(forC);
    await Promise.all([c.hears(5, 'a'), a.hears(5, 'c')]);
  });

  it('hold: nothing is sent to a party that does not receive, and it resumes in the same stream (RFC 3264 §8.4)', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    await kit.call('hold', c, a);
    const again = { 'call-id': 'hold', 'from-tag': 'a', 'to-tag': 'c', flags: ['port-latching'] };
    const holdOffer = await kit.sdp('offer', { ...again, sdp: a.sdp('sendonly') });
    assert.match(holdOffer, /a=sendonly/);
    const holdAnswer = await kit.sdp('answer', { ...again, sdp: c.sdp('recvonly') });
    assert.equal(sdpAddress(holdAnswer).port, a.target!.port, 'the ports stay');
    const quiet = a.packets.length;
    await c.hears(10, 'a');
    assert.ok(a.packets.length - quiet <= 1);
    await kit.sdp('offer', { ...again, sdp: a.sdp() });
    await kit.sdp('answer', { ...again, sdp: c.sdp() });
    await a.hears(5, 'c');
    assert.equal(a.analyse().ssrcChanges, 0);
  });

  it('passes video and unknown lines through, and refuses a rejected line with port 0', async () => {
    const c = await kit.phone({ name: 'c' });
    const video = `${c.sdp()}m=video 50000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=x-made-up:1\r\na=rtcp-fb:96 nack pli\r\n`;
    const offer = await kit.sdp('offer', { 'call-id': 'video', 'from-tag': 'c', sdp: video });
    assert.match(offer, /m=video [1-9]\d* RTP\/AVP 96\r\nc?/);
    assert.match(offer, /a=x-made-up:1\r\n/);
    const a = await kit.phone({ name: 'a' });
    const answer = await kit.sdp('answer', {
      'call-id': 'video',
      'from-tag': 'c',
      'to-tag': 'a',
      sdp: `${a.sdp()}m=video 0 RTP/AVP 96\r\n`,
    });
    assert.match(answer, /m=video 0 RTP\/AVP 96/);
  });

  it("RTCP is the relay's own: sender reports of the one stream, and quality in query (RFC 3550 §6.4)", async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    await kit.call('rtcp', c, a);
    await c.until(() => c.rtcp.length > 0, 'a report', 9000);
    const parts = c.rtcp[0]!.packets;
    const report = parts[0]!;
    assert.equal(report.type, 'sr');
    assert.ok(report.type === 'sr');
    assert.equal(report.ssrc, c.packets[0]!.ssrc);
    assert.equal(report.reports[0]!.ssrc, c.ssrc);
    assert.equal(report.reports[0]!.cumulativeLost, 0);
    assert.equal(parts[1]!.type, 'sdes');
    const quality = ngDictionary(ngDictionary(await query('rtcp'), 'SSRC'), String(c.ssrc));
    const mos = Number(ngDictionary(quality, 'average MOS')['MOS']);
    assert.ok(mos >= 40 && mos <= 45, JSON.stringify(quality));
  }).timeout(15_000);

  it('transcodes where no codec is shared: a tone sent is a tone received (PCMU to PCMA)', async () => {
    const c = await kit.phone({ name: 'c', payloadType: 0 });
    const a = await kit.phone({ name: 'a', payloadType: 8 });
    const sides = { 'call-id': 'code', 'from-tag': 'c', flags: ['port-latching'] };
    const forA = await kit.sdp('offer', {
      ...sides,
      sdp: c.sdp(),
      codec: { transcode: ['PCMA'], mask: ['PCMU'] },
    });
    assert.match(forA, /m=audio \d+ RTP\/AVP 8 101/);
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    assert.match(forC, /m=audio \d+ RTP\/AVP 0 101/);
    c.tone = [440];
    a.tone = [1000];
    c.start(forC);
    a.start(forA);
    await a.until(() => a.toneShare(440) > 0.9, 'c at a');
    await c.until(() => c.toneShare(1000) > 0.9, 'a at c');
    assert.ok(a.packets.every((p) => p.payloadType === 8));
    assert.ok(c.packets.every((p) => p.payloadType === 0));
    const heard = a.analyse();
    assert.deepEqual([heard.sequenceBreaks, heard.timestampBreaks, heard.ssrcChanges], [0, 0, 0]);
    await a.press('8');
    await c.until(() => c.digits === '8', 'a digit through the transcoder');
  });

  for (const suite of ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM'])
    it(`S1-63 SDES on one side, plain RTP on the other: ${suite} (RFC 4568)`, async () => {
      const id = `sdes-${suite}`;
      const c = await kit.phone({ name: 'c' });
      const sides = { 'call-id': id, 'from-tag': 'c', flags: ['port-latching'] };
      const offer = await kit.sdp('offer', {
        ...sides,
        sdp: c.sdp(),
        'transport-protocol': 'RTP/SAVP',
        SDES: [`only-${suite}`],
      });
      const theirs = parseCrypto(/a=crypto:(.*)\r/.exec(offer)![1]!)!;
      assert.equal(theirs.suite, suite);
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      try {
        const own = {
          ...theirs,
          key: Buffer.from(systemRandom.hex(theirs.key.length), 'hex'),
          salt: Buffer.from(systemRandom.hex(theirs.salt.length), 'hex'),
        };
        const forC = await kit.sdp('answer', {
          ...sides,
          'to-tag': 'a',
          sdp: secureSdp(socket.address().port, printCrypto(own)),
        });
        assert.match(forC, /RTP\/AVP 0/);
        assert.doesNotMatch(forC, /crypto/);
        const sender = new SrtpSender(own);
        const receiver = new SrtpReceiver(theirs);
        const target = sdpAddress(offer);
        const arrived = new Promise<Buffer>((resolve) => socket.once('message', resolve));
        for (let i = 0; i < 5; i++) {
          const header = { marker: false, payloadType: 0, sequence: i, timestamp: i * 160, ssrc: 7 };
          const packet = Buffer.concat([buildRtp(header, Buffer.alloc(160, i)), Buffer.alloc(32)]);
          const length = sender.protectRtp(packet, 172);
          socket.send(packet.subarray(0, length), target.port, target.address);
        }
        c.start(forC);
        await c.hears(5);
        assert.deepEqual(c.packets[2]!.payload, Buffer.alloc(160, 2));
        const packet = await arrived;
        const length = receiver.unprotectRtp(packet, packet.length);
        assert.ok(length > 0);
        assert.equal(parseRtp(packet.subarray(0, length))!.payload.length, 160);
        const forged = c.packets.length;
        socket.send(
          buildRtp({ marker: false, payloadType: 0, sequence: 9, timestamp: 9, ssrc: 7 }, Buffer.alloc(170)),
          target.port,
          target.address,
        );
        await kit.ok('list', {});
        assert.equal(c.packets.length, forged, 'what is not authentic goes nowhere');
        // The caller's side re-offers: the keys towards the other side stay what they were.
        const again = await kit.sdp('offer', {
          ...sides,
          'to-tag': 'a',
          sdp: c.sdp(),
          'transport-protocol': 'RTP/SAVP',
        });
        assert.ok(again.includes(printCrypto(theirs)), again);
      } finally {
        socket.close();
      }
    });

  it('S1-63 SRTP with padding, whose last octet is encrypted, is passed on whatever it looks like (RFC 3711 §3.1)', async () => {
    const suite = 'AES_CM_128_HMAC_SHA1_80';
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a', srtp: suite });
    const sides = { 'call-id': 'padded', 'from-tag': 'c', flags: ['port-latching'] };
    const how = { ...sides, 'transport-protocol': 'RTP/SAVP', SDES: [`only-${suite}`] };
    const forA = await kit.sdp('offer', { ...how, sdp: c.sdp() });
    await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    a.start(forA).stop();
    await c.hears(1, 'a');
    const count = 60;
    for (let i = 0; i < count; i++) {
      const header = { marker: false, payloadType: 0, sequence: i, timestamp: i * 160, ssrc: 77 };
      const packet = buildRtp(header, Buffer.alloc(160, 4));
      packet[0] = (packet[0] ?? 0) | 0x20;
      const sealed = a.crypto?.protect(packet, 'rtp');
      if (sealed !== undefined) a.sendRaw(sealed);
    }
    await c.until(() => c.packets.length >= count + 1, 'all of them');
  });

  it('S1-63 RTP bleed: who has not the keys of an SRTP stream does not get it, however quick', async () => {
    const c = await kit.phone({ name: 'c' });
    const suite = 'AES_CM_128_HMAC_SHA1_80';
    const a = await kit.phone({ name: 'a', srtp: suite });
    const stranger = await kit.phone({ name: 'stranger' });
    const sides = { 'call-id': 'keys', 'from-tag': 'c', flags: ['port-latching'] };
    const how = { ...sides, 'transport-protocol': 'RTP/SAVP', SDES: [`only-${suite}`] };
    const forA = await kit.sdp('offer', { ...how, sdp: c.sdp() });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    a.crypto?.learn(forA);
    stranger.start(sdpAddress(forA));
    await stranger.until(() => stranger.sent >= 5, 'a few packets');
    c.start(forC);
    await a.hears(5, 'c');
    assert.equal(stranger.packets.length, 0);
    a.start(forA);
    await c.hears(5, 'a');
    assert.deepEqual(Object.keys(c.analyse().senders), ['a']);
  });

  it('IPv6 on one side, IPv4 on the other', async function () {
    if (!Object.values(networkInterfaces()).some((list) => list?.some((i) => i.address === '::1')))
      this.skip();
    const six = await MediaKit.start({ addresses: { IP4: '127.0.0.1', IP6: '::1' } });
    try {
      const c = await six.phone({ name: 'c' });
      const a = await six.phone({ name: 'a', address: '::1' });
      await six.call('v6', c, a, { 'address-family': 'IP6' });
      assert.equal(a.target!.address, '::1');
      assert.equal(c.target!.address, '127.0.0.1');
    } finally {
      await six.close();
    }
  });

  it('announces a party that falls silent and one that speaks again', async () => {
    const quick = await MediaKit.start({ mediaTimeoutMs: 300 });
    try {
      const c = await quick.phone({ name: 'c' });
      const a = await quick.phone({ name: 'a' });
      await quick.call('silent', c, a);
      a.stop();
      const gone = await quick.event((e) => e.type === 'MEDIA_TIMEOUT', 'a timeout');
      assert.equal(gone['source_tag'], 'a');
      const reply = await quick.ok('query', { 'call-id': 'silent' });
      assert.ok(ngList(mediaOf(reply, 'a'), 'flags').includes('media timeout'));
      assert.ok(!ngList(mediaOf(reply, 'c'), 'flags').includes('media timeout'));
      a.start(a.target!);
      await quick.event((e) => e.type === 'MEDIA_RESUMED', 'media again');
    } finally {
      await quick.close();
    }
  });

  it('refuses clearly when there are no ports left, and gives ports out again only when they are quiet', async () => {
    const few = await MediaKit.start({ ports: [33_000, 33_007] });
    try {
      const c = await few.phone({ name: 'c' });
      const offer = (id: string) =>
        few.client.request('offer', { 'call-id': id, 'from-tag': 'c', sdp: c.sdp() });
      assert.equal((await offer('1'))['result'], 'ok');
      assert.equal((await offer('2'))['result'], 'ok');
      const third = await offer('3');
      assert.deepEqual([third['result'], third['error-reason']], ['error', 'Ran out of ports']);
      assert.deepEqual((await few.ok('list', {}))['calls'], ['1', '2']);
      await few.ok('delete', { 'call-id': '1' });
      assert.equal((await offer('4'))['result'], 'error', 'its ports are not quiet yet');
      const started = systemClock.now();
      while ((await offer('4'))['result'] === 'error') {
        assert.ok(systemClock.now() - started < 6000, 'the ports never came back');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(systemClock.now() - started > 1000);
    } finally {
      await few.close();
    }
  }).timeout(15_000);

  it('a thread that dies takes its own calls with it, and only those; it is replaced', async () => {
    const two = await MediaKit.start({ threads: 2 });
    try {
      const phones = await Promise.all(['c', 'a', 'd', 'e'].map((name) => two.phone({ name })));
      const [c, a, d, e] = phones as [
        (typeof phones)[0],
        (typeof phones)[0],
        (typeof phones)[0],
        (typeof phones)[0],
      ];
      await two.call('one', c, a);
      await two.call('two', d, e);
      assert.deepEqual(
        two.engine.threads.map((thread) => thread.calls),
        [1, 1],
      );
      await two.engine.threads[0]!.kill();
      const lost = await two.event((event) => event.type === 'CALL_LOST', 'the lost call');
      assert.equal(lost['callid'], 'one');
      assert.equal(
        ngText(await two.client.request('query', { 'call-id': 'one' }), 'error-reason'),
        'Unknown call-id',
      );
      await Promise.all([d.hears(10, 'e'), e.hears(10, 'd')]);
      assert.equal(d.analyse().missing, 0);
      c.stop();
      a.stop();
      await two.call('three', c, a);
    } finally {
      await two.close();
    }
  });
});
