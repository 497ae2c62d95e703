import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { WebSocket } from 'ws';
import { bracketHost, StreamFramer } from '../sip/message/index.ts';
import { testCertificate } from './test-certificate.ts';

export type PhoneProtocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

export type PhoneRemote = { readonly address: string; readonly port: number };

type Receive = (bytes: Buffer, from: PhoneRemote) => void;

/** A scripted phone's network: its own sockets, so that nothing of the switch's transports stands behind both ends. */
export interface PhoneWire {
  readonly protocol: PhoneProtocol;
  /** What stands in Via and Contact: `host:port`. */
  readonly sentBy: string;
  /** Whether retransmission is the network's work. */
  readonly reliable: boolean;
  send(bytes: Buffer, to: PhoneRemote): void;
  /** Ends every connection at once, as a phone does that lost its network. */
  drop(): void;
  close(): Promise<void>;
}

const keyOf = (remote: PhoneRemote) => `${remote.address}:${remote.port}`;

const openUdp = async (address: string, receive: Receive): Promise<PhoneWire> => {
  const socket: DatagramSocket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (bytes, from) => receive(bytes, { address: from.address, port: from.port }));
  socket.bind(0, address);
  await once(socket, 'listening');
  let open = true;
  return {
    protocol: 'udp',
    sentBy: `${bracketHost(address)}:${socket.address().port}`,
    reliable: false,
    send: (bytes, to) => {
      if (open) socket.send(bytes, to.port, to.address);
    },
    drop: () => undefined,
    close: async () => {
      open = false;
      socket.close();
      await once(socket, 'close');
    },
  };
};

const readStream = (socket: Socket, receive: Receive): void => {
  const framer = new StreamFramer();
  const from = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  socket.on('data', (chunk) => {
    for (const event of framer.push(chunk)) {
      if (event.kind === 'message') receive(event.bytes, from);
      else if (event.kind === 'ping') socket.write('\r\n');
    }
  });
};

/** Whom a phone trusts: the switch's certificate of the tests, which names no address of the loopback net but its own. */
const trust = { ca: testCertificate.cert, servername: 'localhost' };

const openTcp = async (address: string, receive: Receive, secure = false): Promise<PhoneWire> => {
  const connections = new Map<string, Socket>();
  const keep = (key: string, socket: Socket) => {
    connections.set(key, socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (connections.get(key) === socket) connections.delete(key);
    });
  };
  const accept = (socket: Socket) => {
    keep(keyOf({ address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }), socket);
    readStream(socket, receive);
  };
  const server: Server = secure ? createTlsServer({ ...testCertificate }, accept) : createServer(accept);
  server.listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const connectionTo = (to: PhoneRemote): Socket => {
    const known = connections.get(keyOf(to));
    if (known !== undefined) return known;
    const remote = { host: to.address, port: to.port };
    const socket = secure ? connectTls({ ...remote, ...trust }) : connect(remote);
    keep(keyOf(to), socket);
    socket.once('connect', () => readStream(socket, receive));
    return socket;
  };
  const drop = () => {
    for (const socket of connections.values()) socket.destroy();
    connections.clear();
  };
  return {
    protocol: secure ? 'tls' : 'tcp',
    sentBy: `${bracketHost(address)}:${port}`,
    reliable: true,
    send: (bytes, to) => void connectionTo(to).write(bytes),
    drop,
    close: async () => {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
};

/** RFC 7118: one connection to the server; what stands in Via and Contact is a name that nobody can resolve. */
const openWs = (host: string, receive: Receive, secure = false): PhoneWire => {
  const connections = new Map<string, WebSocket>();
  const connectionTo = (to: PhoneRemote): WebSocket => {
    const known = connections.get(keyOf(to));
    if (known !== undefined) return known;
    const scheme = secure ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${bracketHost(to.address)}:${to.port}`, 'sip', trust);
    connections.set(keyOf(to), socket);
    socket.on('message', (data) =>
      receive(Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer), to),
    );
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (connections.get(keyOf(to)) === socket) connections.delete(keyOf(to));
    });
    return socket;
  };
  const drop = () => {
    for (const socket of connections.values()) socket.terminate();
    connections.clear();
  };
  return {
    protocol: secure ? 'wss' : 'ws',
    sentBy: host,
    reliable: true,
    send: (bytes, to) => {
      const socket = connectionTo(to);
      if (socket.readyState === WebSocket.CONNECTING)
        socket.once('open', () => socket.send(bytes.toString()));
      else if (socket.readyState === WebSocket.OPEN) socket.send(bytes.toString());
    },
    drop,
    close: async () => {
      drop();
      return Promise.resolve();
    },
  };
};

/** Opens a phone's sockets on an ephemeral port of `address`. */
export const openWire = async (
  protocol: PhoneProtocol,
  address: string,
  invalidHost: string,
  receive: Receive,
): Promise<PhoneWire> => {
  if (protocol === 'udp') return openUdp(address, receive);
  if (protocol === 'tcp' || protocol === 'tls') return openTcp(address, receive, protocol === 'tls');
  return openWs(invalidHost, receive, protocol === 'wss');
};
