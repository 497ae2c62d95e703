import type { SipRequest, SipResponse } from '../message/types.ts';
import type { Destination, Flow, MessageEvent, SendResult } from '../transport/types.ts';

/** Milliseconds (RFC 3261 §17.1.1.1 and Table 4; RFC 6026 for L and M). Frozen and handed in; never a module variable. */
export type TimerValues = {
  readonly t1: number;
  readonly t2: number;
  readonly t4: number;
  /** Timer C of a proxy's INVITE (RFC 3261 §16.6 step 11). */
  readonly c: number;
  /** Timer D over unreliable transports. */
  readonly d: number;
};

export type ServerTransaction = {
  /** Unique for the life of the engine. */
  readonly id: string;
  readonly request: SipRequest;
  readonly flow: Flow;
  /** False once a final response was sent (INVITE 2xx stays Accepted for 64*T1, RFC 6026) or the transaction ended. */
  readonly open: boolean;
  /** Sends a response; `false` when the transaction has already sent a final one. 2xx to INVITE may be repeated. */
  respond(response: SipResponse, done?: (result: SendResult) => void): boolean;
};

export type ClientHandlers = {
  /** Every provisional and final response, retransmissions of a 2xx included (RFC 6026 Accepted), 100 included. */
  onResponse(response: SipResponse, event: MessageEvent | undefined): void;
  /** No final response in time (timer B or F) or the request could not be sent: become 408 and 503 above. */
  onFailure(failure: 'timeout' | 'transport', detail: string): void;
  onEnd?(): void;
};

export type ClientTransaction = {
  readonly id: string;
  readonly request: SipRequest;
  /** The flow in use once known. */
  readonly flow: Flow | undefined;
  readonly state: string;
  /** INVITE only: CANCEL as soon as a provisional response allows it (RFC 3261 §9.1); extra headers such as Reason. */
  cancel(headers?: readonly { readonly name: string; readonly value: string }[]): void;
  /** Forgets the transaction at once, timers included. */
  terminate(): void;
};

export type TransactionUser = {
  /** A new request (never a retransmission, never ACK to a non-2xx). CANCEL arrives through `onCancel`. */
  onRequest(transaction: ServerTransaction, event: MessageEvent): void;
  /** ACK that belongs to no transaction: the ACK to a 2xx (RFC 3261 §13.3.1.4). */
  onAck(ack: SipRequest, event: MessageEvent): void;
  /** A CANCEL and the INVITE transaction it matches; undefined: nothing matched. The user answers both. */
  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined, event: MessageEvent): void;
  /** A response that matches no client transaction, such as a surplus 2xx after its transaction ended. */
  onStrayResponse(response: SipResponse, event: MessageEvent): void;
};

/** The transaction layer (RFC 3261 §17, RFC 6026, RFC 4320) over one transport layer. */
export interface TransactionLayer {
  /** Writes the top Via (with a new branch), sends, and runs the client transaction. */
  request(
    request: SipRequest,
    destinations: readonly Destination[],
    handlers: ClientHandlers,
  ): ClientTransaction;
  /** Sends an ACK to a 2xx outside any transaction. */
  sendAck(ack: SipRequest, destinations: readonly Destination[], done: (result: SendResult) => void): void;
  setUser(user: TransactionUser): void;
  close(): void;
  describe(): object;
}
