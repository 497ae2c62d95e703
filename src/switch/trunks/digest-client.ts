import { createHash } from 'node:crypto';
import type { Challenge } from '../call/signaling.ts';
import { authenticationFields, longestHeader } from '../registrar/header-values.ts';

/** An account at somebody else's server. */
export type Login = { readonly username: string; readonly password: string };

/** The request that is to be sent again. `cnonce` is fresh for each answer. */
export type Challenged = {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  readonly cnonce: string;
  /** The how-manieth use of the nonce this is. */
  readonly count: number;
};

const hashes: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-256': 'sha256',
  'SHA-512-256': 'sha512-256',
};

type Fields = ReadonlyMap<string, string>;

const algorithmOf = (fields: Fields): string => (fields.get('algorithm') ?? 'MD5').toUpperCase();
const baseOf = (algorithm: string): string => algorithm.replace(/-SESS$/, '');

/** The challenges that can be answered, in the order of the server, which begins with what it likes best (RFC 8760 §2.4). */
function answerable(value: string): readonly Fields[] {
  if (value.length > longestHeader) return [];
  return value
    .split(/(?:^|,)\s*(?=[A-Za-z]+\s+[\w-]+\s*=)/)
    .flatMap((part) => /^\s*Digest\s+(.*)$/is.exec(part)?.[1] ?? [])
    .map((text) => authenticationFields(text))
    .filter((fields) => fields.has('realm') && fields.has('nonce') && baseOf(algorithmOf(fields)) in hashes);
}

/** Whether the server says that the nonce alone was wrong, and the password was not. */
export const isStale = ({ value }: Challenge): boolean =>
  answerable(value).some((fields) => /^true$/i.test(fields.get('stale') ?? ''));

/** `auth` before `auth-int`; none where the server asks for none, as RFC 2069 did. */
function qopOf(fields: Fields): 'auth' | 'auth-int' | undefined {
  const offered = (fields.get('qop') ?? '').split(',').map((word) => word.trim().toLowerCase());
  if (offered.includes('auth')) return 'auth';
  return offered.includes('auth-int') ? 'auth-int' : undefined;
}

/** The response and what goes with it (RFC 7616 §3.4.1). */
function computed(fields: Fields, login: Login, request: Challenged): readonly string[] {
  const algorithm = algorithmOf(fields);
  const name = hashes[baseOf(algorithm)] ?? 'md5';
  const hash = (text: string) => createHash(name).update(text, 'utf8').digest('hex');
  const { method, uri, body, cnonce } = request;
  const nc = request.count.toString(16).padStart(8, '0');
  const [realm = '', nonce = ''] = [fields.get('realm'), fields.get('nonce')];
  const qop = qopOf(fields);
  const a1 = hash(`${login.username}:${realm}:${login.password}`);
  const session = algorithm.endsWith('-SESS') ? hash(`${a1}:${nonce}:${cnonce}`) : a1;
  const a2 = hash(`${method}:${uri}${qop === 'auth-int' ? `:${hash(body)}` : ''}`);
  const middle = qop === undefined ? nonce : `${nonce}:${nc}:${cnonce}:${qop}`;
  const counted = qop === undefined ? [] : [`qop=${qop}`, `nc=${nc}`];
  const named = qop !== undefined || algorithm.endsWith('-SESS') ? [`cnonce="${cnonce}"`] : [];
  return [`response="${hash(`${session}:${middle}:${a2}`)}"`, ...counted, ...named];
}

const quoted = (text: string): string => text.replaceAll(/(["\\])/g, '\\$1');

/** The header that answers a challenge (RFC 3261 §22.2, RFC 7616); undefined when it cannot be answered. */
export function digestAnswer(
  { status, value }: Challenge,
  login: Login,
  request: Challenged,
): Readonly<Record<string, string>> | undefined {
  const [fields] = answerable(value);
  if (fields === undefined) return undefined;
  const opaque = fields.get('opaque');
  const parts = [
    `username="${quoted(login.username)}"`,
    `realm="${quoted(fields.get('realm') ?? '')}"`,
    `nonce="${quoted(fields.get('nonce') ?? '')}"`,
    `uri="${request.uri}"`,
    ...(fields.has('algorithm') ? [`algorithm=${fields.get('algorithm')}`] : []),
    ...computed(fields, login, request),
    ...(opaque === undefined ? [] : [`opaque="${quoted(opaque)}"`]),
  ];
  return { [status === 407 ? 'Proxy-Authorization' : 'Authorization']: `Digest ${parts.join(', ')}` };
}
