import { createHash, randomBytes } from 'node:crypto';
import { splitList, unquote, type SipResponse } from '../sip/message/index.ts';

export type DigestAlgorithm = 'MD5' | 'SHA-256';

export type Challenge = {
  readonly header: 'Authorization' | 'Proxy-Authorization';
  readonly realm: string;
  readonly nonce: string;
  readonly opaque?: string;
  readonly algorithm: DigestAlgorithm;
  readonly qop: boolean;
  readonly stale: boolean;
  /** How often an answer was made to this nonce. */
  uses: number;
};

export type Credentials = { readonly user: string; readonly password: string };

const parameter = (text: string): [string, string] => {
  const equals = text.indexOf('=');
  return [text.slice(0, equals).trim().toLowerCase(), unquote(text.slice(equals + 1).trim())];
};

const readChallenge = (value: string, header: Challenge['header']): Challenge | undefined => {
  const match = /^digest\s+(.*)$/i.exec(value);
  if (match === null) return undefined;
  const fields = new Map(splitList(match[1] ?? '').map(parameter));
  const algorithm = (fields.get('algorithm') ?? 'MD5').toUpperCase();
  if (algorithm !== 'MD5' && algorithm !== 'SHA-256') return undefined;
  const opaque = fields.get('opaque');
  return {
    header,
    realm: fields.get('realm') ?? '',
    nonce: fields.get('nonce') ?? '',
    ...(opaque === undefined ? {} : { opaque }),
    algorithm,
    qop: (fields.get('qop') ?? '').split(',').some((q) => q.trim() === 'auth'),
    stale: fields.get('stale')?.toLowerCase() === 'true',
    uses: 0,
  };
};

/** The challenge of a 401 or 407 that a phone with these algorithms answers: the first it knows (RFC 8760 §2.4). */
export const challengeOf = (
  response: SipResponse,
  algorithms: readonly DigestAlgorithm[],
): Challenge | undefined => {
  const proxy = response.status === 407;
  const values = response.headers.all(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate');
  return values
    .map((value) => readChallenge(value, proxy ? 'Proxy-Authorization' : 'Authorization'))
    .find((challenge) => challenge !== undefined && algorithms.includes(challenge.algorithm));
};

/** The value of (Proxy-)Authorization for a request (RFC 7616 §3.4). */
export const authorization = (
  challenge: Challenge,
  credentials: Credentials,
  method: string,
  uri: string,
): string => {
  const digest = (text: string) =>
    createHash(challenge.algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  challenge.uses++;
  const nc = challenge.uses.toString(16).padStart(8, '0');
  const cnonce = randomBytes(8).toString('hex');
  const a1 = digest(`${credentials.user}:${challenge.realm}:${credentials.password}`);
  const a2 = digest(`${method}:${uri}`);
  const response = challenge.qop
    ? digest(`${a1}:${challenge.nonce}:${nc}:${cnonce}:auth:${a2}`)
    : digest(`${a1}:${challenge.nonce}:${a2}`);
  const fields = [
    `username="${credentials.user}"`,
    `realm="${challenge.realm}"`,
    `nonce="${challenge.nonce}"`,
    `uri="${uri}"`,
    `response="${response}"`,
    `algorithm=${challenge.algorithm}`,
    ...(challenge.qop ? [`cnonce="${cnonce}"`, 'qop=auth', `nc=${nc}`] : []),
    ...(challenge.opaque === undefined ? [] : [`opaque="${challenge.opaque}"`]),
  ];
  return `Digest ${fields.join(', ')}`;
};
