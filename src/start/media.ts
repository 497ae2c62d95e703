import { createSocket } from 'node:dgram';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock, systemRandom as random, type Logger } from '../base/index.ts';
import { mainAddress } from '../cli/index.ts';
import { splitHostPort, splitListen } from '../config/index.ts';
import { RtpInlets, Spool, startMediaEngine } from '../media/index.ts';
import type { MediaEngine, MediaNode } from '../switch/index.ts';
import { RecordedMedia } from '../switch/records/index.ts';
import type { Opened } from './closing.ts';
import { at } from './failure.ts';
import type { Settings } from './settings.ts';

/** An address that this machine's phones can send to: the one they register at. */
function mediaAddressOf(settings: Settings): string {
  if (settings.media.address !== undefined) return settings.media.address;
  const hosts = (settings.signaling.listen ?? []).map((text) => splitListen(text).host);
  const usable = hosts.filter((host) => host !== '0.0.0.0' && host !== '::');
  const outside = usable.find((host) => !/^(127\.|::1$|localhost$)/.test(host));
  return outside ?? (usable.length === hosts.length ? usable[0] : undefined) ?? mainAddress();
}

/** A UDP socket, such as the one for the media engine's DTMF log. */
export function openSocket(endpoint: string, receive: (datagram: Uint8Array) => void) {
  const { host, port } = splitHostPort(endpoint);
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  socket.on('message', receive);
  return new Promise<{ readonly address: string; readonly port: number; close(): void }>((done, failed) => {
    socket.once('error', failed);
    socket.bind(port, host, () =>
      done({ address: host, port: socket.address().port, close: () => socket.close() }),
    );
  });
}

/** The relay binds a port when a call needs one; an address that is not this machine's is told at the start instead. */
async function refuseForeign(address: string): Promise<void> {
  const probe = await openSocket(address.includes(':') ? `[${address}]:0` : `${address}:0`, () => undefined);
  probe.close();
}

const nodeOf = (node: NonNullable<Settings['media']['nodes']>[number]): MediaNode => {
  const { address, ...more } = typeof node === 'string' ? { address: node } : node;
  return { ...splitHostPort(address), ...more };
};

/** The nodes that the switch sends ng commands to, after the embedded one was started where it is wanted. */
export async function startMedia(
  settings: Settings,
  dtmfLog: { readonly address: string; readonly port: number },
  log: Logger,
): Promise<{ readonly nodes: readonly MediaNode[]; close(): Promise<void> }> {
  const { media } = settings;
  if (media.engine === 'rtpengine')
    return { nodes: (media.nodes ?? []).map(nodeOf), close: async () => undefined };
  const address = mediaAddressOf(settings);
  // Unless it is said, it is one of the SIP listeners' addresses.
  await at(media.address === undefined ? 'signaling.listen' : 'media.address', () => refuseForeign(address));
  const recordings = recordingsOf(settings);
  const family = address.includes(':') ? 'IP6' : 'IP4';
  const engine = await startMediaEngine(
    {
      listen: { address: '127.0.0.1', port: 0 },
      addresses: { [family]: address },
      ...(media.external === undefined ? {} : { advertise: { [family]: media.external } }),
      ports: media.ports,
      dtmfLog: { address: dtmfLog.address, port: dtmfLog.port },
      threads: media.threads === 0 ? Math.max(1, availableParallelism() - 1) : media.threads,
      io: media.io,
      recordingDirectory: recordings,
    },
    log.child({ part: 'media' }),
  );
  return { nodes: [{ host: engine.address, port: engine.port }], close: () => engine.close() };
}

/** Where the media engine sends the sound of legs that end in the switch: for an rtpengine, where its DTMF log goes. */
export function openInlets(settings: Settings, opened: Opened): RtpInlets {
  const { engine, dtmfLog } = settings.media;
  const reached = splitHostPort(dtmfLog ?? '127.0.0.1:0').host;
  const usable = reached === '0.0.0.0' || reached === '::' ? mainAddress() : reached;
  const inlets = new RtpInlets({ address: engine === 'embedded' ? mediaAddressOf(settings) : usable, clock });
  opened.add('inlets', () => inlets.close());
  return inlets;
}

function recordingsOf(settings: Settings): string {
  const recordings = join(settings.data, 'recordings');
  mkdirSync(recordings, { recursive: true, mode: 0o700 });
  return recordings;
}

/** Sees that recordings end as the same files whichever engine moves the media. */
export async function recording(
  engine: MediaEngine,
  settings: Settings,
  opened: Opened,
  log: Logger,
): Promise<MediaEngine> {
  const { spool: folder, engine: kind } = settings.media;
  if (kind !== 'rtpengine' || folder === undefined) return engine;
  const spool = await Spool.open({ spool: folder, recordings: recordingsOf(settings), clock, random, log });
  opened.add('recordings', () => spool.close());
  return new RecordedMedia(engine, spool);
}
