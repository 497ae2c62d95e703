import { createHash } from 'node:crypto';
import { silentLogger, systemRandom } from '../../base/index.ts';
import { MemoryBindingStore, MemoryDirectoryStore } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { seedDirectory, type DirectorySeed } from '../directory/index.ts';
import {
  Authenticator,
  Nonces,
  Registrar,
  SourceGuard,
  type RegisterOverload,
  type SipRequest,
} from './index.ts';
import type { AuthenticationPolicy } from './authenticator.ts';

const device = (extension: string, name: string) =>
  ({ extension, name, kind: 'desk', trusted: true, password: `secret-${extension}` }) as const;

/** Ada has three devices and a password of her own; Ben has one device and none. */
export const seed: DirectorySeed = {
  domain: 'pbx.test',
  aliases: ['sip.pbx.test'],
  users: [
    {
      extension: '100',
      name: 'Ada',
      password: 'secret-100',
      devices: [device('1001', 'Desk phone'), device('1002', 'Mobile app'), device('1003', 'Desktop app')],
    },
    { extension: '200', name: 'Ben', devices: [device('2001', 'Desk phone')] },
  ],
  groups: [],
  trunks: [],
};

export type Ask = {
  readonly method?: string;
  readonly to?: string;
  readonly from?: string;
  readonly uri?: string;
  readonly source?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

let calls = 0;

export function request(ask: Ask = {}): SipRequest {
  const { method = 'REGISTER', to = '1001', source = '192.0.2.1', port = 5060 } = ask;
  calls += 1;
  const headers: Record<string, string> = {
    via: `SIP/2.0/${(ask.protocol ?? 'udp').toUpperCase()} 10.0.0.1:5060;branch=z9hG4bK${calls}`,
    to: `<sip:${to}@pbx.test>`,
    from: `<sip:${ask.from ?? to}@pbx.test>;tag=1`,
    'call-id': `call-${calls}`,
    cseq: `1 ${method}`,
    ...ask.headers,
  };
  return {
    method,
    uri: ask.uri ?? (method === 'REGISTER' ? 'sip:pbx.test' : `sip:${to}@pbx.test`),
    protocol: ask.protocol ?? 'udp',
    source_address: source,
    source_port: port,
    get: (name) => headers[name.toLowerCase()],
  };
}

/** The challenges of a 401 or 407, by algorithm. */
export function challengesOf(headers: Readonly<Record<string, string>>) {
  const text = headers['WWW-Authenticate'] ?? headers['Proxy-Authenticate'] ?? '';
  return text
    .split(/\r\n(?:WWW|Proxy)-Authenticate: /)
    .filter((line) => line !== '')
    .map((line) => ({
      realm: /realm="([^"]*)"/.exec(line)?.[1] ?? '',
      nonce: /nonce="([^"]*)"/.exec(line)?.[1] ?? '',
      algorithm: /algorithm=([\w-]+)/.exec(line)?.[1] ?? '',
      qop: /qop="([^"]*)"/.exec(line)?.[1] ?? '',
      stale: /stale=true/i.test(line),
    }));
}

export type Answering = {
  readonly nonce: string;
  readonly username?: string;
  readonly password?: string;
  readonly algorithm?: 'MD5' | 'SHA-256';
  readonly nc?: number;
  readonly qop?: boolean;
  readonly realm?: string;
  readonly uri?: string;
  readonly method?: string;
};

/** A phone's Authorization value, computed apart from the code under test (RFC 7616 §3.4). */
export function authorization(a: Answering): string {
  const { username = '1001', realm = 'pbx.test', algorithm = 'MD5', method = 'REGISTER', nc = 1 } = a;
  const { password = `secret-${username}`, uri = 'sip:pbx.test', qop = true } = a;
  const h = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const count = nc.toString(16).padStart(8, '0');
  const middle = qop ? `${a.nonce}:${count}:0a4f113b:auth` : a.nonce;
  const response = h(`${h(`${username}:${realm}:${password}`)}:${middle}:${h(`${method}:${uri}`)}`);
  const more = qop ? `, qop=auth, nc=${count}, cnonce="0a4f113b"` : '';
  return `Digest username="${username}", realm="${realm}", nonce="${a.nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}${more}`;
}

/** A registrar on virtual time, with its parts in reach. */
export async function registrarFixture(
  policy: Partial<AuthenticationPolicy> = {},
  more: { readonly clock?: VirtualClock; readonly overload?: RegisterOverload } = {},
) {
  const { clock = new VirtualClock(), overload } = more;
  const directory = new MemoryDirectoryStore();
  await seedDirectory(directory, seed, systemRandom);
  const bindings = new MemoryBindingStore({
    clock,
    random: systemRandom,
    limits: { perDevice: 5, total: 1000 },
  });
  const nonces = new Nonces({
    clock,
    random: systemRandom,
    secret: systemRandom.hex(32),
    lifetimeMs: 300_000,
    maxUsed: 1000,
  });
  const guard = new SourceGuard({
    clock,
    maxFailures: 3,
    failureWindowMs: 60_000,
    banMs: 300_000,
    burst: 20,
    perSecond: 1,
    maxSources: 100,
  });
  const authenticator = new Authenticator({
    directory,
    bindings,
    nonces,
    guard,
    logger: silentLogger,
    policy: {
      defaultDomain: 'pbx.test',
      algorithms: ['SHA-256', 'MD5'],
      md5Agents: ['baresip v1'],
      withoutQop: false,
      ...policy,
    },
  });
  const registrar = new Registrar({
    directory,
    bindings,
    authenticator,
    clock,
    logger: silentLogger,
    ...(overload === undefined ? {} : { overload }),
    policy: { minExpires: 60, maxExpires: 7200, defaultExpires: 3600, maxContacts: 10 },
  });
  /** Challenges, answers the challenge, and yields the last word. */
  const register = async (ask: Ask = {}, answering: Partial<Answering> = {}) => {
    const first = await registrar.answer(request(ask));
    const nonce = challengesOf(first.headers)[0]?.nonce ?? '';
    const uri = ask.uri ?? 'sip:pbx.test';
    const value = authorization({ nonce, uri, username: ask.to ?? '1001', ...answering });
    return registrar.answer(request({ ...ask, headers: { ...ask.headers, authorization: value } }));
  };
  return { clock, directory, bindings, nonces, guard, authenticator, registrar, register };
}
