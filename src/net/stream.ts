import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { plainAddress } from './address.ts';
import type {
  CloseReason,
  Connection,
  ConnectionHandlers,
  ConnectionLimits,
  SocketAddress,
  TlsOptions,
} from './types.ts';

/** How long a peer may take to close its side after we have closed ours. */
const closeGraceMs = 2_000;
const nowhere: SocketAddress = Object.freeze({ address: '0.0.0.0', port: 0 });

export const localOf = (socket: Socket): SocketAddress =>
  socket.localAddress === undefined
    ? nowhere
    : { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };

export const remoteOf = (socket: Socket): SocketAddress =>
  socket.remoteAddress === undefined
    ? nowhere
    : { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };

type Start = { readonly protocol: 'tcp' | 'tls'; readonly limits: ConnectionLimits };

/** A TCP or TLS connection. Writes of one turn of the event loop leave together. */
export class StreamConnection implements Connection {
  readonly protocol: 'tcp' | 'tls';
  readonly remote: SocketAddress;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  #local = nowhere;
  #handlers: ConnectionHandlers | undefined;
  #open = false;
  #ended = false;
  #reason: CloseReason | undefined;
  #detail = '';
  #corked = false;
  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  constructor(socket: Socket, remote: SocketAddress, { protocol, limits }: Start) {
    this.#socket = socket;
    this.remote = remote;
    this.protocol = protocol;
    this.#limits = limits;
  }

  get local(): SocketAddress {
    return this.#local;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Starts the flow of events to `handlers`. */
  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    const socket = this.#socket;
    socket.on('data', (data: Buffer) => {
      if (this.#open) handlers.onData(data);
    });
    socket.on('timeout', () => this.#timedOut());
    socket.on('error', (error) => this.#failed(error));
    socket.once('end', () => {
      this.#note('peer', 'the peer closed the connection');
      // Node answers the end with ours, so nothing more can be sent.
      this.#open = false;
    });
    socket.once('close', () => this.#closed());
  }

  /** The connection is up, handshakes included. */
  opened(): void {
    if (this.#socket.destroyed) return;
    this.#local = localOf(this.#socket);
    this.#open = true;
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, 60_000);
    this.#socket.setTimeout(this.#limits.idleMs);
    this.#handlers?.onOpen?.();
  }

  write(data: Buffer | string): boolean {
    if (!this.#open) return false;
    if (this.#socket.writableLength > this.#limits.writeBufferBytes) {
      this.destroy('slow-reader', `${this.#socket.writableLength} bytes wait`);
      return false;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#socket.write(data);
    return true;
  }

  setIdle(ms: number): void {
    this.#socket.setTimeout(ms);
  }

  close(): void {
    if (this.#reason !== undefined) return;
    if (!this.#open) return this.destroy('local');
    this.#note('local', 'closed here');
    this.#open = false;
    this.#socket.setTimeout(closeGraceMs);
    this.#socket.end();
    // What the peer still sends is read and dropped, or its end would never be seen.
    this.#socket.resume();
  }

  destroy(reason: CloseReason, detail = 'closed here'): void {
    this.#note(reason, detail);
    this.#open = false;
    this.#socket.destroy();
  }

  #timedOut(): void {
    if (this.#open) this.destroy('idle', 'nothing was sent or received');
    else this.destroy(this.#reason ?? 'timeout', 'no connection in time');
  }

  #failed(error: NodeJS.ErrnoException): void {
    const refused = !this.#open && this.#local === nowhere;
    this.#note(refused ? 'refused' : 'error', error.message);
  }

  #note(reason: CloseReason, detail: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#detail = detail;
  }

  #closed(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#open = false;
    this.#handlers?.onClosed(this.#reason ?? 'peer', this.#detail);
  }
}

export type DialOptions = {
  readonly protocol: 'tcp' | 'tls';
  readonly remote: SocketAddress;
  /** TLS: the name that the peer's certificate must carry, sent as SNI (RFC 5922 §4). */
  readonly serverName?: string;
  readonly tls?: TlsOptions;
  readonly limits: ConnectionLimits;
};

/** Dials a numeric address, or for TCP a name. Failures arrive in `onClosed`; nothing is thrown. */
export const dialStream = (options: DialOptions, handlers: ConnectionHandlers): Connection => {
  const { protocol, remote, limits } = options;
  const socket = protocol === 'tls' ? dialTls(options) : connectTcp(remote.port, remote.address);
  socket.setTimeout(limits.handshakeMs);
  const connection = new StreamConnection(socket, remote, { protocol, limits });
  connection.attach(handlers);
  socket.once(protocol === 'tls' ? 'secureConnect' : 'connect', () => connection.opened());
  return connection;
};

const dialTls = ({ remote, serverName, tls = {} }: DialOptions): Socket =>
  connectTls({
    host: remote.address,
    port: remote.port,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: tls.verifyPeer ?? true,
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.key === undefined || tls.cert === undefined ? {} : { key: tls.key, cert: tls.cert }),
  });
