import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  asAnswer,
  audioCodecs,
  directionOf,
  inLinesOf,
  placeholderOffer,
  sameSession,
  shareCodec,
  withCodecs,
  withDirection,
} from './session-description.ts';

const sdp = (...lines: string[]) =>
  ['v=0', 'o=- 1 1 IN IP4 10.0.0.1', 's=-', 'c=IN IP4 10.0.0.1', 't=0 0', ...lines, ''].join('\r\n');

const plain = sdp(
  'm=audio 4000 RTP/AVP 0 8 101',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-15',
  'a=sendrecv',
);
const opusFirst = sdp(
  'm=audio 5000 RTP/AVP 96 8 97',
  'a=rtpmap:96 opus/48000/2',
  'a=fmtp:96 useinbandfec=1',
  'a=rtpmap:97 telephone-event/8000',
  'm=video 5002 RTP/AVP 120',
  'a=rtpmap:120 H264/90000',
);

describe('session description', () => {
  it('reads codecs, static ones without rtpmap too (RFC 3551 §6)', () => {
    assert.deepEqual(
      audioCodecs(sdp('m=audio 4000 RTP/AVP 8 18 96', 'a=rtpmap:96 OPUS/48000/2')).map((c) => c.name),
      ['pcma/8000', 'g729/8000', 'opus/48000/2'],
    );
  });

  it('finds a common speech codec; telephone events alone are none', () => {
    assert.ok(shareCodec(plain, opusFirst));
    assert.ok(!shareCodec(plain, sdp('m=audio 1 RTP/AVP 18 101', 'a=rtpmap:101 telephone-event/8000')));
  });

  it('reads and says directions, the null address of RFC 2543 holds included (RFC 3264 §8.4)', () => {
    assert.equal(directionOf(plain), 'sendrecv');
    assert.equal(directionOf(withDirection(plain, 'inactive')), 'inactive');
    assert.equal(directionOf(plain.replace('c=IN IP4 10.0.0.1', 'c=IN IP4 0.0.0.0')), 'sendonly');
    assert.equal(withDirection(plain, 'sendonly').match(/a=send/g)?.length, 1);
  });

  it('leaves the codecs that the far party uses', () => {
    assert.deepEqual(
      audioCodecs(withCodecs(plain, ['pcma/8000'])).map((c) => c.payloadType),
      [8, 101],
    );
    assert.ok(!withCodecs(plain, ['pcma/8000']).includes('rtpmap:0'));
    assert.equal(withCodecs(plain, ['opus/48000/2']), plain);
  });

  it('S1-61 puts the lines of a device in the order of what it would have been offered, by kind (RFC 3264 §6)', () => {
    const head = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
    const [audio, video] = [
      ['m=audio 4000 RTP/AVP 0', 'a=sendrecv'],
      ['m=video 5000 RTP/AVP 99', 'a=rtpmap:99 VP8/90000'],
    ];
    const sdp = (...lines: readonly (readonly string[] | undefined)[]) =>
      [...head, ...lines.flatMap((line) => line ?? []), ''].join('\r\n');
    const offered = (...lines: readonly (readonly string[] | undefined)[]) =>
      sdp(...lines).replaceAll('000 ', '001 ');
    assert.equal(inLinesOf(offered(audio), sdp(video, audio)), sdp(audio));
    assert.equal(inLinesOf(offered(audio, video), sdp(video, audio)), sdp(audio, video));
    assert.equal(inLinesOf(offered(video, audio), sdp(audio)), sdp(['m=video 0 RTP/AVP 99'], audio));
    assert.equal(inLinesOf(offered(audio), sdp(audio)), sdp(audio));
    assert.equal(inLinesOf('', sdp(video, audio)), sdp(video, audio));
    const refused = ['m=audio 0 RTP/AVP 0'];
    assert.equal(inLinesOf(offered(audio), sdp(refused, audio)), sdp(audio));
  });

  it("answers a device's offer in its own numbers, with common codecs only, and refuses the video line", () => {
    const answer = asAnswer(plain.replaceAll('4000', '30000').replaceAll('10.0.0.1', '127.0.0.9'), opusFirst);
    assert.ok(answer !== undefined);
    assert.match(answer, /m=audio 30000 RTP\/AVP 8 97\r\n/);
    assert.match(answer, /a=rtpmap:97 telephone-event/);
    assert.ok(!answer.includes('opus'));
    assert.match(answer, /m=video 0 RTP\/AVP 120\r\n/);
    assert.match(answer, /c=IN IP4 127\.0\.0\.9/);
  });

  it('has no answer without a common codec', () => {
    assert.equal(asAnswer(plain, sdp('m=audio 1 RTP/AVP 18')), undefined);
  });

  it('knows a refresh by all but the origin line', () => {
    assert.ok(sameSession(plain, plain.replace('o=- 1 1', 'o=- 1 2')));
    assert.ok(!sameSession(plain, withDirection(plain, 'sendonly')));
  });

  it('never throws on what it is given', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        asAnswer(a, b);
        withCodecs(a, ['pcmu/8000']);
        withDirection(a, 'inactive');
        directionOf(a);
        shareCodec(a, placeholderOffer);
      }),
    );
  });
});
