import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export type StreamHandlers = {
  onData(bytes: Buffer): void;
  /** Exactly once, whoever closed. */
  onClose(): void;
};

/** One TCP or TLS byte stream. What is written within one turn of the event loop leaves in one system call. */
export interface StreamConnection {
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  /** Bytes written but not yet taken by the system. */
  readonly backlog: number;
  setHandlers(handlers: StreamHandlers): void;
  /** Writes after `end` or the peer's close are dropped. */
  write(bytes: Buffer | string): void;
  /** Closes once everything written is out. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface StreamServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Stops listening and destroys the connections. */
  close(): Promise<void>;
}

export type StreamServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Idle milliseconds before TCP keep-alive probes; 0 turns them off. */
  readonly keepAliveMs?: number;
  readonly maxConnections?: number;
};

class Connection implements StreamConnection {
  readonly remote;
  readonly local;
  readonly #socket: Socket;
  #handlers: StreamHandlers | undefined;
  #corked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    socket.on('data', (bytes: Buffer) => this.#handlers?.onData(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      const handlers = this.#handlers;
      this.#handlers = undefined;
      handlers?.onClose();
    });
  }

  get backlog(): number {
    return this.#socket.writableLength;
  }

  setHandlers(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  write(bytes: Buffer | string): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      setImmediate(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

const prepare = (socket: Socket, keepAliveMs: number) => {
  socket.setNoDelay(true);
  if (keepAliveMs > 0) socket.setKeepAlive(true, keepAliveMs);
};

/** Listens for byte streams; rejects with the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`, …). */
export const listenStream = async (
  options: StreamServerOptions,
  onConnection: (connection: StreamConnection) => void,
): Promise<StreamServer> => {
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    prepare(socket, options.keepAliveMs ?? 45_000);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(new Connection(socket));
  };
  const server: Server = options.tls ? createTlsServer({ ...options.tls }, accept) : createServer(accept);
  server.maxConnections = options.maxConnections ?? 1024;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', () => undefined);
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

/** Opens a byte stream; rejects when the peer cannot be reached within `timeoutMs`. */
export const connectStream = (options: {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}): Promise<StreamConnection> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: options.host, port: options.port });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    const timedOut = () => fail(new Error(`no connection to ${options.host}:${options.port} in time`));
    socket.setTimeout(options.timeoutMs, timedOut);
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('timeout', timedOut);
      socket.off('error', fail);
      prepare(socket, 45_000);
      resolve(new Connection(socket));
    });
  });
