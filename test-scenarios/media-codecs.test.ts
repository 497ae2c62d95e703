import assert from 'node:assert/strict';
import type { NgDictionary } from '../src/ng/index.ts';
import { buildRtp } from '../src/rtp/index.ts';
import type { RtpEndpoint } from '../src/testing/index.ts';
import { MediaKit } from './media-kit.ts';

const PCMU = 0;
const PCMA = 8;
const CN = 13;
const SILENCE = Buffer.alloc(160, 0xff);
/** The key 5, loud. */
const KEY_5 = [770, 1336];

const portOf = (sdp: string) => Number(/^m=audio (\d+)/m.exec(sdp)![1]);
const formatsOf = (sdp: string) => /^m=audio \d+ \S+ (.*)$/m.exec(sdp)![1]!.trim();
/** A description that lists other payload types than the phone's own. */
const listing = (phone: RtpEndpoint, formats: string) =>
  phone.sdp().replace(/^(m=audio \d+ \S+) .*$/m, `$1 ${formats}`);

/** Sends packets of a phone's own, one after the other. */
class Sender {
  readonly #phone: RtpEndpoint;
  readonly #port: number;
  #sequence = 100;
  #timestamp = 4000;

  constructor(phone: RtpEndpoint, sdp: string) {
    this.#phone = phone;
    this.#port = portOf(sdp);
  }

  send(payloadType: number, payload: Uint8Array): void {
    const { ssrc } = this.#phone;
    const header = {
      marker: false,
      payloadType,
      sequence: this.#sequence++,
      timestamp: this.#timestamp,
      ssrc,
    };
    this.#timestamp += 160;
    this.#phone.sendRaw(buildRtp(header, payload), { address: '127.0.0.1', port: this.#port });
  }
}

const ptimes = (sdp: string) => [...sdp.matchAll(/^a=ptime:(\d+)/gm)].map((match) => Number(match[1]));

