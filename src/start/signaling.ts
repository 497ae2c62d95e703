import { readFileSync } from 'node:fs';
import Srf from 'drachtio-srf';
import { systemClock, type Logger } from '../base/index.ts';
import { mainAddress } from '../cli/index.ts';
import { splitListen } from '../config/index.ts';
import { startSignalingEngine, type SignalingEngine } from '../drachtio/index.ts';
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
  on(event: 'close' | 'reconnecting' | 'error' | 'connect', listener: (error?: unknown) => void): void;
};
export type Answer = { readonly status: number; readonly source_address: string };

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

/** Connects drachtio-srf, which comes back by itself when the connection is lost; `connected` says how it is now. */
export async function connect(
  address: { readonly host: string; readonly port: number; readonly secret: string },
  wait: boolean,
  log: Logger,
): Promise<{ readonly srf: Connection; readonly connected: () => boolean }> {
  const srf = new Srf() as Connection;
  let connected = false;
  const first = new Promise<void>((done, failed) => {
    srf.on('connect', (error) => {
      if (error instanceof Error) return failed(error);
      connected = true;
      log.info({ engine: `${address.host}:${address.port}` }, 'connected to the signaling engine');
      return done();
    });
  });
  const lost = (error?: unknown) => {
    const why = error instanceof Error ? error.message : 'closed';
    if (connected) log.error({ error: why }, 'the connection to the signaling engine is lost');
    connected = false;
  };
  srf.on('error', lost);
  srf.on('close', () => lost());
  void srf.connect(address);
  if (wait) await first;
  else first.catch((error: Error) => log.error({ error: error.message }, 'the signaling engine refuses us'));
  return { srf, connected: () => connected };
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
