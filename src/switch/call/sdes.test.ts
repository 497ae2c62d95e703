import assert from 'node:assert/strict';
import { agreeOnKeys, asAnswerToKeys } from './sdes.ts';
import { asAnswer, sameNumbers } from './session-description.ts';

const key = (name: string) => `inline:${name}`;
const sdp = (protocol: string, codecs: string, ...lines: readonly string[]) =>
  ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0']
    .concat(`m=audio 4000 ${protocol} ${codecs}`, lines)
    .map((line) => `${line}\r\n`)
    .join('');
const ours = [
  `a=crypto:1 AEAD_AES_256_GCM ${key('ours-gcm')}`,
  `a=crypto:2 AES_CM_128_HMAC_SHA1_80 ${key('ours-80')}`,
];
const theirs = [
  `a=crypto:7 F8_128_HMAC_SHA1_80 ${key('theirs-f8')}`,
  `a=crypto:8 AES_CM_128_HMAC_SHA1_80 ${key('theirs-80')}|2^20`,
];

describe('keys in session descriptions (RFC 4568)', () => {
  it('§5.1.2 the first suite of theirs that we have; our key under their number, and theirs under ours', () => {
    assert.deepEqual(agreeOnKeys(ours, theirs), {
      ours: `a=crypto:8 AES_CM_128_HMAC_SHA1_80 ${key('ours-80')}`,
      theirs: `a=crypto:2 AES_CM_128_HMAC_SHA1_80 ${key('theirs-80')}|2^20`,
    });
    assert.equal(agreeOnKeys(ours, theirs.slice(0, 1)), undefined);
  });

  it('an answer has one key, and none where no suite is common: then there is no stream', () => {
    const answer = asAnswer(sdp('RTP/SAVP', '0', ...ours), sdp('RTP/SAVP', '0', ...theirs)) ?? '';
    assert.deepEqual(answer.match(/^a=crypto:.*$/gm), [
      `a=crypto:8 AES_CM_128_HMAC_SHA1_80 ${key('ours-80')}`,
    ]);
    assert.equal(asAnswer(sdp('RTP/SAVP', '0', ...ours), sdp('RTP/SAVP', '0', theirs[0] ?? '')), undefined);
  });

  it('a key beside plain RTP is not answered', () => {
    const answer = asAnswer(sdp('RTP/AVP', '0'), sdp('RTP/AVP', '0', ...theirs)) ?? '';
    assert.doesNotMatch(answer, /crypto/);
  });

  it('what the engine is told is an answer to its own offer', () => {
    const said = asAnswerToKeys(sdp('RTP/SAVP', '0', ...ours), sdp('RTP/SAVP', '0', ...theirs));
    assert.deepEqual(said.match(/^a=crypto:.*$/gm), [
      `a=crypto:2 AES_CM_128_HMAC_SHA1_80 ${key('theirs-80')}|2^20`,
    ]);
    const plain = sdp('RTP/AVP', '0');
    assert.equal(asAnswerToKeys('', plain), plain);
  });
});

describe('payload numbers of two sides', () => {
  const events = (number: number, clock: number) => `a=rtpmap:${number} telephone-event/${clock}`;
  it('are the same, differ, or mean the same thing with another clock', () => {
    const far = sdp('RTP/AVP', '0 101', events(101, 8000));
    assert.ok(sameNumbers(far, sdp('RTP/AVP', '0 8 101', events(101, 8000))));
    assert.ok(sameNumbers(far, sdp('RTP/AVP', '0 8')));
    assert.ok(!sameNumbers(far, sdp('RTP/AVP', '0 96', events(96, 8000))));
    assert.ok(!sameNumbers(far, sdp('RTP/AVP', '0 101', events(101, 48_000))));
  });
});
