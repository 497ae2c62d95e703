import assert from 'node:assert/strict';
import Srf from 'drachtio-srf';
import { createSocket } from 'node:dgram';
import {
  silentLogger,
  systemClock as clock,
  systemRandom as random,
  type Logger,
} from '../src/base/index.ts';
import { startSignalingEngine, type EngineSettings, type SignalingEngine } from '../src/drachtio/index.ts';
import { RtpInlets, startMediaEngine } from '../src/media/index.ts';
import {
  MemoryBindingStore,
  MemoryColdRouteStore,
  MemoryDirectoryStore,
  MemoryRoutingStore,
  type Action,
  type ColdRouteStore,
  type Flow,
} from '../src/stores/index.ts';
import { seedDirectory, type DirectorySeed } from '../src/switch/directory/index.ts';
import {
  createMediaEngine,
  createSwitch,
  defaultSettings,
  type MediaEngine,
  type MediaNode,
  type Switch,
  type SwitchParts,
  type SwitchSettings,
} from '../src/switch/index.ts';
import {
  Authenticator,
  Nonces,
  Registrar,
  SourceGuard,
  flowOf,
  type SipRequest,
  type SipResponse,
} from '../src/switch/registrar/index.ts';
import { MediaWatch } from '../src/switch/records/index.ts';
import { Phone, type PhoneOptions } from '../src/testing/phone.ts';
import { mediaEngine } from './one-stream.ts';
import { startRtpengine } from './rtpengine.ts';

export const domain = 'pbx.test';

/** Users 100 and 200, each with three devices: 1001 to 1003, 2001 to 2003; group 500 of both. */
export const twoUsers: Omit<DirectorySeed, 'domain' | 'aliases'> = {
  users: ['100', '200'].map((extension) => ({
    extension,
    name: extension === '100' ? 'Ada' : 'Bob',
    devices: [1, 2, 3].map((n) => ({
      extension: `${extension.slice(0, 1)}00${n}`,
      name: ['Desk phone', 'Mobile app', 'Desktop app'][n - 1] ?? '',
      password: `secret-${extension.slice(0, 1)}00${n}`,
      kind: 'desk' as const,
      trusted: true,
    })),
  })),
  groups: [{ extension: '500', name: 'Support', ring: 'all', members: ['100', '200'] }],
  trunks: [],
};

export type StartedMedia = {
  readonly nodes: readonly MediaNode[];
  readonly close: () => unknown;
  /** Puts something between the switch and its media engine. */
  readonly through?: (engine: MediaEngine) => MediaEngine;
};

export type ProductOptions = {
  readonly seed?: Omit<DirectorySeed, 'domain' | 'aliases'>;
  readonly settings?: Partial<SwitchSettings>;
  readonly listen?: readonly string[];
  /** More of the signaling engine's settings: timers, session timers, TLS keys. */
  readonly engine?: Pick<EngineSettings, 'tls' | 'timers' | 'sessionTimers' | 'limits'>;
  /** Starts another media engine in place of the embedded relay; it is told where its DTMF log goes. */
  readonly media?: (dtmfPort: number) => Promise<StartedMedia>;
  /** Kept by the test, so that a second product can start with what the first one knew. */
  readonly coldRoutes?: ColdRouteStore;
  /** Where messages are kept; without, there are no mailboxes. */
  readonly mailboxes?: SwitchParts['mailboxes'];
  readonly log?: Logger;
};

/** The whole product in this process on free loopback ports: both engines on their threads, switch and registrar. */
export class Product {
  readonly signaling: SignalingEngine;
  readonly media: MediaWatch;
  readonly product: Switch;
  readonly directory: MemoryDirectoryStore;
  readonly bindings: MemoryBindingStore;
  readonly coldRoutes: ColdRouteStore;
  readonly routing: MemoryRoutingStore;
  readonly #phones: Phone[] = [];
  readonly #close: (() => unknown)[];

  private constructor(parts: {
    readonly signaling: SignalingEngine;
    readonly media: MediaWatch;
    readonly product: Switch;
    readonly directory: MemoryDirectoryStore;
    readonly bindings: MemoryBindingStore;
    readonly coldRoutes: ColdRouteStore;
    readonly routing: MemoryRoutingStore;
    readonly close: (() => unknown)[];
  }) {
    this.signaling = parts.signaling;
    this.media = parts.media;
    this.product = parts.product;
    this.directory = parts.directory;
    this.bindings = parts.bindings;
    this.coldRoutes = parts.coldRoutes;
    this.routing = parts.routing;
    this.#close = parts.close;
  }

