import {
  addressFamily,
  defaultConnectionLimits,
  dialStream,
  hostPort,
  listenForConnections,
  type Connection,
  type ConnectionHandlers,
  type ConnectionLimits,
  type ConnectionServer,
  type SocketAddress,
  type StreamProtocol,
} from '../../net/index.ts';
import type { MessageLimits } from '../message/index.ts';
import { Link, type LinkHandlers } from './link.ts';
import type { ListenSpec, TransportCounters, TransportLimits, TransportOptions } from './options.ts';
import type { Flow, Listener } from './types.ts';

export type Dial = {
  readonly protocol: 'tcp' | 'tls';
  readonly remote: SocketAddress;
  readonly serverName?: string;
  readonly handshakeMs?: number;
};

export type ConnectionsOptions = {
  readonly transport: TransportOptions;
  readonly limits: TransportLimits;
  readonly counters: TransportCounters;
  readonly handlers: LinkHandlers;
  /** Whether a source may connect at all. */
  mayConnect(address: string): boolean;
};

const keyOf = (protocol: StreamProtocol, remote: SocketAddress, serverName = ''): string =>
  `${protocol} ${hostPort(remote)} ${serverName}`;

/** Every connection of the engine, accepted and dialled, found by flow and by where it leads. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #messageLimits: MessageLimits;
  readonly #servers: ConnectionServer[] = [];
  readonly #links = new Set<Link>();
  readonly #byFlow = new Map<string, Link>();
  readonly #byKey = new Map<string, Link>();
  #next = 1;
  #closing = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    const { messageBytes, headerBytes, headerFields } = options.limits;
    this.#messageLimits = Object.freeze({ messageBytes, headerBytes, headerFields });
  }

  get size(): number {
    return this.#byFlow.size;
  }

  get refused(): number {
    return this.#servers.reduce((sum, server) => sum + server.refused, 0);
  }

  /** Rejects when the address cannot be bound. */
  async listen(spec: ListenSpec & { readonly protocol: StreamProtocol }): Promise<Listener> {
    const { tls } = this.#options.transport;
    let listener: Listener | undefined;
    const server = await listenForConnections({
      protocol: spec.protocol,
      local: { address: spec.address, port: spec.port },
      ...(tls === undefined ? {} : { tls }),
      limits: this.#connectionLimits(this.#options.limits.idleMs),
      onConnection: (connection) => this.#accepted(connection, listener),
    });
    this.#servers.push(server);
    const { local } = server;
    const external = spec.external && { port: local.port, ...spec.external };
    listener = external ? { protocol: spec.protocol, local, external } : { protocol: spec.protocol, local };
    return listener;
  }

  /** The link of a flow, while it is open. */
  of(flow: Flow): Link | undefined {
    const link = this.#byFlow.get(flow.id);
    return link?.isOpen === true ? link : undefined;
  }

  /**
   * A link that leads there, up or on its way up: by remote address, and for TLS with a server name only one that was
   * dialled under that name (RFC 5922 §4).
   */
  find(protocol: StreamProtocol, remote: SocketAddress, serverName?: string): Link | undefined {
    const link = this.#byKey.get(keyOf(protocol, remote, serverName));
    return link !== undefined && (link.flow === undefined || link.isOpen) ? link : undefined;
  }

  dial({ protocol, remote, serverName, handshakeMs }: Dial, listener: Listener): Link {
    const link = this.#link(listener, keyOf(protocol, remote, serverName));
    this.#byKey.set(link.key, link);
    const { tls } = this.#options.transport;
    const limits = this.#connectionLimits(this.#options.limits.idleMs);
    const connection: Connection = dialStream(
      {
        protocol,
        remote,
        ...(serverName === undefined || addressFamily(serverName) !== 0 ? {} : { serverName }),
        ...(tls === undefined ? {} : { tls }),
        limits: handshakeMs === undefined ? limits : { ...limits, handshakeMs },
      },
      {
        ...this.#handlers(link),
        onOpen: () => {
          this.#options.counters.connectionsDialled++;
          this.#open(link, connection);
        },
      },
    );
    link.bind(connection);
    return link;
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const link of this.#links) link.destroy();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  #connectionLimits(idleMs: number): ConnectionLimits {
    const { connections, connectionsPerSource, handshakeMs, pingMs } = this.#options.limits;
    const { writeBufferBytes, messageBytes } = this.#options.limits;
    return {
      ...defaultConnectionLimits,
      connections,
      connectionsPerSource,
      handshakeMs,
      pingMs,
      writeBufferBytes,
      messageBytes,
      idleMs,
    };
  }

  #accepted(connection: Connection, listener: Listener | undefined): ConnectionHandlers {
    if (listener === undefined || this.#closing || !this.#options.mayConnect(connection.remote.address)) {
      connection.destroy('local');
      return { onData: () => undefined, onClosed: () => undefined };
    }
    this.#options.counters.connectionsAccepted++;
    const link = this.#link(listener, keyOf(connection.protocol, connection.remote));
    this.#byKey.set(link.key, link);
    this.#open(link, connection);
    link.mustProve(this.#options.transport.clock, this.#options.limits.firstMessageMs);
    return this.#handlers(link);
  }

  #link(listener: Listener, key: string): Link {
    const link = new Link({
      number: this.#next++,
      listener,
      key,
      messageLimits: this.#messageLimits,
      writeBufferBytes: this.#options.limits.writeBufferBytes,
      handlers: this.#options.handlers,
    });
    this.#links.add(link);
    return link;
  }

  #open(link: Link, connection: Connection): void {
    this.#byFlow.set(link.open(connection).id, link);
    link.flush();
  }

  #handlers(link: Link): ConnectionHandlers {
    return {
      onData: (data) => link.received(data),
      onClosed: (reason, detail) => {
        this.#links.delete(link);
        if (link.flow !== undefined) this.#byFlow.delete(link.flow.id);
        if (this.#byKey.get(link.key) === link) this.#byKey.delete(link.key);
        link.closed(reason, detail);
      },
    };
  }
}
