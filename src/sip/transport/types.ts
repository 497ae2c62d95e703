import type { SipMessage, SipRequest, SipResponse } from '../message/types.ts';

export type Protocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

export type Address = { readonly address: string; readonly port: number };

/** Where a message came from, or over which path one goes out: a UDP peer or one connection. */
export type Flow = {
  /** Unique for the life of the engine; a UDP flow's id names local and remote address. */
  readonly id: string;
  readonly protocol: Protocol;
  readonly local: Address;
  readonly remote: Address;
  /** tcp, tls, ws, wss. */
  readonly reliable: boolean;
};

/** One listening endpoint. */
export type Listener = {
  readonly protocol: Protocol;
  readonly local: Address;
  /** What is written in Via and Contact where it differs from `local`. */
  readonly external?: Address;
};

export type MessageEvent = { readonly message: SipMessage; readonly flow: Flow; readonly bytes: number };

export type SendFailure = 'no-transport' | 'unresolved' | 'refused' | 'closed' | 'timeout' | 'too-large';

export type SendResult =
  | {
      readonly ok: true;
      readonly flow: Flow;
      readonly bytes: number;
      /** The message as it was sent, for who passes it on: it need not be printed again. */
      readonly wire?: Buffer | undefined;
    }
  | { readonly ok: false; readonly failure: SendFailure; readonly detail: string };

/** A place to send a request to: a known flow, or an address that was resolved (RFC 3263). */
export type Destination =
  | { readonly kind: 'flow'; readonly flow: Flow }
  | {
      readonly kind: 'address';
      readonly protocol: Protocol;
      readonly remote: Address;
      readonly serverName?: string;
    };

/**
 * The transport layer (RFC 3261 §18). Requests received have `received` and `rport` filled into the top Via
 * (RFC 3581) before they are handed up; keep-alives (CRLF, STUN) are answered here and never handed up.
 */
export interface TransportLayer {
  readonly listeners: readonly Listener[];
  onMessage(handler: (event: MessageEvent) => void): void;
  /** A connection ended; a binding or dialog over it has lost its path. */
  onClosed(handler: (flow: Flow) => void): void;
  /**
   * Resolves a URI to the destinations to try, in order (RFC 3263: NAPTR, SRV, A/AAAA; numeric hosts need no look-up
   * and resolve synchronously through `destinationsNow`).
   */
  resolve(uri: string): Promise<readonly Destination[]>;
  destinationsNow(uri: string): readonly Destination[] | undefined;
  /** The listener a request to this destination leaves from; undefined: no such transport. */
  listenerFor(destination: Destination): Listener | undefined;
  /**
   * Sends a request whose top Via the caller has written with `viaFor`. `done` is called exactly once, possibly
   * before `send` returns; over UDP it tells that the datagram was handed to the system.
   */
  sendRequest(request: SipRequest, destination: Destination, done: (result: SendResult) => void): void;
  /** The top Via value for a request from that listener, rport included: `SIP/2.0/UDP host:port;rport;branch=…`. */
  viaFor(listener: Listener, branch: string): string;
  /**
   * Sends a response by its top Via: over the flow the request came on while that is open, else as RFC 3261 §18.2.2
   * and RFC 3263 §5 say.
   */
  sendResponse(response: SipResponse, flow: Flow, done: (result: SendResult) => void): void;
  /**
   * Tells how long a datagram waits before it is read here, in milliseconds: one is sent to each UDP socket from itself,
   * through all that waits there. One that is still on its way when the next is asked for counts with its age.
   */
  probe?(told: (ms: number) => void): void;
  isOpen(flow: Flow): boolean;
  /** The connection that is up to that address, whoever opened it; never for UDP. */
  openFlow(protocol: Protocol, remote: Address): Flow | undefined;
  close(): Promise<void>;
  describe(): object;
}
