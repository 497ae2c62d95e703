import { join } from 'node:path';
import { createLogger, systemClock as clock, systemRandom as random, type Logger } from '../base/index.ts';
import { phoneSettings } from '../cli/index.ts';
import { adminToken, demoUsers, openDataFolder, splitHostPort, type Config } from '../config/index.ts';
import type { SignalingEngine } from '../drachtio/index.ts';
import { Metrics, startHttp, type Health, type HttpServer } from '../http/index.ts';
import type { RtpInlets } from '../media/index.ts';
import { createMediaEngine, createSwitch, type Switch } from '../switch/index.ts';
import { MediaWatch } from '../switch/records/index.ts';
import { backups } from './backup.ts';
import { startAsking } from './asking.ts';
import { Opened } from './closing.ts';
import { at } from './failure.ts';
import { openInlets, openSocket, recording, startMedia } from './media.ts';
import { keepRecords } from './records.ts';
import { keepBindings } from './journals.ts';
import { preflight } from './preflight.ts';
import { watchSpikes } from './spikes.ts';
import { createRegistrar, serveRegistrar } from './registrar.ts';
import { seedOf, switchSettings, type Settings } from './settings.ts';
import { resolveNames, systemNames } from './trunks.ts';
import { connect, flushed, startSignaling, type Connected } from './signaling.ts';
import { openStores, type Stores } from './stores.ts';

