import type { Clock, Logger, Random } from '../../base/index.ts';
import type { Resolver, TlsOptions } from '../../net/index.ts';
import type { Flow, Protocol } from './types.ts';

/** One endpoint to listen on. A wildcard address (0.0.0.0, ::) stands for every address of that family. */
export type ListenSpec = {
  readonly protocol: Protocol;
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
  /** What peers are told instead of `address` and `port`; the port is the bound one where it is left out. */
  readonly external?: { readonly address: string; readonly port?: number };
};

/** What strangers may make this layer hold or do. */
export type TransportLimits = {
  /** Bytes of one message, of its start line and header fields, and how many header fields. */
  readonly messageBytes: number;
  readonly headerBytes: number;
  readonly headerFields: number;
  readonly connections: number;
  readonly connectionsPerSource: number;
  /** Milliseconds for a connection to come up. */
  readonly handshakeMs: number;
  /** Milliseconds that an accepted connection may take to send its first whole message. */
  readonly firstMessageMs: number;
  /** Milliseconds without traffic after which a connection is ended; longer than a registration lasts. */
  readonly idleMs: number;
  /** Milliseconds of silence after which a WebSocket is pinged; a second silence ends it. */
  readonly pingMs: number;
  /** Bytes that may wait for a peer that does not read, or for a connection that is not up yet. */
  readonly writeBufferBytes: number;
  /** Receive buffer asked for on each UDP socket, in bytes. */
  readonly udpReceiveBuffer: number;
  /** UDP peers whose flows are kept; the others are made anew. */
  readonly udpFlows: number;
  /** Unacceptable messages that one source may send in `garbageWindowMs` before it is no longer answered. */
  readonly garbage: number;
  readonly garbageWindowMs: number;
};

export const defaultTransportLimits: TransportLimits = Object.freeze({
  messageBytes: 65_535,
  headerBytes: 32_768,
  headerFields: 200,
  connections: 20_000,
  connectionsPerSource: 1_000,
  handshakeMs: 5_000,
  firstMessageMs: 32_000,
  idleMs: 2 * 3_600_000,
  pingMs: 30_000,
  writeBufferBytes: 4 * 1024 * 1024,
  udpReceiveBuffer: 8 * 1024 * 1024,
  udpFlows: 65_536,
  garbage: 20,
  garbageWindowMs: 10_000,
});

export type TransportOptions = {
  readonly listen: readonly ListenSpec[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly resolver: Resolver;
  /** Certificate and key of tls and wss endpoints, and the authorities that dialled peers are checked against. */
  readonly tls?: TlsOptions;
  readonly limits?: Partial<TransportLimits>;
  /** Requests over 1,300 bytes go to TCP first when there is a TCP endpoint (RFC 3261 §18.1.1); default true. */
  readonly largeRequestsToTcp?: boolean;
  /** Asked before a message is parsed; false drops it unanswered. For lists of banned sources. */
  readonly admit?: (flow: Flow) => boolean;
};

/** What was counted since the start. */
export type TransportCounters = {
  requestsIn: number;
  responsesIn: number;
  requestsOut: number;
  responsesOut: number;
  bytesIn: number;
  bytesOut: number;
  keepAlives: number;
  /** Bytes that were no acceptable message; of those, the ones that got an answer. */
  unparseable: number;
  unparseableAnswered: number;
  /** Dropped because `admit` said no, or because the source had sent too much garbage. */
  dropped: number;
  sendFailures: number;
  socketErrors: number;
  connectionsAccepted: number;
  connectionsDialled: number;
  movedToTcp: number;
};

export const newCounters = (): TransportCounters => ({
  requestsIn: 0,
  responsesIn: 0,
  requestsOut: 0,
  responsesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  keepAlives: 0,
  unparseable: 0,
  unparseableAnswered: 0,
  dropped: 0,
  sendFailures: 0,
  socketErrors: 0,
  connectionsAccepted: 0,
  connectionsDialled: 0,
  movedToTcp: 0,
});
