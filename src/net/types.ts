/** An IP address in text form (IPv6 without brackets, IPv4-mapped ones as IPv4) and a port. */
export type SocketAddress = { readonly address: string; readonly port: number };

export type StreamProtocol = 'tcp' | 'tls' | 'ws' | 'wss';

/**
 * Why a connection ended: by the peer, by us, by a limit (`idle`, `slow-reader`, `too-large`), because it never came
 * up (`refused`, `timeout`), or by an error of the socket.
 */
export type CloseReason =
  'peer' | 'local' | 'idle' | 'slow-reader' | 'too-large' | 'refused' | 'timeout' | 'error';

export type ConnectionHandlers = {
  /** Once, when a dialled connection can carry data; accepted ones are open when they are handed over. */
  onOpen?(): void;
  /** Bytes as they come (tcp, tls), or one whole message (ws, wss). */
  onData(data: Buffer): void;
  /** Exactly once, also for a connection that never opened. */
  onClosed(reason: CloseReason, detail: string): void;
};

/** One connection, accepted or dialled, whatever it is made of. */
export interface Connection {
  readonly protocol: StreamProtocol;
  /** For a dialled connection: 0.0.0.0:0 until it is open. */
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly isOpen: boolean;
  /**
   * Queues data; on ws and wss, one message. False: the connection is not open, or the peer reads too slowly and the
   * connection was ended.
   */
  write(data: Buffer | string): boolean;
  /** From now on, ends the connection when nothing was sent or received for `ms` milliseconds; 0: never. */
  setIdle(ms: number): void;
  /** Ends the connection once what was written is sent. */
  close(): void;
  /** Ends the connection at once. */
  destroy(reason: CloseReason, detail?: string): void;
}

/** Limits of every connection; those that name a source count accepted connections by their IP address. */
export type ConnectionLimits = {
  readonly connections: number;
  readonly connectionsPerSource: number;
  /** Milliseconds for a TCP or TLS connection to come up, or for a WebSocket to be asked for. */
  readonly handshakeMs: number;
  /** Milliseconds without a byte in either direction; 0: never. `Connection.setIdle` changes it for one. */
  readonly idleMs: number;
  /** Bytes that may wait for a slow reader. */
  readonly writeBufferBytes: number;
  /** Bytes of one WebSocket message. */
  readonly messageBytes: number;
  /** Milliseconds of silence after which a WebSocket is pinged; a second silence ends it. 0: never. */
  readonly pingMs: number;
};

export const defaultConnectionLimits: ConnectionLimits = Object.freeze({
  connections: 20_000,
  connectionsPerSource: 1_000,
  handshakeMs: 10_000,
  idleMs: 0,
  writeBufferBytes: 4 * 1024 * 1024,
  messageBytes: 65_535,
  pingMs: 30_000,
});

/** PEM texts. `ca` adds authorities to trust; `verifyPeer` asks a peer for a certificate that holds (dialled: default true). */
export type TlsOptions = {
  readonly key?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly ca?: string | Buffer;
  readonly verifyPeer?: boolean;
};