/** A switch that takes calls. */
export type Running = {
  /** No new calls; live ones get `shutdown.drainSeconds`, then BYE. */
  readonly drain: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type Engines = Connected & {
  /** Undefined when it is a drachtio-server. */
  readonly signaling: SignalingEngine | undefined;
  readonly media: MediaWatch;
  readonly inlets: RtpInlets;
  /** Hands over the datagrams of the media engine's DTMF log from here on. */
  readonly hear: (receive: (datagram: Uint8Array) => void) => void;
};

async function startEngines(settings: Settings, opened: Opened, log: Logger): Promise<Engines> {
  let heard: (datagram: Uint8Array) => void = () => undefined;
  const dtmfLog = await at('media.dtmfLog', () =>
    openSocket(settings.media.dtmfLog ?? '127.0.0.1:0', (datagram) => heard(datagram)),
  );
  opened.add('DTMF log', () => dtmfLog.close());
  const { engine, host = '127.0.0.1', port, secret: known } = settings.signaling;
  const secret = known ?? random.hex(32);
  const [signaling, relay] = await Promise.all([
    engine === 'embedded' ? at('signaling.listen', () => startSignaling(settings, secret, log)) : undefined,
    at('media', () => startMedia(settings, dtmfLog, log)),
  ]);
  opened.add('signaling engine', () => signaling?.close());
  opened.add('media engine', () => relay.close());
  const announces = settings.media.engine === 'embedded';
  const mediaLog = log.child({ part: 'media' });
  const nodes = createMediaEngine({ nodes: relay.nodes, clock, random, log: mediaLog, announces });
  const media = new MediaWatch(await at('media.spool', () => recording(nodes, settings, opened, mediaLog)));
  opened.add('media client', () => media.close());
  const admin = signaling?.admin ?? { host, port };
  const connection = await at('signaling', () => connect({ ...admin, secret }, signaling !== undefined, log));
  opened.add('signaling connection', () => connection.close());
  const inlets = openInlets(settings, opened);
  return { ...connection, signaling, media, inlets, hear: (receive) => (heard = receive) };
}

type Parts = Engines & {
  readonly settings: Settings;
  readonly registrar: ReturnType<typeof createRegistrar>;
  readonly product: Switch;
  readonly stores: Stores;
  readonly draining: () => boolean;
  readonly token: string;
};

async function serveHttp(parts: Parts, opened: Opened, log: Logger): Promise<HttpServer> {
  const { settings, registrar, product, stores, media, connected, signaling } = parts;
  const { directory, coldRoutes, routing, records: kept } = stores;
  const metrics = new Metrics({
    directory,
    bindings: registrar.bindings,
    product,
    bannedSources: () => registrar.guard.banned().length,
    signalingConnected: connected,
    mediaAlive: () => media.alive,
    unwritten: kept.waiting,
    unwrittenLost: kept.lost,
    ...(signaling === undefined ? {} : { invitesShed: async () => (await signaling.stats()).invitesShed }),
    registersRefused: async () =>
      registrar.overload.refused + ((await signaling?.stats())?.registersShed ?? 0),
    storeWritable: () => stores.health.state.ok,
  });
  opened.add('metrics', () => metrics.close());
  const health = (): Health => ({
    ready: connected() && media.alive && !parts.draining(),
    signaling: connected() ? 'connected' : 'disconnected',
    media: media.alive ? 'alive' : 'unreachable',
    draining: parts.draining(),
    store: stores.health.state.ok ? 'writable' : 'failing',
  });
  const http = await at(`http.listen ${settings.http.listen}`, () =>
    startHttp({
      ...splitHostPort(settings.http.listen),
      domain: settings.domain,
      adminToken: parts.token,
      supervisorToken: settings.http.supervisorToken,
      health,
      metrics,
      product,
      directory,
      bindings: registrar.bindings,
      coldRoutes,
      routing,
      records: kept.records,
      spikes: watchSpikes({ product, records: kept.records, domain: settings.domain }, opened, log),
      backup: backups(stores.file, random),
      audit: kept.audit,
      keepAudit: kept.keepAudit,
      limits: settings.http,
      clock,
      random,
      logger: log.child({ part: 'http' }),
    }),
  );
  opened.add('http', () => http.close());
  return http;
}

const endpointText = (address: string, port: number) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** Starts everything; resolves once calls can be taken, and rejects with what is in the way and where. */
export async function run(config: Config): Promise<Running> {
  const folder = openDataFolder(config.data);
  const demo = config.users.length > 0 ? undefined : demoUsers(folder, random);
  const { users: _users, groups: _groups, trunks: _trunks, ...settings } = config;
  const log = createLogger(settings.log);
  const token = settings.http.adminToken ?? adminToken(folder, random).token;
  const opened = new Opened();
  await preflight({ settings, folder: folder.path }, opened);
  const stores = await openStores(config, seedOf(config, demo?.users), opened, log);
  const { directory, coldRoutes, routing } = stores;
  const registrar = createRegistrar(settings, directory, log.child({ part: 'registrar' }));
  await keepBindings({ folder: folder.path, settings }, registrar, opened, log);
  const engines = await startEngines(settings, opened, log);
  const { signaling, srf, media, inlets } = engines;
  opened.add('registrar', serveRegistrar(srf, settings, registrar));
  const asking = startAsking({ settings, folder: folder.path }, stores, opened, log);
  const product = createSwitch({
    ...asking,
    srf,
    media,
    inlets,
    mailboxes: { store: stores.mailboxes, folder: join(folder.path, 'mailboxes') },
    directory,
    bindings: registrar.bindings,
    coldRoutes,
    routing,
    authenticator: registrar.authenticator,
    settings: switchSettings(settings),
    resolveName: resolveNames(systemNames()),
    clock,
    random,
    log: log.child({ part: 'switch' }),
  });
  opened.add('trunks', () => product.close());
  await keepRecords({ folder: folder.path, product, media, kept: stores.records, directory }, opened, log);
  engines.hear((datagram) => product.dtmfLog(datagram));
  let draining = false;
  const http = await serveHttp(
    { ...engines, settings, registrar, product, stores, token, draining: () => draining },
    opened,
    log,
  );
  const listeners = signaling?.listeners ?? engines.listeners();
  if (demo !== undefined) process.stdout.write(phoneSettings(demo.users, listeners, demo.file));
  const shown = listeners.map(({ protocol, ...at }) => `${protocol}:${endpointText(at.address, at.port)}`);
  log.info({ domain: settings.domain, signaling: shown, http: endpointText(http.host, http.port) }, 'ready');
  return {
    drain: async () => {
      draining = true;
      log.info({ seconds: settings.shutdown.drainSeconds }, 'draining');
      // Carriers send no more calls here.
      await Promise.all([product.close(), product.drain(settings.shutdown.drainSeconds)]);
      if (signaling !== undefined) await flushed(signaling);
    },
    stop: async () => {
      await opened.close(log);
      log.info({}, 'stopped');
    },
  };
}