  static async start(options: ProductOptions = {}): Promise<Product> {
    const log = options.log ?? silentLogger;
    const secret = random.hex(16);
    const signaling = await startSignalingEngine({
      listen: options.listen ?? ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0', 'ws:127.0.0.1:0'],
      admin: { host: '127.0.0.1', port: 0, secret },
      ...options.engine,
      logger: log,
    });
    const dtmf = await dtmfSocket();
    const started = await (options.media ?? usualMedia(log))(dtmf.port);
    const { nodes, close: closeMedia, through = (engine) => engine } = started;
    const media = new MediaWatch(through(createMediaEngine({ nodes, clock, random, log })));
    const srf = new Srf();
    await new Promise<void>((done) => {
      srf.on('connect', () => done());
      void srf.connect({ ...signaling.admin, secret });
    });
    const parts = await registrar(srf, options.seed ?? twoUsers, log);
    const coldRoutes = options.coldRoutes ?? new MemoryColdRouteStore();
    const routing = new MemoryRoutingStore(parts.directory);
    const inlets = new RtpInlets({ address: '127.0.0.1', clock });
    const { mailboxes } = options;
    const product = createSwitch({
      srf,
      media,
      inlets,
      ...(mailboxes === undefined ? {} : { mailboxes }),
      ...parts,
      coldRoutes,
      routing,
      settings: { domain, ...defaultSettings, ...options.settings },
      clock,
      random,
      log,
    });
    dtmf.receive = (datagram) => product.dtmfLog(datagram);
    const close = [
      () => assert.equal(inlets.size, 0, 'no leg that ended here is left'),
      () => parts.bindings.close(),
      () => srf.disconnect(),
      () => signaling.close(),
      () => media.close(),
      closeMedia,
      () => dtmf.close(),
    ];
    const { directory, bindings } = parts;
    return new Product({ signaling, media, product, directory, bindings, coldRoutes, routing, close });
  }

  /** A registered phone with real RTP. */
  async phone(name: string, options: PhoneOptions = {}): Promise<Phone> {
    const protocol = options.protocol ?? 'udp';
    const phone = await Phone.open({
      name,
      password: `secret-${name}`,
      domain,
      rtp: true,
      server: this.server(protocol, options.address),
      ...options,
    });
    this.#phones.push(phone);
    await phone.register();
    return phone;
  }

  /** From here on every call of a user's goes one way, whatever its phones would do. */
  async always(extension: string, then: Action): Promise<void> {
    const id = this.directory.user(domain, extension)?.id ?? '';
    const rule = {
      id: 'always',
      name: 'Always',
      enabled: true,
      when: [],
      then,
      changedAt: 0,
      changedBy: extension,
    };
    await this.routing.putRouting({ owner: { domain, kind: 'user', id }, rules: [rule], profiles: [] });
  }

  /** Where the product listens for a protocol, in the address family of `like`. */
  server(protocol: string, like = '127.0.0.1'): { readonly address: string; readonly port: number } {
    const found = this.signaling.listeners.find(
      (l) => l.protocol === protocol && l.address.includes(':') === like.includes(':'),
    );
    if (found === undefined) throw new Error(`the product does not listen for ${protocol} like ${like}`);
    return found;
  }

  /** Ends everything, phones first; fails when something of a call was left in an engine. */
  async close(): Promise<void> {
    await this.product.drain(0);
    await this.product.close();
    // Phones that still answer see their BYE.
    for (let tries = 0; tries < 20 && (await this.signaling.stats()).dialogs > 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    for (const phone of this.#phones) await phone.close();
    for (const close of this.#close) await close();
  }
}

const usualMedia = (log: Logger) =>
  mediaEngine === 'rtpengine' ? startRtpengine : (port: number) => embeddedMedia(port, log);

async function embeddedMedia(dtmfPort: number, log: Logger): Promise<StartedMedia> {
  const engine = await startMediaEngine(
    {
      listen: { address: '127.0.0.1', port: 0 },
      addresses: { IP4: '127.0.0.1', IP6: '::1' },
      ports: [20_000, 60_000],
      dtmfLog: { address: '127.0.0.1', port: dtmfPort },
      threads: 1,
    },
    log,
  );
  return { nodes: [{ host: engine.address, port: engine.port }], close: () => engine.close() };
}

async function dtmfSocket() {
  const socket = createSocket('udp4');
  const dtmf = {
    port: 0,
    receive: (() => undefined) as (datagram: Uint8Array) => void,
    close: () => socket.close(),
  };
  socket.on('message', (datagram) => dtmf.receive(datagram));
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  dtmf.port = socket.address().port;
  return dtmf;
}

async function registrar(srf: Srf, seed: Omit<DirectorySeed, 'domain' | 'aliases'>, log: Logger) {
  const directory = new MemoryDirectoryStore();
  const bindings = new MemoryBindingStore({ clock, random, limits: { perDevice: 10, total: 10_000 } });
  await seedDirectory(directory, { domain, aliases: ['127.0.0.1'], ...seed }, random);
  const guard = new SourceGuard({
    clock,
    maxFailures: 100,
    failureWindowMs: 60_000,
    banMs: 60_000,
    burst: 10_000,
    perSecond: 10_000,
    maxSources: 1000,
  });
  const nonces = new Nonces({ clock, random, secret: random.hex(32), lifetimeMs: 300_000, maxUsed: 10_000 });
  const authenticator = new Authenticator({
    directory,
    bindings,
    nonces,
    guard,
    policy: {
      defaultDomain: domain,
      algorithms: ['SHA-256', 'MD5'],
      md5Agents: ['baresip v1', 'sipp'],
      withoutQop: false,
    },
    logger: log,
  });
  const service = new Registrar({
    directory,
    bindings,
    authenticator,
    policy: { minExpires: 60, maxExpires: 3600, defaultExpires: 300, maxContacts: 10 },
    clock,
    logger: log,
  });
  const connection = srf as unknown as {
    use(method: string, handler: (request: SipRequest, response: SipResponse) => void): void;
  };
  connection.use('register', (request, response) => void service.handle(request, response));
  connection.use('flow-closed', (request) => {
    const protocol = request.protocol as Flow['protocol'];
    void service.flowClosed({ ...flowOf(request), protocol });
  });
  return { directory, bindings, authenticator };
}
