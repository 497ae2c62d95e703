import assert from 'node:assert/strict';
import { RtpEndpoint, sdpAddress } from './rtp-endpoint.ts';
import { analyseRtp, type ReceivedRtp } from './rtp-analysis.ts';

describe('RtpEndpoint', () => {
  const open: RtpEndpoint[] = [];
  const endpoint = async (name: string, payloadType = 0) => {
    const made = await RtpEndpoint.open({ name, payloadType });
    open.push(made);
    return made;
  };
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  it('hears who sends, and counts', async () => {
    const [ada, bob] = [await endpoint('ada'), await endpoint('bob')];
    ada.start(bob.sdp());
    await bob.hears(10, 'ada');
    ada.stop();
    const heard = bob.analyse();
    assert.deepEqual(heard.speakers, ['ada']);
    assert.equal(heard.senders['ada']?.lost, 0);
    assert.equal(heard.senders['ada']?.first, 0);
    assert.deepEqual(
      [heard.missing, heard.doubled, heard.sequenceBreaks, heard.timestampBreaks],
      [0, 0, 0, 0],
    );
    assert.equal(heard.largestTimestampStep, 160);
    assert.ok(heard.packets >= 10);
    assert.ok(bob.packets[0]!.marker && !bob.packets[1]!.marker);
    assert.equal(bob.packets[0]!.from, `127.0.0.1:${ada.port}`);
  });

  it('hears digits in order, among the audio', async () => {
    const [ada, bob] = [await endpoint('ada'), await endpoint('bob')];
    ada.start({ address: '127.0.0.1', port: bob.port });
    await ada.press('*9#', { duration: 60, pause: 40 });
    await bob.until(() => bob.digits === '*9#', 'three digits');
    assert.deepEqual(bob.digitDurations, [480, 480, 480]);
    await bob.hears(1, 'ada');
    assert.equal(bob.analyse().senders['ada']?.lost, 0);
    assert.equal(bob.analyse().missing, 0);
    assert.equal(bob.analyse().sequenceBreaks, 0);
  });

  for (const [law, payloadType] of [
    ['µ', 0],
    ['A', 8],
  ] as const)
    it(`says which tone it hears (${law}-law)`, async () => {
      const [ada, bob] = [await endpoint('ada', payloadType), await endpoint('bob', payloadType)];
      ada.tone = [440, 1000];
      ada.start(bob.sdp());
      await bob.hears(12);
      assert.deepEqual(bob.heardTones([350, 425, 440, 480, 620, 1000, 1400]), [440, 1000]);
      ada.tone = [];
      await bob.hears(12, 'ada');
      assert.deepEqual(bob.heardTones([440, 1000]), []);
    });

  it('speaks SRTP: hears its partner, refuses a stranger', async () => {
    const srtp = 'AES_CM_128_HMAC_SHA1_80';
    const [ada, bob] = [
      await RtpEndpoint.open({ name: 'ada', srtp }),
      await RtpEndpoint.open({ name: 'bob', srtp }),
    ];
    const eve = await endpoint('eve');
    open.push(ada, bob);
    bob.crypto?.learn(ada.sdp());
    ada.start(bob.sdp());
    eve.start({ address: '127.0.0.1', port: bob.port });
    await bob.hears(10, 'ada');
    await bob.until(() => (bob.crypto?.refused ?? 0) > 5, 'packets of eve refused');
    assert.deepEqual(bob.analyse().speakers, ['ada']);
    assert.match(
      ada.sdp(),
      /m=audio \d+ RTP\/SAVP 0 101\r\n(.*\r\n)*a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:/,
    );
  });

  it('sends and hears a tone in Opus, and digits in its clock', async () => {
    const opus = { payloadType: 107, codec: { name: 'opus', clockRate: 48_000, channels: 2 } };
    const [ada, bob] = [
      await RtpEndpoint.open({ name: 'ada', ...opus }),
      await RtpEndpoint.open({ name: 'bob', ...opus }),
    ];
    open.push(ada, bob);
    ada.tone = [440];
    ada.start(bob.sdp());
    await bob.until(() => bob.toneShare(440) > 0.9, '440 Hz');
    await ada.press('7', { duration: 100 });
    await bob.until(() => bob.digits === '7', 'digit 7');
    assert.deepEqual(bob.digitDurations, [4800]);
    assert.equal(bob.analyse().largestTimestampStep, 960);
    assert.match(bob.sdp(), /a=rtpmap:107 opus\/48000\/2\r\na=rtpmap:101 telephone-event\/48000/);
  });

  it('says what it has when it waits in vain', async () => {
    const bob = await endpoint('bob');
    await assert.rejects(
      bob.until(() => false, 'godot', 20),
      /bob waited 20 ms for godot.*"packets":0/,
    );
  });

  it('finds the address at either level of an SDP', () => {
    const sdp = 'v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n';
    assert.deepEqual(sdpAddress(sdp), { address: '10.0.0.1', port: 4000 });
    assert.deepEqual(sdpAddress(`${sdp}c=IN IP6 ::1\r\n`), { address: '::1', port: 4000 });
    assert.throws(() => sdpAddress('v=0\r\n'));
  });
});

