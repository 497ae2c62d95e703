import type { Clock, Random } from '../../base/index.ts';
import { addressFamily, type NamingRecord, type Resolver, type ServiceRecord } from '../../net/index.ts';
import { parseUri, type SipUri } from '../message/index.ts';
import { Recent } from './recent.ts';
import type { Destination, Protocol } from './types.ts';
import { defaultPort } from './via.ts';

export type ResolveOptions = {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: Random;
  /** Protocols and address families that can be sent over. */
  readonly can: (protocol: Protocol, family: 4 | 6) => boolean;
  /** Whether an endpoint here leads to that address at all; those that none leads to are tried last. */
  readonly reaches: (protocol: Protocol, address: string) => boolean;
  /** Milliseconds that an answer is kept. */
  readonly cacheMs?: number;
};

type Target = { readonly uri: SipUri; readonly host: string; readonly protocol: Protocol | undefined };
type Place = { readonly protocol: Protocol; readonly host: string; readonly port: number };

/** The most places that one request tries. */
const mostDestinations = 12;
const cacheEntries = 2_000;

const secured: Partial<Record<Protocol, Protocol>> = { tcp: 'tls', tls: 'tls', ws: 'wss', wss: 'wss' };
const known: ReadonlySet<string> = new Set(['udp', 'tcp', 'tls', 'ws', 'wss']);

/** NAPTR services (RFC 3263 §4.1, RFC 7118 §8.1) in the order in which SRV is asked where there is no NAPTR. */
const services: readonly { readonly naptr: string; readonly srv: string; readonly protocol: Protocol }[] = [
  { naptr: 'SIP+D2U', srv: '_sip._udp.', protocol: 'udp' },
  { naptr: 'SIP+D2T', srv: '_sip._tcp.', protocol: 'tcp' },
  { naptr: 'SIPS+D2T', srv: '_sips._tcp.', protocol: 'tls' },
];

/** RFC 2782: by priority, and within one by chance in proportion to weight. */
export const inServiceOrder = (records: readonly ServiceRecord[], random: Random): ServiceRecord[] => {
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: ServiceRecord[] = [];
  while (left.length > 0) {
    const priority = left[0]?.priority;
    const group = left.filter((record) => record.priority === priority);
    const total = group.reduce((sum, record) => sum + record.weight, 0);
    let ticket = random.unit() * total;
    const winner = group.find((record) => (ticket -= record.weight) < 0) ?? group.at(-1);
    if (winner === undefined) break;
    ordered.push(winner);
    left.splice(left.indexOf(winner), 1);
  }
  return ordered;
};

/** What a URI asks for; undefined where it can never be reached by address. */
const targetOf = (text: string): Target | undefined => {
  const uri = parseUri(text);
  if (uri === undefined || uri.scheme === 'tel') return undefined;
  const maddr = uri.parameters.get('maddr')?.replace(/^\[|\]$/g, '');
  const host = maddr === undefined || maddr === '' ? uri.host : maddr;
  // RFC 7118 §5: a WebSocket client's made-up host; it is reached over its own connection alone (RFC 2606).
  if (/\.invalid\.?$/i.test(host)) return undefined;
  const asked = uri.parameters.get('transport')?.toLowerCase();
  if (asked === undefined) return { uri, host, protocol: undefined };
  if (!known.has(asked)) return undefined;
  const protocol = uri.scheme === 'sips' ? secured[asked as Protocol] : (asked as Protocol);
  // RFC 3261 §26.2.2: sips cannot go over UDP.
  return protocol === undefined ? undefined : { uri, host, protocol };
};

const plainProtocol = ({ uri, protocol }: Target): Protocol =>
  protocol ?? (uri.scheme === 'sips' ? 'tls' : 'udp');

const place = (protocol: Protocol, address: string, port: number, name: string): Destination => {
  const base = { kind: 'address', protocol, remote: { address, port } } as const;
  // RFC 5922 §4: the certificate must be the one of the domain that was asked for, not of what SRV made of it.
  const named = (protocol === 'tls' || protocol === 'wss') && addressFamily(name) === 0;
  return named ? { ...base, serverName: name } : base;
};

