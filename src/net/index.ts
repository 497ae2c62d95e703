export {
  addressBytes,
  addressFamily,
  hostPort,
  isLoopback,
  isWildcard,
  localAddresses,
  plainAddress,
  type LocalAddress,
} from './address.ts';
export { listenForConnections, type ConnectionServer, type ListenOptions } from './listen.ts';
export { systemResolver, type NamingRecord, type Resolver, type ServiceRecord } from './resolver.ts';
export { dialStream, type DialOptions } from './stream.ts';
export {
  defaultConnectionLimits,
  type CloseReason,
  type Connection,
  type ConnectionHandlers,
  type ConnectionLimits,
  type SocketAddress,
  type StreamProtocol,
  type TlsOptions,
} from './types.ts';
export { bindUdp, type UdpEndpoint, type UdpHandlers, type UdpOptions } from './udp.ts';
export {
  bindDatagram,
  nodeDatagrams,
  type DatagramIo,
  type DatagramListener,
  type DatagramOptions,
  type DatagramSocket,
} from './datagram.ts';
export { openDatagrams, type DatagramChoice, type OpenedDatagrams } from './ring/open.ts';
