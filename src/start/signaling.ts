import { readFileSync } from 'node:fs';
import Srf from 'drachtio-srf';
import { systemClock, type Logger } from '../base/index.ts';
import { mainAddress } from '../cli/index.ts';
import { splitListen } from '../config/index.ts';
import { startSignalingEngine, type ListeningAddress, type SignalingEngine } from '../drachtio/index.ts';
import type { SipRequest, SipResponse } from '../switch/registrar/index.ts';
import type { Settings } from './settings.ts';

/** A drachtio-srf connection, with what its declarations leave out. */
export type Connection = Srf & {
  use(method: string, handler: (request: SipRequest, response: SipResponse) => void): void;
  request(
    uri: string,
    options: object,
    sent: (error: unknown, request?: { on(event: 'response', f: (r: Answer) => void): void }) => void,
  ): void;
  on(
    event: 'close' | 'reconnecting' | 'error' | 'connect',
    listener: (error?: unknown, hostports?: unknown) => void,
  ): void;
};
type Answer = { readonly status: number; readonly source_address: string };

/** Where the embedded engine listens when nothing is said: where phones are, and on this machine itself. */
function listenOf(settings: Settings): readonly string[] {
  if (settings.signaling.listen !== undefined) return settings.signaling.listen;
  const hosts = new Set([mainAddress(), '127.0.0.1']);
  return [...hosts].flatMap((host) => [`udp:${host}:5060`, `tcp:${host}:5060`, `ws:${host}:5066`]);
}

/** Starts the embedded engine. Rejects with what is in the way of a listener. */
export function startSignaling(settings: Settings, secret: string, log: Logger): Promise<SignalingEngine> {
  const { external, tls, limits, sessionTimers, timers } = settings.signaling;
  const pem = (file: string) => readFileSync(file, 'utf8');
  return startSignalingEngine({
    listen: listenOf(settings).map((text) => {
      const { protocol, host: address, port } = splitListen(text);
      return { protocol, address, port, ...(external === undefined ? {} : { external }) };
    }),
    admin: { host: '127.0.0.1', port: 0, secret },
    ...(tls === undefined
      ? {}
      : {
          tls: {
            key: pem(tls.key),
            cert: pem(tls.cert),
            ...(tls.ca === undefined ? {} : { ca: pem(tls.ca) }),
          },
        }),
    sessionTimers,
    timers,
    limits: {
      maxMessageBytes: limits.messageBytes,
      maxHeaders: limits.headers,
      maxConnections: limits.connections,
      maxConnectionsPerSource: limits.connectionsPerSource,
      idleConnectionMs: limits.idleSeconds * 1000,
    },
    logger: log.child({ part: 'signaling' }),
    onExit: (reason) => {
      log.error({ error: reason.message }, 'the signaling engine has died');
      process.exit(1);
    },
  });
}

/** A connection to the signaling engine, which comes back by itself when it is lost. */
export type Connected = {
  readonly srf: Connection;
  readonly connected: () => boolean;
  /** Where the engine said that it listens. */
  readonly listeners: () => readonly ListeningAddress[];
  readonly close: () => void;
};

/** How long a start waits for an engine of its own accord; it goes on trying after that, and says so. */
const patienceMs = 1000;

/** Connects drachtio-srf. Rejects when the engine refuses the secret, and when `insist` and it is not there. */
export async function connect(
  address: { readonly host: string; readonly port: number; readonly secret: string },
  insist: boolean,
  log: Logger,
): Promise<Connected> {
  const srf = new Srf() as Connection;
  const engine = `${address.host}:${address.port}`;
  let state: 'new' | 'connected' | 'lost' | 'closed' = 'new';
  let hostports = '';
  const first = new Promise<void>((done, failed) => {
    srf.on('connect', (error, where) => {
      if (error instanceof Error) {
        srf.disconnect();
        return failed(new Error(`${engine}: ${error.message}`));
      }
      state = 'connected';
      hostports = where ?? '';
      log.info({ engine }, 'connected to the signaling engine');
      return done();
    });
  });
  const lost = (error?: unknown) => {
    const why = error instanceof Error ? error.message : 'closed';
    if (state === 'closed' || state === 'lost') return;
    state = 'lost';
    log.error({ engine, error: why }, 'no connection to the signaling engine; trying again');
  };
  srf.on('error', lost);
  srf.on('close', () => lost());
  void srf.connect(address);
  const patience = new Promise<void>((done) => systemClock.after(patienceMs, done));
  await (insist ? first : Promise.race([first, patience]));
  // Refused later on: the secret was changed over there. There is no way on without it, only the log line.
  first.catch((error: Error) =>
    log.error({ error: error.message }, 'the signaling engine refuses the secret'),
  );
  return {
    srf,
    connected: () => state === 'connected',
    listeners: () => listenersOf(hostports),
    close: () => {
      state = 'closed';
      srf.disconnect();
    },
  };
}

/** `udp/127.0.0.1:5060,tcp/127.0.0.1:5060`, as drachtio says it. */
function listenersOf(hostports: string): readonly ListeningAddress[] {
  return hostports.split(',').flatMap((text) => {
    const [, protocol, host, port] = /^(udp|tcp|tls|ws|wss)\/(.*):(\d+)$/.exec(text.trim()) ?? [];
    if (protocol === undefined || host === undefined) return [];
    const address = host.replace(/^\[|\]$/g, '');
    return [{ protocol: protocol as ListeningAddress['protocol'], address, port: Number(port) }];
  });
}

/** Waits until the last BYE was answered, for two seconds at most. */
export async function flushed(engine: SignalingEngine): Promise<void> {
  for (let tries = 0; tries < 40; tries++) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    if ((await engine.stats()).dialogs === 0) return;
    // oxlint-disable-next-line no-await-in-loop -- likewise
    await new Promise<void>((done) => systemClock.after(50, done));
  }
}