describe('media: packets and codecs that a command asks for', () => {
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start()));
  after(() => kit.close());
  afterEach(() => kit.hangUp());

  it('S1-16 ptime: packets of 20 ms arrive as packets of 40 ms and the other way round, and so do digits', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a', ptime: 40 });
    c.tone = [700];
    a.tone = [1100];
    const sides = { 'call-id': 'ptime', 'from-tag': 'c', 'via-branch': 'b' };
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp(), ptime: 40, 'ptime-reverse': 20 });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: a.sdp() });
    assert.deepEqual([ptimes(forA), ptimes(forC)], [[40], [20]]);
    c.start(forC);
    a.start(forA);
    await a.until(() => a.packets.length > 20 && a.toneShare(700) > 0.9, 'the caller');
    await c.until(() => c.packets.length > 20 && c.toneShare(1100) > 0.9, 'the called phone');
    assert.deepEqual([...new Set(a.packets.map((p) => p.payload.length))], [320]);
    assert.deepEqual([...new Set(c.packets.map((p) => p.payload.length))], [160]);
    for (const heard of [a.analyse(), c.analyse()])
      assert.deepEqual([heard.ssrcChanges, heard.sequenceBreaks], [0, 0], JSON.stringify(heard));
    await c.press('5');
    await a.until(() => a.digits === '5', 'the digit');
    const before = a.packets.length;
    await a.until(() => a.packets.length > before + 5, 'sound after the digit');
    assert.equal(a.analyse().sequenceBreaks, 0);
  });
  /** Offers what `c` lists and answers what `a` lists; gives what each is told. */
  const negotiate = async (
    [c, a]: readonly [RtpEndpoint, RtpEndpoint],
    [offered, answered]: readonly [string, string],
    flags: NgDictionary,
  ) => {
    const sides = { 'call-id': `codecs ${offered} ${answered}`, 'from-tag': 'c', 'via-branch': 'b' };
    const forA = await kit.sdp('offer', { ...sides, ...flags, sdp: listing(c, offered) });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: listing(a, answered) });
    return { forA, forC };
  };

  const phones = async () => [await kit.phone({ name: 'c' }), await kit.phone({ name: 'a' })] as const;

  for (const [how, told, flags] of [
    ['accept', '0 8', { codec: { accept: ['PCMU'] } }],
    ['consume', '8', { codec: { consume: ['PCMU'] } }],
    ['always transcode', '0 8', { flags: ['always transcode'] }],
  ] as const)
    it(`S1-16 codec ${how}: the caller speaks its codec although another was answered`, async () => {
      const c = await kit.phone({ name: 'c' });
      const a = await kit.phone({ name: 'a', payloadType: PCMA });
      c.tone = [700];
      a.tone = [1100];
      const { forA, forC } = await negotiate([c, a], ['0 8', '8'], flags);
      assert.deepEqual([formatsOf(forA), formatsOf(forC)], [told, '0']);
      c.start(forC);
      a.start(forA);
      await a.until(() => a.toneShare(700) > 0.9, 'the caller');
      await c.until(() => c.toneShare(1100) > 0.9, 'the called phone');
      assert.deepEqual(
        [c, a].map((phone) => [...new Set(phone.packets.map((p) => p.payloadType))]),
        [[PCMU], [PCMA]],
      );
      await kit.ok('delete', { 'call-id': 'codecs 0 8 8' });
    });

  it('RFC 3389: silence becomes comfort noise for who was offered it, and noise becomes sound for who was not', async () => {
    const [c, a] = await phones();
    const { forA, forC } = await negotiate([c, a], ['0', '0 13'], { codec: { transcode: ['CN'] } });
    assert.deepEqual([formatsOf(forA), formatsOf(forC)], ['0 13', '0']);
    const [fromC, fromA] = [new Sender(c, forC), new Sender(a, forA)];
    for (let n = 0; n < 30; n++) fromC.send(PCMU, SILENCE);
    await a.until(() => a.packets.some((p) => p.payloadType === CN), 'comfort noise');
    const noise = a.packets.find((p) => p.payloadType === CN)!;
    assert.equal(noise.payload.length, 1);
    assert.ok(a.packets.length < 20, `${a.packets.length} packets of silence`);
    fromC.send(PCMU, Buffer.alloc(160, 0x30));
    await a.until(() => a.packets.at(-1)?.payloadType === PCMU, 'sound again');
    assert.equal(a.packets.at(-1)!.marker, true);
    assert.equal(a.analyse().sequenceBreaks, 0);

    fromA.send(PCMU, SILENCE);
    fromA.send(CN, Buffer.from([30]));
    await c.until(() => c.packets.length > 12, 'noise that goes on');
    assert.ok(c.packets.every((p) => p.payloadType === PCMU));
    const levels = c.packets.slice(2, 10).map((p) => new Set(p.payload).size);
    assert.ok(
      levels.every((count) => count > 4),
      String(levels),
    );
    fromA.send(PCMU, Buffer.alloc(160, 0x31));
    await c.until(() => c.packets.at(-1)?.payload[0] === 0x31, 'speech after the noise');
    const count = c.packets.length;
    fromA.send(PCMU, Buffer.alloc(160, 0x32));
    await c.until(() => c.packets.at(-1)?.payload[0] === 0x32, 'more speech');
    assert.equal(c.packets.length, count + 1);
    assert.equal(c.analyse().sequenceBreaks, 0);
  });

  it('comfort noise that both sides know is passed on as it is', async () => {
    const [c, a] = await phones();
    const { forA } = await negotiate([c, a], ['0 13', '0 13'], {});
    const fromA = new Sender(a, forA);
    fromA.send(PCMU, Buffer.alloc(160, 0x31));
    fromA.send(CN, Buffer.from([30, 12]));
    await c.until(() => c.packets.length >= 2, 'both');
    assert.deepEqual([c.packets[1]!.payloadType, [...c.packets[1]!.payload]], [CN, [30, 12]]);
  });

  it('the tones of a key become telephone events for who was offered those (RFC 4733)', async () => {
    const [c, a] = await phones();
    const { forA, forC } = await negotiate([c, a], ['0', '0 101'], {
      codec: { transcode: ['telephone-event'] },
    });
    assert.match(forA, /^a=rtpmap:96 telephone-event\/8000/m);
    assert.equal(formatsOf(forC), '0');
    a.eventPayloadType = 96;
    const forA96 = listing(a, '0 96').replaceAll(':101 ', ':96 ');
    await kit.sdp('answer', { 'call-id': 'codecs 0 0 101', 'from-tag': 'c', 'to-tag': 'a', sdp: forA96 });
    c.start(forC);
    a.start(forA);
    await a.hears(5, 'c');
    c.tone = KEY_5;
    await a.until(() => a.packets.some((p) => p.payloadType === 96), 'the key');
    await c.hears(5, 'a');
    c.tone = [];
    await a.until(() => a.digits === '5', 'the end of the key');
    await a.hears(5, 'c');
    assert.equal(a.digits, '5');
    assert.equal(a.analyse().sequenceBreaks, 0);
  });

  it('a telephone event becomes the tones of its key for who has none, where a flag asks for it', async () => {
    const [c, a] = await phones();
    const { forA, forC } = await negotiate([c, a], ['0 101', '0'], { flags: ['always transcode'] });
    assert.deepEqual([formatsOf(forA), formatsOf(forC)], ['0 101', '0 101']);
    c.start(forC);
    a.start(forA);
    await a.hears(5, 'c');
    const pressed = c.press('5', { duration: 300 });
    await a.until(() => KEY_5.every((hz) => a.toneShare(hz, 100) > 0.3), 'the tones');
    await pressed;
    await a.hears(5, 'c');
    assert.ok(a.packets.every((p) => p.payloadType === PCMU));
    assert.equal(a.analyse().sequenceBreaks, 0);
  });
});
