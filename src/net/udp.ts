import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { hostPort } from './address.ts';
import type { SocketAddress } from './types.ts';

export type UdpHandlers = {
  /** `data` is the receiver's to keep. */
  readonly onDatagram: (data: Buffer, remote: RemoteInfo) => void;
  /** An error that the system reported outside a send, such as an ICMP message. */
  readonly onError: (error: NodeJS.ErrnoException) => void;
};

export type UdpOptions = {
  readonly local: SocketAddress;
  /** Bytes asked for; the system may give less. */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
  readonly handlers: UdpHandlers;
};

/** A bound UDP socket. */
export interface UdpEndpoint {
  readonly local: SocketAddress;
  /** Sends one datagram to a numeric address. Without `done`, errors are dropped. */
  send(data: Buffer | string, remote: SocketAddress, done?: (error: Error | null) => void): void;
  close(): Promise<void>;
}

type Found = (error: null, address: string, family: number) => void;

/** Numeric addresses need no look-up, so a send reaches the system within the call. */
const noLookup =
  (family: 4 | 6) =>
  (host: string, _options: unknown, found: Found): void =>
    found(null, host, family);

/** Binds a UDP socket. Rejects with what was wrong and where: `udp 127.0.0.1:5060: … EADDRINUSE …`. */
export const bindUdp = async (options: UdpOptions): Promise<UdpEndpoint> => {
  const isSix = isIPv6(options.local.address);
  const socket = createSocket({
    ...(isSix ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' }),
    lookup: noLookup(isSix ? 6 : 4),
    ...(options.receiveBuffer === undefined ? {} : { recvBufferSize: options.receiveBuffer }),
    ...(options.sendBuffer === undefined ? {} : { sendBufferSize: options.sendBuffer }),
  });
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new Error(`udp ${hostPort(options.local)}: ${cause.message}`, { cause }));
    socket.once('error', failed);
    socket.bind(options.local.port, options.local.address, () => {
      socket.removeListener('error', failed);
      resolve();
    });
  });
  return endpoint(socket, options.handlers);
};

const endpoint = (socket: Socket, handlers: UdpHandlers): UdpEndpoint => {
  const { address, port } = socket.address();
  let open = true;
  socket.on('message', handlers.onDatagram);
  socket.on('error', handlers.onError);
  return {
    local: { address, port },
    send(data, remote, done) {
      if (open) socket.send(data, remote.port, remote.address, done);
      else done?.(new Error('the socket is closed'));
    },
    close: () =>
      new Promise<void>((resolve) => {
        if (!open) return resolve();
        open = false;
        socket.close(resolve);
      }),
  };
};