/** Resolution of SIP URIs (RFC 3263), with a small cache. */
export class UriResolver {
  readonly #options: ResolveOptions;
  readonly #cache = new Recent<{ readonly answer: Promise<readonly unknown[]>; readonly until: number }>(
    cacheEntries,
  );

  constructor(options: ResolveOptions) {
    this.#options = options;
  }

  /** Numeric hosts, and what is never resolved (an empty list); undefined where DNS has to be asked. */
  now(text: string): readonly Destination[] | undefined {
    const target = targetOf(text);
    if (target === undefined) return [];
    if (addressFamily(target.host) === 0) return undefined;
    const protocol = plainProtocol(target);
    return [place(protocol, target.host, target.uri.port ?? defaultPort(protocol), target.uri.host)];
  }

  /** Rejects when DNS could not be asked; an empty list where it knows nothing. */
  async resolve(text: string): Promise<readonly Destination[]> {
    const target = targetOf(text);
    if (target === undefined) return [];
    const here = this.now(text);
    if (here !== undefined) return here;
    const places = (await this.#places(target)).slice(0, mostDestinations);
    const answers = await Promise.allSettled(
      places.map(async ({ protocol, host, port }) =>
        (await this.#addresses(host, protocol)).map((address) =>
          place(protocol, address, port, target.uri.host),
        ),
      ),
    );
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (found.length === 0 && failed !== undefined) throw failed.reason;
    return found.slice(0, mostDestinations);
  }

  async #places(target: Target): Promise<readonly Place[]> {
    const { uri, host, protocol } = target;
    const fallback = plainProtocol(target);
    if (uri.port !== undefined) return [{ protocol: fallback, host, port: uri.port }];
    const offered = protocol === undefined ? await this.#offered(target) : [];
    const asked = offered.length > 0 ? offered : this.#serviceNames(target);
    const groups = await Promise.all(
      asked.map(async ({ name, protocol }) => await this.#servers(name, protocol)),
    );
    const places = groups.flat();
    return places.length > 0 ? places : [{ protocol: fallback, host, port: defaultPort(fallback) }];
  }

  /** The services that the domain's NAPTR records offer and that can be used here, in the domain's order. */
  async #offered({
    uri,
    host,
  }: Target): Promise<readonly { readonly name: string; readonly protocol: Protocol }[]> {
    const records = await this.#cached<NamingRecord>(`naptr ${host}`, () =>
      this.#options.resolver.naming(host),
    ).catch(
      // Name servers that do not know the type are as good as a domain without such records.
      () => [],
    );
    return records
      .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
      .flatMap(({ service, flags, replacement }) => {
        const match = services.find(({ naptr }) => naptr === service.toUpperCase());
        if (match === undefined || flags.toLowerCase() !== 's') return [];
        if (!this.#usable(match.protocol) || (uri.scheme === 'sips' && match.protocol !== 'tls')) return [];
        return [{ name: replacement, protocol: match.protocol }];
      });
  }

  #serviceNames({
    uri,
    host,
    protocol,
  }: Target): readonly { readonly name: string; readonly protocol: Protocol }[] {
    return services
      .filter((s) => (protocol === undefined ? this.#usable(s.protocol) : s.protocol === protocol))
      .filter((s) => uri.scheme !== 'sips' || s.protocol === 'tls')
      .map((s) => ({ name: s.srv + host, protocol: s.protocol }));
  }

  async #servers(name: string, protocol: Protocol): Promise<readonly Place[]> {
    const records = await this.#cached<ServiceRecord>(`srv ${name}`, () =>
      this.#options.resolver.services(name),
    ).catch(() => []);
    // RFC 2782: a lone "." says that the service is decidedly not there.
    return inServiceOrder(records, this.#options.random)
      .filter((record) => record.name !== '.' && record.name !== '')
      .map((record) => ({ protocol, host: record.name, port: record.port }));
  }

  async #addresses(host: string, protocol: Protocol): Promise<readonly string[]> {
    if (addressFamily(host) !== 0) return [host];
    const families = ([6, 4] as const).filter((family) => this.#options.can(protocol, family));
    // Nothing to send from: the addresses are still told, and sending says what is missing.
    const wanted = families.length > 0 ? families : ([4] as const);
    const answers = await Promise.allSettled(
      wanted.map(
        async (family) =>
          await this.#cached<string>(`a${family} ${host}`, () =>
            this.#options.resolver.addresses(host, family),
          ),
      ),
    );
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (found.length === 0 && failed !== undefined) throw failed.reason;
    const { reaches } = this.#options;
    return found.toSorted((a, b) => Number(reaches(protocol, b)) - Number(reaches(protocol, a)));
  }

  #usable(protocol: Protocol): boolean {
    return this.#options.can(protocol, 4) || this.#options.can(protocol, 6);
  }

  /** One question at a time for the same thing; failures are not kept. */
  #cached<T>(key: string, ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
    const now = this.#options.clock.now();
    const hit = this.#cache.get(key);
    if (hit !== undefined && hit.until > now) return hit.answer as Promise<readonly T[]>;
    const answer = ask();
    this.#cache.set(key, { answer, until: now + (this.#options.cacheMs ?? 30_000) });
    answer.catch(() => this.#cache.delete(key));
    return answer;
  }
}
