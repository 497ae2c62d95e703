import assert from 'node:assert/strict';
import { ngText } from '../src/ng/index.ts';
import { MediaKit } from './media-kit.ts';

describe('media: digits', () => {
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start()));
  after(() => kit.close());
  afterEach(() => kit.hangUp());

  const pair = async (id: string) => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    await kit.call(id, c, a);
    return { c, a };
  };

  it('S0-23 announces each digit once in the shape of rtpengine, and passes it on (RFC 4733 §2.5)', async () => {
    const { c, a } = await pair('dtmf');
    await a.press('5', { duration: 160 });
    const event = await kit.event((e) => e.type === 'DTMF', 'DTMF');
    const { timestamp, ...rest } = event;
    assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 5);
    assert.deepEqual(rest, {
      callid: 'dtmf',
      source_tag: 'a',
      tags: ['c', 'a'],
      type: 'DTMF',
      source_ip: '127.0.0.1',
      event: 5,
      duration: 160,
      volume: 10,
    });
    const order = 'callid source_tag tags type timestamp source_ip event duration volume';
    assert.equal(Object.keys(event).join(' '), order);
    await c.until(() => c.digits === '5', 'the digit');
    assert.deepEqual(c.digitDurations, [1280]);
    await c.hears(5, 'a');
    assert.equal(kit.events.filter((e) => e.type === 'DTMF').length, 1);
    assert.equal(c.analyse().sequenceBreaks, 0);
  });

  it('S0-23 X13 a blocked digit is announced, and leaves no trace and no hole at the far end', async () => {
    const { c, a } = await pair('blocked');
    await kit.ok('block DTMF', { 'call-id': 'blocked', 'from-tag': 'a' });
    await a.press('*9', { duration: 100, pause: 40 });
    await kit.event((e) => e['event'] === 10, 'star');
    await kit.event((e) => e['event'] === 9, 'nine');
    await c.hears(5, 'a');
    assert.equal(c.digits, '');
    const heard = c.analyse();
    assert.deepEqual(
      [heard.sequenceBreaks, heard.missing, heard.ssrcChanges],
      [0, 0, 0],
      JSON.stringify(heard),
    );
    await kit.ok('unblock DTMF', { 'call-id': 'blocked', 'from-tag': 'a' });
    await a.press('3');
    await c.until(() => c.digits === '3', 'the digit after the block');
  });

  it('S0-23 the digits of both sides are blocked with the answer that connects them, as an offer says is possible', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    const sides = { 'call-id': 'together', 'from-tag': 'c', 'via-branch': 'branch-a' };
    const offered = await kit.ok('offer', { ...sides, sdp: c.sdp() });
    assert.deepEqual(offered['capabilities'], ['block-DTMF in answer']);
    const forC = await kit.sdp('answer', {
      ...sides,
      'to-tag': 'a',
      'block-DTMF': ['c', 'a', 'nobody'],
      sdp: a.sdp(),
    });
    c.start(forC);
    a.start(ngText(offered, 'sdp') ?? '');
    await Promise.all([c.hears(5, 'a'), a.hears(5, 'c')]);
    await Promise.all([a.press('1'), c.press('2')]);
    await kit.event((e) => e['event'] === 1, 'one');
    await kit.event((e) => e['event'] === 2, 'two');
    await Promise.all([c.hears(5, 'a'), a.hears(5, 'c')]);
    assert.deepEqual([c.digits, a.digits], ['', '']);
    await kit.ok('unblock DTMF', { 'call-id': 'together', 'from-tag': 'a' });
    await Promise.all([a.press('3'), c.press('4')]);
    await c.until(() => c.digits === '3', 'the digit after the block');
    await kit.event((e) => e['event'] === 4, 'four');
    assert.equal(a.digits, '');
  });

  it('plays digits for a party, in order, with the durations asked for, inside the one stream', async () => {
    const { c, a } = await pair('inject');
    for (const [code, duration] of [
      ['1', 200],
      ['#', 120],
      ['7', 250],
    ] as const)
      await kit.ok('play DTMF', { 'call-id': 'inject', 'from-tag': 'a', code, duration, pause: 100 });
    await c.until(() => c.digits === '1#7', 'three digits');
    assert.deepEqual(c.digitDurations, [1600, 960, 2000]);
    await c.hears(10, 'a');
    const heard = c.analyse();
    assert.deepEqual(
      [heard.sequenceBreaks, heard.ssrcChanges, heard.missing],
      [0, 0, 0],
      JSON.stringify(heard),
    );
    assert.equal(a.digits, '');
    assert.equal(kit.events.filter((e) => e.type === 'DTMF').length, 0);
    // The audio after the digits lies where real time has it, not where it stopped.
    const audio = c.audio();
    const span = (audio.at(-1)!.timestamp - audio[0]!.timestamp) / 8;
    const real = audio.at(-1)!.arrival - audio[0]!.arrival;
    assert.ok(Math.abs(span - real) < 60, `${span} ms of timestamps in ${real} ms`);
  });

  it('maps payload types between legs that number them differently', async () => {
    const c = await kit.phone({ name: 'c', eventPayloadType: 96 });
    const a = await kit.phone({ name: 'a', eventPayloadType: 110 });
    await kit.call('numbers', c, a);
    c.eventPayloadType = 96;
    await c.press('4');
    await a.until(() => a.digits === '4', 'a digit at a');
    assert.ok(a.packets.some((p) => p.payloadType === 110));
    assert.ok(!a.packets.some((p) => p.payloadType === 96));
  });

  it('counts durations in the clock of the other leg (48 kHz events, RFC 4733 §2.1)', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a', eventPayloadType: 110 });
    const sides = { 'call-id': 'wide', 'from-tag': 'c', flags: ['port-latching'] };
    const wide = a.sdp().replace('110 telephone-event/8000', '110 telephone-event/48000');
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp() });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: wide });
    c.start(forC);
    a.start(forA);
    await Promise.all([c.hears(5, 'a'), a.hears(5, 'c')]);
    await c.press('6', { duration: 100 });
    await a.until(() => a.digits === '6', 'the digit');
    assert.deepEqual(a.digitDurations, [4800]);
    await a.hears(5, 'c');
    const heard = a.analyse();
    assert.deepEqual(
      [heard.sequenceBreaks, heard.missing, heard.ssrcChanges],
      [0, 0, 0],
      JSON.stringify(heard),
    );
    const audio = a.audio();
    const span = (audio.at(-1)!.timestamp - audio[0]!.timestamp) / 8;
    const real = audio.at(-1)!.arrival - audio[0]!.arrival;
    assert.ok(Math.abs(span - real) < 60, `${span} ms of timestamps in ${real} ms`);
  });

  it('S0-23 hears the tones of a phone that has no telephone events', async () => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    const plain = (sdp: string) =>
      sdp.replace(/ 101\r\n/, '\r\n').replaceAll(/a=(rtpmap|fmtp):101.*\r\n/g, '');
    const sides = { 'call-id': 'inband', 'from-tag': 'c', flags: ['port-latching'] };
    const forA = await kit.sdp('offer', { ...sides, sdp: c.sdp() });
    const forC = await kit.sdp('answer', { ...sides, 'to-tag': 'a', sdp: plain(a.sdp()) });
    c.start(forC);
    a.start(forA);
    await c.hears(5, 'a');
    a.tone = [770, 1336];
    await c.hears(10);
    a.tone = [];
    const event = await kit.event((e) => e.type === 'DTMF', 'an in-band digit');
    assert.deepEqual([event['event'], event['source_tag']], [5, 'a']);
  });

  it('refuses what it must in the words of rtpengine', async () => {
    await pair('refusals');
    const told = async (command: string, body: Record<string, string>) =>
      (await kit.client.request(command, body))['error-reason'];
    assert.equal(
      await told('play DTMF', { 'call-id': 'refusals', 'from-tag': 'a', code: '16' }),
      "Out of range 'code' specified",
    );
    assert.equal(
      await told('play DTMF', { 'call-id': 'refusals', code: '1' }),
      'No participant party specified',
    );
    assert.equal(await told('block DTMF', { 'call-id': 'none' }), 'Unknown call-ID');
    assert.equal(
      await told('block DTMF', { 'call-id': 'refusals', 'from-tag': 'x' }),
      'From-tag given, but no such tag exists',
    );
  });
});
