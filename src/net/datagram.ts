import { createSocket, type RemoteInfo } from 'node:dgram';

/** `packet` may be changed and sent on, and is the listener's until it returns; so is `from`. */
export type DatagramListener = (packet: Buffer, from: RemoteInfo) => void;

/** A bound UDP socket. What it receives goes to `onMessage`, which may be replaced at any time. */
export interface DatagramSocket {
  /** The address it is bound to. */
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
  onMessage: DatagramListener;
  /** Told of errors of the socket after the bind; most are ICMP answers to earlier sends. */
  onError: (error: Error) => void;
  /**
   * Sends one datagram. `address` is a numeric IP address of the socket's family. The bytes are taken at once, but for
   * those of a packet that a listener was given: these must stay as they are.
   */
  send(packet: Uint8Array, port: number, address: string): void;
  /** Closes the socket; done when it has gone. A second call does nothing more. */
  close(): Promise<void>;
}

export type DatagramOptions = {
  /** A numeric IPv4 or IPv6 address. */
  readonly address: string;
  /** 0 asks the operating system for a free port. */
  readonly port: number;
  /** SO_RCVBUF in octets; the system's default where it is left out. */
  readonly receiveBuffer?: number;
};

/** What carries datagrams between the system and this thread. */
export interface DatagramIo {
  readonly kind: 'node:dgram' | 'io_uring';
  /** Binds at once; throws an error with the system's code (EADDRINUSE, EADDRNOTAVAIL, EACCES) where it cannot. */
  bind(options: DatagramOptions): DatagramSocket;
  /** Closes the sockets that are still open where they are its own, and what it holds itself. */
  close(): Promise<void>;
}

const nothing = () => undefined;

/** Names are never resolved here, so that Node neither queues a tick nor asks a resolver for each datagram. */
const lookup = (
  host: string,
  _options: unknown,
  done: (error: Error | null, address: string, family: number) => void,
) => done(null, host, host.includes(':') ? 6 : 4);

/** Binds at once; throws Node's error (EADDRINUSE, EADDRNOTAVAIL, EACCES) where it cannot. */
export function bindDatagram(options: DatagramOptions): DatagramSocket {
  const socket = createSocket({
    type: options.address.includes(':') ? 'udp6' : 'udp4',
    lookup,
  });
  let failure: Error | undefined;
  let closed: Promise<void> | undefined;
  const onBindError = (error: Error) => (failure = error);
  socket.once('error', onBindError);
  socket.bind({ address: options.address, port: options.port, exclusive: true });
  if (failure !== undefined) {
    socket.close();
    throw failure;
  }
  socket.off('error', onBindError);
  if (options.receiveBuffer !== undefined) socket.setRecvBufferSize(options.receiveBuffer);
  const bound = socket.address();
  const self: DatagramSocket = {
    address: bound.address,
    port: bound.port,
    family: bound.family === 'IPv6' ? 'IPv6' : 'IPv4',
    onMessage: nothing,
    onError: nothing,
    send: (packet, port, address) => {
      if (closed === undefined) socket.send(packet, port, address);
    },
    close: () =>
      (closed ??= new Promise((resolve) => {
        socket.close(() => resolve());
      })),
  };
  socket.on('message', (packet, from) => self.onMessage(packet, from));
  socket.on('error', (error) => self.onError(error));
  return self;
}

/** Datagrams by `node:dgram`: everywhere, and one system call or more for each. */
export const nodeDatagrams: DatagramIo = {
  kind: 'node:dgram',
  bind: bindDatagram,
  close: () => Promise.resolve(),
};
