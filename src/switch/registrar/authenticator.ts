import type { Logger } from '../../base/index.ts';
import {
  sameContact,
  type Account,
  type BindingStore,
  type Credentials,
  type Device,
  type DirectoryStore,
  type Flow,
  type Trunk,
  type User,
} from '../../stores/index.ts';
import { deviceById, domainOfHost, sharedDeviceId, type DigestAlgorithm } from '../directory/index.ts';
import { parseContacts } from './contacts.ts';
import { algorithmOf, parseDigestAnswers, responseFits, type DigestAnswer } from './digest.ts';
import type { Nonces } from './nonces.ts';
import { uriParts } from './header-values.ts';
import { flowOf, type SipRequest } from './request.ts';
import type { SourceGuard } from './source-guard.ts';

/**
 * Who sent a request. `ok` carries the authenticated identity, which is the only one that counts. Anything else is
 * answered with its `status`, `reason` and `headers` as they are.
 */
export type AuthenticationResult =
  { readonly kind: 'ok'; readonly user: User; readonly device: Device } | Refusal;

/** The same of a call, which a carrier with an account here may make too. */
export type CallerResult = AuthenticationResult | { readonly kind: 'trunk'; readonly trunk: Trunk };

export type Refusal = {
  readonly kind: 'challenge' | 'forbidden';
  readonly status: 400 | 401 | 403 | 404 | 407 | 503;
  readonly reason: string;
  readonly headers: Record<string, string>;
};

export type AuthenticationPolicy = {
  readonly defaultDomain: string;
  /** In order of preference; all are offered at once (RFC 8760 §2.4). */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Beginnings of User-Agent values that give up when anything but MD5 is offered; they get MD5 alone. */
  readonly md5Agents: readonly string[];
  /** Whether an MD5 answer without qop, as RFC 2069 phones give it, is taken; each nonce then serves once. */
  readonly withoutQop: boolean;
};

export type AuthenticatorOptions = {
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly nonces: Nonces;
  readonly guard: SourceGuard;
  readonly policy: AuthenticationPolicy;
  readonly logger: Logger;
};

/** Verified against when a username does not exist, so that both cases take the same time. */
const nobody = { md5: '0'.repeat(32), sha256: '0'.repeat(64) };

const forbidden = (status: Refusal['status'], reason: string): Refusal => ({
  kind: 'forbidden',
  status,
  reason,
  headers: {},
});

/** Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760) of any request that is outside a dialog. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  check(request: SipRequest): AuthenticationResult {
    const result = this.#check(request, false);
    return result.kind === 'trunk' ? forbidden(403, 'Not for trunks') : result;
  }

  checkCaller(request: SipRequest): CallerResult {
    return this.#check(request, true);
  }

  #check(request: SipRequest, calls: boolean): CallerResult {
    const { directory, bindings, guard, policy } = this.#options;
    const flow = flowOf(request);
    // A phone that is registered over this very flow is not made to pay for its neighbour behind the same NAT.
    if (guard.bannedFor(flow.address) > 0 && bindings.ofFlow(flow).length === 0)
      return forbidden(403, 'Too many failed attempts');
    const host = uriParts(request.get(request.method === 'REGISTER' ? 'to' : 'from') ?? '')?.host ?? '';
    const domain = domainOfHost(directory, host, policy.defaultDomain);
    if (domain === undefined && request.method === 'REGISTER') return forbidden(404, 'No such domain here');
    const realm = domain?.name ?? policy.defaultDomain;
    const answer = this.#bestAnswer(request, realm);
    return answer === undefined
      ? this.#challenge(request, realm, false)
      : this.#verify(request, flow, realm, { answer, calls });
  }

  /** The answer for our realm with the strongest of the offered algorithms. */
  #bestAnswer(request: SipRequest, realm: string): DigestAnswer | undefined {
    const { algorithms } = this.#options.policy;
    const answers = ['authorization', 'proxy-authorization']
      .flatMap((name) => parseDigestAnswers(request.get(name) ?? ''))
      .filter((answer) => answer.realm.toLowerCase() === realm);
    for (const name of algorithms)
      for (const answer of answers) if (algorithmOf(answer, algorithms) === name) return answer;
    return undefined;
  }

  #verify(
    request: SipRequest,
    flow: Flow,
    realm: string,
    { answer, calls }: { readonly answer: DigestAnswer; readonly calls: boolean },
  ): CallerResult {
    const { directory, nonces, guard, policy, logger } = this.#options;
    const count = countOf(answer, policy.withoutQop);
    if (count === 'unusable') return this.#challenge(request, realm, false);
    if (nonces.check(answer.nonce, realm) !== 'fresh') return this.#challenge(request, realm, true);
    const algorithm = algorithmOf(answer, policy.algorithms) ?? 'MD5';
    const holder = holderOf(directory, realm, answer.username, calls);
    const fits = responseFits(answer, request.method, algorithm, holder?.credentials ?? nobody);
    if (holder === undefined || !fits) {
      const banned = guard.failed(flow.address);
      logger.warn({ source: flow.address, method: request.method, banned }, 'wrong username or password');
      return forbidden(403, 'Wrong username or password');
    }
    // Only who knows the password gets here, so only they can fill the memory of used nonces.
    if (!nonces.take(answer.nonce, count)) return this.#challenge(request, realm, true);
    if (!fitsRequest(answer.uri, request)) return forbidden(400, 'Digest URI is not the Request-URI');
    guard.succeeded(flow.address);
    return 'trunk' in holder
      ? { kind: 'trunk', trunk: holder.trunk }
      : { kind: 'ok', user: holder.user, device: this.#deviceOf(request, flow, holder) };
  }

  /** Whether an unauthenticated request is to be answered: a registered phone's always, a stranger's sparingly. */
  admits(request: SipRequest): boolean {
    const flow = flowOf(request);
    const { guard } = this.#options;
    return this.isRegistered(flow) || (guard.bannedFor(flow.address) === 0 && guard.admit(flow.address));
  }

  /** Whether a phone has registered over this flow. */
  isRegistered(flow: Flow): boolean {
    return this.#options.bindings.ofFlow(flow).length > 0;
  }

  #challenge(request: SipRequest, realm: string, stale: boolean): Refusal {
    const { nonces, guard, policy } = this.#options;
    if (!guard.admit(flowOf(request).address))
      return {
        kind: 'forbidden',
        status: 503,
        reason: 'Too many requests',
        headers: { 'Retry-After': '10' },
      };
    const proxy = request.method !== 'REGISTER';
    const name = proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate';
    const nonce = nonces.issue(realm);
    const values = offeredTo(request.get('user-agent') ?? '', policy).map(
      (algorithm) =>
        `Digest realm="${realm}", nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ', stale=true' : ''}`,
    );
    // One line for each challenge: they may not be joined with commas (RFC 3261 §7.3.1).
    return {
      kind: 'challenge',
      status: proxy ? 407 : 401,
      reason: proxy ? 'Proxy Authentication Required' : 'Unauthorized',
      headers: { [name]: values.join(`\r\n${name}: `) },
    };
  }

  #deviceOf(request: SipRequest, flow: Flow, account: Account): Device {
    const { directory } = this.#options;
    if (account.device !== undefined) return account.device;
    const id = this.#sharedDeviceId(request, flow, account.user);
    const device = deviceById(directory, id, request.get('user-agent'));
    if (device === undefined) throw new Error(`account ${account.user.id} has lost its credentials`);
    return device;
  }

  /** Tells apart the phones that use their user's own credentials: by what they registered, over which flow. */
  #sharedDeviceId(request: SipRequest, flow: Flow, user: User): string {
    const contacts = parseContacts(request.get('contact') ?? '');
    const contact = Array.isArray(contacts) ? contacts[0] : undefined;
    const own = this.#options.bindings
      .ofUser(user.id)
      .filter((binding) => binding.deviceId.startsWith(`${user.id}#`));
    const known =
      own.find((b) => contact?.instance !== undefined && b.instance === contact.instance) ??
      own.find((b) => contact !== undefined && sameContact(b.contact, contact.uri)) ??
      // Two phones behind one proxy may register over one flow; a call says which one it is from by its flow only.
      (request.method === 'REGISTER' ? undefined : own.find((b) => sameFlow(b.flow, flow)));
    if (known !== undefined) return known.deviceId;
    return sharedDeviceId(user, contact?.instance ?? contact?.uri ?? `${flow.address}:${flow.port}`);
  }
}

/** Who a user name stands for: an account of the domain or, for calls, the carrier of a trunk. */
function holderOf(
  directory: DirectoryStore,
  domain: string,
  username: string,
  calls: boolean,
): Account | { readonly trunk: Trunk; readonly credentials: Credentials } | undefined {
  const account = directory.account(domain, username);
  if (account !== undefined || !calls) return account;
  const trunk = directory.trunks(domain).find(({ inbound }) => inbound?.credentials?.username === username);
  const credentials = trunk?.inbound?.credentials;
  return trunk === undefined || credentials === undefined ? undefined : { trunk, credentials };
}

const sameFlow = (a: Flow, b: Flow) =>
  a.protocol === b.protocol && a.address === b.address && a.port === b.port;

/** The nonce count; undefined when there is no qop and that is allowed (RFC 7616 §3.4). */
function countOf(answer: DigestAnswer, withoutQop: boolean): number | undefined | 'unusable' {
  if (answer.qop === undefined)
    return withoutQop && answer.algorithm.toUpperCase() === 'MD5' ? undefined : 'unusable';
  const usable =
    answer.qop.toLowerCase() === 'auth' &&
    /^[0-9a-f]{8}$/i.test(answer.nc ?? '') &&
    (answer.cnonce ?? '') !== '';
  return usable ? Number.parseInt(answer.nc ?? '', 16) : 'unusable';
}

function offeredTo(agent: string, policy: AuthenticationPolicy): readonly DigestAlgorithm[] {
  if (!policy.algorithms.includes('MD5')) return policy.algorithms;
  const name = agent.toLowerCase();
  return policy.md5Agents.some((start) => name.startsWith(start.toLowerCase())) ? ['MD5'] : policy.algorithms;
}

/**
 * The digest URI names the same user as the Request-URI, so that a captured answer calls nobody else. Its host may differ
 * (a proxy or the phone's outbound proxy setting rewrites it), and one without a user is taken: load generators and some
 * phones write the address of the server alone, and the nonce count keeps that from being used twice.
 */
function fitsRequest(digestUri: string, request: SipRequest): boolean {
  if (digestUri === request.uri || sameContact(digestUri, request.uri)) return true;
  const said = uriParts(digestUri);
  if (said === undefined) return false;
  return said.user === undefined || said.user === '' || said.user === uriParts(request.uri)?.user;
}
