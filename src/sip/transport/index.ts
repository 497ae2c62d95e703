export {
  defaultTransportLimits,
  type ListenSpec,
  type TransportCounters,
  type TransportLimits,
  type TransportOptions,
} from './options.ts';
export { Recent } from './recent.ts';
export { createTransport } from './transport.ts';
export type {
  Address,
  Destination,
  Flow,
  Listener,
  MessageEvent,
  Protocol,
  SendFailure,
  SendResult,
  TransportLayer,
} from './types.ts';
export { sentBy } from './via.ts';
