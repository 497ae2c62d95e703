import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions as NodeTlsOptions } from 'node:tls';
import { WebSocketServer } from 'ws';
import { Admission } from './admission.ts';
import { hostPort } from './address.ts';
import { remoteOf, StreamConnection } from './stream.ts';
import type {
  Connection,
  ConnectionHandlers,
  ConnectionLimits,
  SocketAddress,
  StreamProtocol,
  TlsOptions,
} from './types.ts';
import { WebSocketConnection } from './websocket.ts';

export type ListenOptions = {
  readonly protocol: StreamProtocol;
  /** Port 0: any free one. */
  readonly local: SocketAddress;
  /** Needed for tls and wss. */
  readonly tls?: TlsOptions;
  /** ws and wss: the sub-protocol that a client must offer (RFC 6455 §1.9), `sip` by RFC 7118 §4. */
  readonly subProtocol?: string;
  readonly limits: ConnectionLimits;
  /** Called for each connection that is up; what it returns gets the connection's events. */
  onConnection(connection: Connection): ConnectionHandlers;
};

/** A listening TCP, TLS, WebSocket or secure WebSocket server. */
export interface ConnectionServer {
  readonly protocol: StreamProtocol;
  readonly local: SocketAddress;
  /** Connections now, and those refused since the start for being too many. */
  readonly connections: number;
  readonly refused: number;
  /** Stops listening and ends every accepted connection. */
  close(): Promise<void>;
}

/** Binds and listens. Rejects with what was wrong and where: `tcp 127.0.0.1:5060: … EADDRINUSE …`. */
export const listenForConnections = async (options: ListenOptions): Promise<ConnectionServer> => {
  const admission = new Admission(options.limits);
  const server = serverFor(options);
  admission.watch(server);
  // Behind the admission, or a connection would be handed over before it is refused.
  if (options.protocol === 'tcp') server.on('connection', (socket: Socket) => acceptStream(options, socket));
  await bound(server, options);
  const place = server.address();
  const port = typeof place === 'object' && place !== null ? place.port : options.local.port;
  return {
    protocol: options.protocol,
    local: { address: options.local.address, port },
    get connections() {
      return admission.size;
    },
    get refused() {
      return admission.refused;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        admission.clear();
      }),
  };
};

const bound = (server: Server, { protocol, local }: ListenOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new Error(`${protocol} ${hostPort(local)}: ${cause.message}`, { cause }));
    server.once('error', failed);
    server.listen(
      { host: local.address, port: local.port, ipv6Only: isIPv6(local.address), backlog: 1024 },
      () => {
        server.removeListener('error', failed);
        // Running out of descriptors while accepting must not end the process; the connection is lost, no more.
        server.on('error', () => undefined);
        resolve();
      },
    );
  });

const serverFor = (options: ListenOptions): Server => {
  if (options.protocol === 'tcp') return createServer();
  if (options.protocol === 'tls') {
    const server = createTlsServer(secure(options), (socket) => acceptStream(options, socket));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }
  return webSocketServer(options);
};

const secure = ({ tls = {}, limits }: ListenOptions): NodeTlsOptions => ({
  ...(tls.key === undefined ? {} : { key: tls.key }),
  ...(tls.cert === undefined ? {} : { cert: tls.cert }),
  ...(tls.ca === undefined ? {} : { ca: tls.ca }),
  requestCert: tls.verifyPeer ?? false,
  rejectUnauthorized: tls.verifyPeer ?? false,
  minVersion: 'TLSv1.2',
  handshakeTimeout: limits.handshakeMs,
});

const acceptStream = (options: ListenOptions, socket: Socket): void => {
  if (socket.destroyed || socket.remoteAddress === undefined) return;
  const protocol = options.protocol === 'tls' ? 'tls' : 'tcp';
  const connection = new StreamConnection(socket, remoteOf(socket), { protocol, limits: options.limits });
  connection.opened();
  connection.attach(options.onConnection(connection));
};

const offers = (request: IncomingMessage, subProtocol: string): boolean =>
  (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .some((offer) => offer.trim().toLowerCase() === subProtocol);

const webSocketServer = (options: ListenOptions): Server => {
  const { limits, subProtocol = 'sip' } = options;
  const protocol = options.protocol === 'wss' ? 'wss' : 'ws';
  const http = protocol === 'wss' ? createHttpsServer(secure(options)) : createHttpServer();
  http.headersTimeout = limits.handshakeMs;
  http.requestTimeout = limits.handshakeMs;
  http.setTimeout(limits.handshakeMs, (socket) => socket.destroy());
  http.on('request', (_request, response) => {
    response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' }).end();
  });
  http.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.messageBytes,
    handleProtocols: () => subProtocol,
  });
  http.on('upgrade', (request, duplex, head) => {
    const socket = duplex as Socket;
    socket.on('error', () => socket.destroy());
    // The HTTP server's own would end the connection at the first ping interval.
    socket.removeAllListeners('timeout');
    if (!offers(request, subProtocol)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (socket.remoteAddress === undefined) return webSocket.terminate();
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 60_000);
      const connection = new WebSocketConnection(webSocket, { protocol, socket, limits });
      connection.attach(options.onConnection(connection));
    });
  });
  return http;
};
