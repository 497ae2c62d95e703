import type { Clock, Logger, Timer } from '../../base/index.ts';
import type { DirectoryStore, Flow, Trunk } from '../../stores/index.ts';
import { gatewayName, gatewaysOf } from './gateways.ts';
import { contains, readAddress, readNetwork, type Network } from './networks.ts';

/** The addresses behind a name, by A, AAAA and, for SIP, SRV records. Rejects when no answer could be had. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export type SourcesParts = {
  readonly directory: DirectoryStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Without it, names are nobody's source. */
  readonly resolve: ResolveName | undefined;
};

type Source = { readonly trunk: Trunk; readonly network: Network };

const resolveMs = 60_000;

/** A trunk is not impersonated over a weaker transport than it has itself. */
const strength: Readonly<Record<Flow['protocol'], number>> = { udp: 0, tcp: 1, tls: 2, ws: -1, wss: -1 };

const texts = (trunk: Trunk): readonly string[] =>
  trunk.inbound?.sources ?? gatewaysOf(trunk).map((gateway) => gatewayName(gateway));

/** Which trunk a request comes from, by where it comes from. Names are looked up again every minute. */
export class Sources {
  readonly #parts: SourcesParts;
  /** What names last stood for; kept while name servers are silent. */
  readonly #names = new Map<string, readonly string[]>();
  readonly #off: () => void;
  #sources: readonly Source[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: SourcesParts) {
    this.#parts = parts;
    this.#off = parts.directory.events.on('changed', ({ what }) => {
      if (what === 'trunk') this.#changed();
    });
    this.#changed();
  }

  close(): void {
    this.#closed = true;
    this.#off();
    this.#timer?.cancel();
  }

  at({ address, port, protocol }: Flow): Trunk | undefined {
    if (this.#sources.length === 0) return undefined;
    const from = readAddress(address);
    if (from === undefined) return undefined;
    const fitting = this.#sources.filter(
      ({ trunk, network }) =>
        contains(network, from, port) && strength[protocol] >= strength[trunk.transport],
    );
    // The narrowest says most: one port before any port, one address before its network.
    return fitting.toSorted(
      (a, b) =>
        Number(b.network.port !== undefined) - Number(a.network.port !== undefined) ||
        b.network.prefix - a.network.prefix,
    )[0]?.trunk;
  }

  #trunks(): readonly Trunk[] {
    const { directory } = this.#parts;
    return directory.domains().flatMap(({ name }) => directory.trunks(name));
  }

  #changed(): void {
    this.#build();
    void this.#look();
  }

  #build(): void {
    this.#sources = this.#trunks().flatMap((trunk) =>
      texts(trunk).flatMap((text) => this.#networks(trunk, text).map((network) => ({ trunk, network }))),
    );
  }

  #networks(trunk: Trunk, text: string): readonly Network[] {
    // A connection of theirs comes from any port; only UDP comes from where it is sent to.
    const anyPort = trunk.inbound?.sources === undefined && trunk.transport !== 'udp';
    const literal = readNetwork(text);
    const found = literal === undefined ? this.#named(text) : [literal];
    return anyPort ? found.map(({ port: _port, ...network }) => network) : found;
  }

  #named(text: string): readonly Network[] {
    const { host, port } = split(text);
    return (this.#names.get(host) ?? []).flatMap((address) => {
      const network = readNetwork(address);
      return network === undefined ? [] : [{ ...network, ...(port === undefined ? {} : { port }) }];
    });
  }

  /** Looks all names up, now and every minute from now on. */
  async #look(): Promise<void> {
    const { clock, resolve } = this.#parts;
    this.#timer?.cancel();
    const names = new Set(
      this.#trunks()
        .flatMap(texts)
        .filter((text) => readNetwork(text) === undefined)
        .map((text) => split(text).host),
    );
    if (resolve === undefined || names.size === 0 || this.#closed) return;
    this.#timer = clock.after(resolveMs, () => void this.#look());
    await Promise.all([...names].map((name) => this.#resolved(name, resolve)));
    if (!this.#closed) this.#build();
  }

  async #resolved(name: string, resolve: ResolveName): Promise<void> {
    try {
      this.#names.set(name, await resolve(name));
    } catch (error) {
      this.#parts.log.warn({ name, error: String(error) }, 'the name of a trunk cannot be looked up');
    }
  }
}

function split(text: string): { readonly host: string; readonly port?: number } {
  const [, host = text, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(text) ?? [];
  return { host: host.toLowerCase(), ...(port === undefined ? {} : { port: Number(port) }) };
}
