import {
  systemClock,
  systemRandom,
  TimerWheel,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import { systemResolver, type Resolver } from '../net/index.ts';
import {
  createTransactionLayer,
  createTransport,
  createUserAgentCore,
  defaultTimers,
  type TimerValues,
  type TransportLayer,
  type UserAgentCore,
} from '../sip/index.ts';
import { AdminServer } from './admin-server.ts';
import { ApplicationSide, version } from './application-side.ts';
import { guarded } from './guard.ts';
import type { Fetch } from './handlers/query.ts';
import { parseEndpoint } from './endpoint.ts';
import type { EngineSettings, EngineStats, ListenEndpoint, ListeningAddress } from './options.ts';

/** An engine that listens. */
export interface Engine {
  readonly listeners: readonly ListeningAddress[];
  readonly admin: { readonly host: string; readonly port: number };
  stats(): EngineStats;
  describe(): object;
  close(): Promise<void>;
}

export type EngineSurroundings = {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  /** Asks the routing services that are configured. */
  readonly fetch: Fetch;
};

/** The machine's own; the thousands of timers of a busy stack share a wheel. */
const systemSurroundings = (): EngineSurroundings => ({
  clock: new TimerWheel(systemClock),
  random: systemRandom,
  resolver: systemResolver(),
  fetch: (url, init) => fetch(url, init),
});

const timersOf = (settings: EngineSettings): TimerValues =>
  Object.freeze({ ...defaultTimers, ...settings.timers });

const secured = new Set(['tls', 'wss']);

const endpointsOf = (settings: EngineSettings): ListenEndpoint[] => {
  if (settings.listen.length === 0) throw new Error('there is no SIP endpoint to listen on');
  return settings.listen.map((entry) => {
    const endpoint = typeof entry === 'string' ? parseEndpoint(entry) : entry;
    if (typeof endpoint === 'string') throw new Error(endpoint);
    const { protocol, address, port } = endpoint;
    if (secured.has(protocol) && settings.tls === undefined)
      throw new Error(`${protocol} ${address}:${port} needs a TLS key and certificate`);
    return endpoint;
  });
};

/** OpenSSL's words alone do not say what they are about. */
const explained = (error: unknown): unknown => {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (!code.startsWith('ERR_OSSL')) return error;
  return new Error(`the TLS key or certificate is not usable: ${message}`, { cause: error });
};

/** Names of the settings come before those of DNS. */
const resolverWith = (hosts: Readonly<Record<string, string>>, dns: Resolver): Resolver => {
  const table = new Map(Object.entries(hosts).map(([name, address]) => [name.toLowerCase(), address]));
  if (table.size === 0) return dns;
  const known = (name: string) => table.get(name.toLowerCase());
  return {
    naming: (name) => (known(name) === undefined ? dns.naming(name) : Promise.resolve([])),
    // Services of a known name are not asked for either: `_sip._udp.name`.
    services: (name) =>
      known(name.replace(/^_[^.]+\._[^.]+\./, '')) === undefined ? dns.services(name) : Promise.resolve([]),
    addresses: async (name, family) => {
      const address = known(name);
      if (address === undefined) return await dns.addresses(name, family);
      return address.includes(':') === (family === 6) ? [address] : [];
    },
  };
};

class RunningEngine implements Engine {
  readonly listeners: readonly ListeningAddress[];
  readonly admin: { readonly host: string; readonly port: number };
  readonly #side: ApplicationSide;
  readonly #core: UserAgentCore;
  readonly #server: AdminServer;

  constructor(
    side: ApplicationSide,
    core: UserAgentCore,
    admin: {
      readonly server: AdminServer;
      readonly address: { readonly host: string; readonly port: number };
    },
  ) {
    this.#side = side;
    this.#core = core;
    this.#server = admin.server;
    this.admin = admin.address;
    this.listeners = core.transport.listeners.map(({ protocol, local }) => ({ protocol, ...local }));
  }

  stats(): EngineStats {
    const { ledger, flows, backpressure } = this.#side;
    const { counters } = this.#core.transport.describe() as { counters: Record<string, number> };
    return {
      applications: this.#server.applications.size,
      dialogs: ledger.dialogs,
      pendingRequests: ledger.waiting,
      requestsIn: counters['requestsIn'] ?? 0,
      requestsOut: counters['requestsOut'] ?? 0,
      responsesIn: counters['responsesIn'] ?? 0,
      responsesOut: counters['responsesOut'] ?? 0,
      flows: flows.size,
      invitesShed: backpressure.refused.calls,
      registersShed: backpressure.refused.registrations,
    };
  }

  describe(): object {
    return {
      version,
      listeners: this.listeners,
      admin: this.admin,
      stats: this.stats(),
      applications: [...this.#server.applications].map((application) => application.describe()),
      verbs: this.#side.verbs.describe(),
      proxies: this.#side.proxies.size,
      sentRequests: this.#side.ledger.outgoing,
      core: this.#core.describe(),
      transactions: this.#core.transactions.describe(),
      transport: this.#core.transport.describe(),
    };
  }

  async close(): Promise<void> {
    this.#side.owners.close();
    this.#core.close();
    this.#core.transactions.close();
    await Promise.all([this.#server.close(), this.#core.transport.close()]);
  }
}

const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

const transportLimitsOf = ({ limits = {} }: EngineSettings) =>
  given({
    messageBytes: limits.maxMessageBytes,
    headerFields: limits.maxHeaders,
    connections: limits.maxConnections,
    connectionsPerSource: limits.maxConnectionsPerSource,
    idleMs: limits.idleConnectionMs,
  });

/** Below 64*T1: after that nothing may be sent any more (RFC 4320 §4.2). */
const longestNonInviteMs = 30_000;

const coreLimitsOf = ({ limits = {}, pendingRequestMs: ms }: EngineSettings) =>
  given({
    waiting: limits.maxPendingRequests,
    unansweredInviteMs: ms,
    unansweredMs: ms === undefined ? undefined : Math.min(ms, longestNonInviteMs),
  });

type Stack = { readonly transport: TransportLayer; readonly core: UserAgentCore };

const startStack = async (
  settings: EngineSettings,
  log: Logger,
  around: EngineSurroundings,
  side: ApplicationSide,
): Promise<Stack> => {
  const { clock, random, resolver } = around;
  const timers = timersOf(settings);
  const transport = await createTransport({
    listen: endpointsOf(settings),
    clock,
    random,
    logger: log,
    resolver: resolverWith(settings.hosts ?? {}, resolver),
    ...(settings.tls && { tls: settings.tls }),
    limits: transportLimitsOf(settings),
  }).catch((error: unknown) => {
    throw explained(error);
  });
  const core: UserAgentCore = createUserAgentCore({
    transport,
    transactions: createTransactionLayer({ transport, clock, random, timers, logger: log }),
    clock,
    random,
    logger: log,
    timers,
    handler: guarded(side.gateway, log, (incoming) => core.respond(incoming, { status: 500 })),
    sessionTimers: {
      minSe: settings.sessionTimers?.minimum ?? 90,
      defaultRefresher: settings.sessionTimers?.defaultRefresher ?? 'none',
    },
    limits: coreLimitsOf(settings),
  });
  side.core = core;
  transport.onClosed((flow) => side.flowClosed(flow));
  return { transport, core };
};

const adminServer = (
  settings: EngineSettings,
  log: Logger,
  random: Random,
  side: ApplicationSide,
): AdminServer => {
  const { host = '127.0.0.1', port = 0, tls } = settings.admin;
  return new AdminServer({
    host,
    port,
    ...(tls && { tls }),
    maxFrameBytes: 4 * 1024 * 1024,
    maxBacklogBytes: settings.limits?.maxAdminBacklogBytes ?? 64 * 1024 * 1024,
    newId: () => random.hex(6),
    log,
    commands: side.commands,
    onLost: (application) => side.lost(application),
  });
};

/** Starts an engine on this thread; rejects, with nothing left behind, when it can not listen where it should. */
export const runEngine = async (
  settings: EngineSettings,
  log: Logger,
  around: EngineSurroundings = systemSurroundings(),
): Promise<Engine> => {
  const side = new ApplicationSide(settings, around, timersOf(settings), log);
  const { transport, core } = await startStack(settings, log, around, side);
  const server = adminServer(settings, log, around.random, side);
  side.admin = server;
  try {
    const address = await server.listen();
    return new RunningEngine(side, core, { server, address });
  } catch (error) {
    core.close();
    await transport.close();
    throw error;
  }
};
