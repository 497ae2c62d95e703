import { timingSafeEqual } from 'node:crypto';
import type { Credentials } from '../../stores/index.ts';
import { digestHash, type DigestAlgorithm } from '../directory/index.ts';
import { authenticationFields, longestHeader } from './header-values.ts';

/** One `Digest …` of an Authorization or Proxy-Authorization header, with the defaults of RFC 7616 §3.4. */
export type DigestAnswer = {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: string;
  readonly qop: string | undefined;
  readonly nc: string | undefined;
  readonly cnonce: string | undefined;
};

/** Digest answers in a header value; several header lines arrive joined by commas. Others and broken ones are left out. */
export function parseDigestAnswers(value: string): readonly DigestAnswer[] {
  if (value === '' || value.length > longestHeader) return [];
  return value
    .split(/(?:^|,)\s*(?=Digest\s)/i)
    .map((part) => /^\s*Digest\s+(.*)$/is.exec(part)?.[1])
    .flatMap((fields) => parseAnswer(fields ?? '') ?? []);
}

const required = ['username', 'realm', 'nonce', 'uri', 'response'];

function parseAnswer(text: string): DigestAnswer | undefined {
  const fields = authenticationFields(text);
  const [username, realm, nonce, uri, response] = required.map((name) => fields.get(name));
  if (!username || !realm || !nonce || !uri || !response) return undefined;
  const algorithm = fields.get('algorithm') ?? 'MD5';
  const [qop, nc, cnonce] = [fields.get('qop'), fields.get('nc'), fields.get('cnonce')];
  return { username, realm, nonce, uri, response, algorithm, qop, nc, cnonce };
}

/** The algorithm of an answer, when it is one that is offered. */
export function algorithmOf(
  answer: DigestAnswer,
  offered: readonly DigestAlgorithm[],
): DigestAlgorithm | undefined {
  return offered.find((name) => name === answer.algorithm.toUpperCase());
}

/** Whether the response of an answer is the one that the credentials give (RFC 7616 §3.4.1), with qop `auth` or none. */
export function responseFits(
  answer: DigestAnswer,
  method: string,
  algorithm: DigestAlgorithm,
  credentials: Pick<Credentials, 'md5' | 'sha256'>,
): boolean {
  const ha1 = algorithm === 'MD5' ? credentials.md5 : credentials.sha256;
  const ha2 = digestHash(algorithm, `${method}:${answer.uri}`);
  const middle =
    answer.qop === undefined ? answer.nonce : [answer.nonce, answer.nc, answer.cnonce, answer.qop].join(':');
  const expected = Buffer.from(digestHash(algorithm, `${ha1}:${middle}:${ha2}`));
  const actual = Buffer.from(answer.response.toLowerCase());
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
