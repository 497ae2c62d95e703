import assert from 'node:assert/strict';
import { ngText, type NgDictionary } from '../src/ng/index.ts';
import { MediaKit } from './media-kit.ts';

const labels = (sdp: string) => [...sdp.matchAll(/^a=label:(.*?)\r?$/gm)].map((match) => match[1]);
const directions = (sdp: string) =>
  [...sdp.matchAll(/^a=(sendrecv|sendonly|recvonly|inactive)/gm)].map((match) => match[1]);
const origin = (sdp: string) => /^o=- (\d+) (\d+) IN IP4 127\.0\.0\.1\r$/m.exec(sdp);
const ports = (sdp: string) => [...sdp.matchAll(/^m=audio (\d+)/gm)].map((match) => Number(match[1]));

/** As it would be in JSON. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('media: subscriptions and publications', () => {
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start()));
  after(() => kit.close());
  afterEach(() => kit.hangUp());

  const talking = async (id: string) => {
    const [c, a] = [await kit.phone({ name: 'c' }), await kit.phone({ name: 'a' })];
    await kit.call(id, c, a);
    return [c, a] as const;
  };

  it('a recorder hears both sides, each in a line of its own with its name (RFC 7866, RFC 4574)', async () => {
    await talking('siprec');
    const [one, two] = [await kit.phone({ name: 'r1' }), await kit.phone({ name: 'r2' })];
    const request = { 'call-id': 'siprec', flags: ['all', 'SIPREC'] };
    const reply = await kit.ok('subscribe request', request);
    const sdp = ngText(reply, 'sdp')!;
    assert.deepEqual(labels(sdp), ['1', '0']);
    assert.deepEqual(directions(sdp), ['sendonly', 'sendonly']);
    assert.equal(reply['from-tag'], undefined);
    assert.deepEqual(reply['from-tags'], ['c', 'a']);
    const media = { index: 1, type: 'audio', mode: 'sendrecv' };
    assert.deepEqual(plain(reply['tag-medias']), [
      { tag: 'c', medias: [{ ...media, label: '1' }] },
      { tag: 'a', medias: [{ ...media, label: '0' }] },
    ]);
    assert.deepEqual(plain(reply['media-labels']), { 0: { tag: 'a', ...media }, 1: { tag: 'c', ...media } });
    const answer = `${one.sdp('recvonly')}${two.sdp('recvonly').replace(/^[^]*?(?=m=)/, '')}`;
    const toTag = ngText(reply, 'to-tag')!;
    await kit.ok('subscribe answer', { 'call-id': 'siprec', 'to-tag': toTag, sdp: answer });
    await Promise.all([one.hears(10, 'c'), two.hears(10, 'a')]);
    assert.deepEqual([one.analyse().speakers, two.analyse().speakers], [['c'], ['a']]);

    // Who only listens is not listened to.
    const other = await kit.ok('subscribe request', { 'call-id': 'siprec', flags: ['all'] });
    assert.deepEqual(other['from-tags'], ['c', 'a']);
    const first = origin(sdp)!;
    const again = await kit.sdp('subscribe request', { ...request, 'to-tag': toTag });
    const second = origin(again)!;
    assert.equal(second[1], first[1]);
    assert.equal(Number(second[2]), Number(first[2]) + 1);
    assert.deepEqual(ports(again), ports(sdp));
  });

  it('who is on hold is not to be heard, and is again afterwards', async () => {
    const [c, a] = await talking('held');
    const subscribe = { 'call-id': 'held', 'from-tag': 'c', 'to-tag': 'r' };
    assert.deepEqual(directions(await kit.sdp('subscribe request', subscribe)), ['sendonly']);
    const hold = { 'call-id': 'held', 'from-tag': 'c', 'to-tag': 'a' };
    await kit.sdp('offer', { ...hold, sdp: c.sdp('recvonly') });
    await kit.sdp('answer', { ...hold, sdp: a.sdp('sendonly') });
    assert.deepEqual(directions(await kit.sdp('subscribe request', subscribe)), ['inactive']);
    await kit.sdp('offer', { ...hold, sdp: c.sdp() });
    await kit.sdp('answer', { ...hold, sdp: a.sdp() });
    assert.deepEqual(directions(await kit.sdp('subscribe request', subscribe)), ['sendonly']);
  });

  it('a subscription names whom it is to by label, by tags in flags or by several tags', async () => {
    const [c, a] = [await kit.phone({ name: 'c' }), await kit.phone({ name: 'a' })];
    await kit.call('by label', c, a, { label: 'caller' });
    const from = async (how: NgDictionary) =>
      (await kit.ok('subscribe request', { 'call-id': 'by label', ...how }))['from-tags'];
    assert.deepEqual(await from({ label: 'caller' }), ['c']);
    assert.deepEqual(await from({ flags: ['from-tags-c', 'from-tags-a'] }), ['c', 'a']);
    assert.deepEqual(await from({ 'from-tags': ['a', 'c'] }), ['a', 'c']);
    const refused = await kit.client.request('subscribe request', { 'call-id': 'by label', label: 'nobody' });
    assert.equal(refused['error-reason'], 'No monologue matching the given label');
  });

  it('who publishes is answered in the name of the relay, with the one codec that is asked for', async () => {
    const [p, r] = [
      await kit.phone({ name: 'p', payloadType: 8 }),
      await kit.phone({ name: 'r', payloadType: 8 }),
    ];
    const sdp = p.sdp().replace('RTP/AVP 8 101', 'RTP/AVP 0 8 101');
    const ids = { 'call-id': 'published', 'from-tag': 'p' };
    const forP = await kit.sdp('publish', { ...ids, codec: { accept: ['PCMA'] }, sdp });
    assert.match(forP, /^m=audio \d+ RTP\/AVP 8\r$/m);
    assert.notEqual(origin(forP), null);
    assert.deepEqual(directions(forP), ['recvonly']);
    p.start(forP);
    await kit.sdp('subscribe request', { ...ids, 'to-tag': 'r' });
    await kit.ok('subscribe answer', { 'call-id': 'published', 'to-tag': 'r', sdp: r.sdp('recvonly') });
    await r.hears(5, 'p');
  });

  it('a description says another address of the relay, and believes another of its sender, where told so', async () => {
    const [c, a] = [await kit.phone({ name: 'c' }), await kit.phone({ name: 'a' })];
    const sides = { 'call-id': 'addresses', 'from-tag': 'c', 'via-branch': 'b' };
    const forA = await kit.sdp('offer', { ...sides, 'media-address': '203.0.113.9', sdp: c.sdp() });
    assert.match(forA, /^c=IN IP4 203\.0\.113\.9\r$/m);
    // The phone says where it is behind its NAT; the SIP message came from where it can be reached.
    const private_ = a.sdp().replace('c=IN IP4 127.0.0.1', 'c=IN IP4 192.0.2.1');
    const how = { flags: ['SIP-source-address'], 'received-from': ['IP4', '127.0.0.1'] };
    const forC = await kit.sdp('answer', { ...sides, ...how, 'to-tag': 'a', sdp: private_ });
    c.start(forC);
    // It has not sent anything by which it could be found.
    await a.hears(5, 'c');
  });
});