describe('analysis of received RTP', () => {
  const packet = (n: number, more: Partial<ReceivedRtp> = {}): ReceivedRtp => ({
    arrival: n * 20,
    from: '127.0.0.1:4000',
    ssrc: 1,
    sequence: (65_530 + n) & 0xffff,
    timestamp: (0xffff_ff00 + n * 160) >>> 0,
    payloadType: 0,
    marker: false,
    payload: Buffer.alloc(0),
    who: 'a',
    count: n,
    sentAt: n * 20 - 1,
    ...more,
  });
  const numbers = (...list: number[]) => list.map((n) => packet(n));

  it('finds nothing in a clean stream over both wraps', () => {
    const found = analyseRtp(numbers(...Array(20).keys()));
    assert.equal(found.longestGapMs, 20);
    assert.deepEqual(
      [
        found.missing,
        found.doubled,
        found.disordered,
        found.sequenceBreaks,
        found.timestampBreaks,
        found.ssrcChanges,
      ],
      [0, 0, 0, 0, 0, 0],
    );
    assert.deepEqual(found.senders['a']?.delayMs, { p50: 1, max: 1 });
  });

  it('finds loss', () => {
    const found = analyseRtp(numbers(0, 1, 4, 5));
    assert.equal(found.missing, 2);
    assert.equal(found.sequenceBreaks, 1);
    assert.equal(found.longestGapMs, 60);
    assert.equal(found.longestSendGapMs, 60);
    assert.equal(found.senders['a']?.lost, 2);
  });

  it('finds doubled and disordered packets', () => {
    const found = analyseRtp(numbers(0, 1, 1, 3, 2, 4));
    assert.deepEqual([found.doubled, found.disordered, found.missing], [1, 1, 0]);
    assert.deepEqual([found.senders['a']?.doubled, found.senders['a']?.disordered], [1, 1]);
  });

  it('finds another SSRC, a timestamp that stands, jumps or goes back', () => {
    assert.equal(analyseRtp([packet(0), packet(1, { ssrc: 2 }), packet(2)]).ssrcChanges, 2);
    for (const off of [-160, -320, 3200])
      assert.equal(
        analyseRtp([packet(0), packet(1, { timestamp: (0xffff_ff00 + 160 + off) >>> 0 })]).timestampBreaks,
        1,
      );
  });

  it('names the speakers in turns', () => {
    const found = analyseRtp([
      packet(0),
      packet(1),
      packet(2, { who: 'b', count: 7 }),
      packet(3, { who: undefined, count: undefined, sentAt: undefined }),
    ]);
    assert.deepEqual(found.speakers, ['a', 'b', '?']);
    assert.equal(found.senders['b']?.first, 7);
  });
});
