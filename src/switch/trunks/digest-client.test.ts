import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { credentialsFor } from '../directory/index.ts';
import { parseDigestAnswers, responseFits } from '../registrar/digest.ts';
import type { Challenge } from '../call/signaling.ts';
import { digestAnswer, isStale } from './digest-client.ts';

const login = { username: 'Mufasa', password: 'Circle of Life' };
const request = {
  method: 'GET',
  uri: '/dir/index.html',
  body: '',
  count: 1,
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
};
const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';
const opaque = 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS';
const challenge = (algorithm: string, more = ''): string =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="${opaque}"${more}`;
const responseTo = (said: Challenge): string =>
  /response="([0-9a-f]+)"/.exec(Object.values(digestAnswer(said, login, request) ?? {})[0] ?? '')?.[1] ?? '';

describe('digest, as the client (RFC 7616)', () => {
  it('gives the responses of RFC 7616 §3.9.1', () => {
    assert.equal(responseTo({ status: 401, value: challenge('MD5') }), '8ca523f5e9506fed4657c9700eebdbec');
    assert.equal(
      responseTo({ status: 401, value: challenge('SHA-256') }),
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
  });

  it('takes the first that it can of several challenges (RFC 8760 §2.4)', () => {
    const value = [challenge('SHA-9999'), challenge('SHA-256'), challenge('MD5')].join(',');
    const header = digestAnswer({ status: 407, value }, login, request)?.['Proxy-Authorization'] ?? '';
    assert.match(header, /algorithm=SHA-256/);
    assert.match(header, /opaque="FQhe/);
  });

  it('says nothing of what it cannot answer', () => {
    for (const value of ['', 'Basic realm="x"', challenge('SHA-9999'), 'Digest realm="x"'])
      assert.equal(digestAnswer({ status: 401, value }, login, request), undefined, value);
  });

  it('answers what has no qop as RFC 2069 did', () => {
    const value = 'digest realm="r", nonce="n"';
    const header = digestAnswer({ status: 401, value }, login, request)?.['Authorization'] ?? '';
    assert.doesNotMatch(header, /qop|nc=|cnonce/);
  });

  it('knows a stale nonce from a wrong password', () => {
    assert.ok(isStale({ status: 401, value: challenge('MD5', ', stale=TRUE') }));
    assert.ok(!isStale({ status: 401, value: challenge('MD5') }));
  });

  it('is taken by our own server, whatever the names are', () => {
    const word = fc.string({ minLength: 1, maxLength: 20 }).map((s) => s.replaceAll(/["\\,\r\n\0]/g, '.'));
    fc.assert(
      fc.property(
        word,
        word,
        word,
        fc.constantFrom('MD5' as const, 'SHA-256' as const),
        (user, realm, pass, algorithm) => {
          const account = { username: `u${user}`, password: pass };
          const value = `Digest realm="r${realm}", nonce="abc", qop="auth", algorithm=${algorithm}`;
          const sent = {
            method: 'INVITE',
            uri: 'sip:1@carrier.example',
            body: 'v=0',
            count: 1,
            cnonce: 'c1',
          };
          const header = digestAnswer({ status: 407, value }, account, sent)?.['Proxy-Authorization'] ?? '';
          const [answer] = parseDigestAnswers(header);
          assert.ok(answer !== undefined);
          const credentials = credentialsFor(account.username, `r${realm}`, pass);
          assert.ok(responseFits(answer, 'INVITE', algorithm, credentials));
        },
      ),
    );
  });

  it('never throws at what a server says', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (value) => void digestAnswer({ status: 401, value: `Digest ${value}` }, login, request),
      ),
    );
  });
});
