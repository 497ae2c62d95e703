import type { HeaderField, SipRequest, SipResponse } from '../message/types.ts';
import type { Destination, Flow, Listener, MessageEvent, SendResult } from '../transport/types.ts';

/** Milliseconds (RFC 3261 §17.1.1.1 and Table 4; RFC 6026 for L and M). Frozen and handed in; never a module variable. */
export type TimerValues = {
  readonly t1: number;
  readonly t2: number;
  readonly t4: number;
  /** Timer C of a proxy's INVITE (RFC 3261 §16.6 step 11). */
  readonly c: number;
  /** Timer D over unreliable transports. */
  readonly d: number;
  /** How long an INVITE may go unanswered before 100 is sent (§17.2.1: at most 200); 0: at once. */
  readonly trying: number;
};

export type ServerTransaction = {
  /** Unique for the life of the engine. */
  readonly id: string;
  /** Empty once a final response was sent that needs it no more (any but a 2xx to INVITE, and that after `forget`). */
  readonly request: SipRequest;
  readonly flow: Flow;
  /** The last response that was sent. */
  readonly last: SipResponse | undefined;
  /** False once a final response was sent (INVITE 2xx stays Accepted for 64*T1, RFC 6026) or the transaction ended. */
  readonly open: boolean;
  /** Whatever the user wants to find again, when a CANCEL comes for it. */
  userData: unknown;
  /** The 2xx to an INVITE was acknowledged: only what absorbs retransmissions is kept (RFC 6026 §7.1). */
  forget(): void;
  /**
   * Sends a response; `false` when that is not allowed any more (a final one was sent) or at all (RFC 4320: to a
   * non-INVITE no 408 and nothing provisional but 100). A 2xx to an INVITE may be repeated.
   */
  respond(response: SipResponse, done?: (result: SendResult) => void): boolean;
};

export type ClientHandlers = {
  /** Every provisional and final response, retransmissions of a 2xx included (RFC 6026 Accepted), 100 included. */
  onResponse(response: SipResponse, event: MessageEvent | undefined): void;
  /** No final response in time (timer B or F) or the request could not be sent: become 408 and 503 above. */
  onFailure(failure: ClientFailure, detail: string): void;
  /** Before each further destination is tried (RFC 3263 §4.3), with the Via not yet written anew. */
  onNextDestination?(request: SipRequest, destination: Destination, listener: Listener): void;
  /** The request left, for the first time. */
  onSent?(result: SendResult & { readonly ok: true }): void;
  onEnd?(): void;
};

export type ClientFailure = 'timeout' | 'transport' | 'no-transport' | 'overloaded';

export type ClientTransaction = {
  readonly id: string;
  readonly request: SipRequest;
  /** The flow in use once known. */
  readonly flow: Flow | undefined;
  readonly state: string;
  /**
   * INVITE only: CANCEL as soon as a provisional response allows it (RFC 3261 §9.1); extra headers such as Reason.
   * `done` is told when it leaves; never when a final response comes first.
   */
  cancel(headers?: readonly HeaderField[], done?: (cancel: SipRequest, result: SendResult) => void): void;
  /** Forgets the transaction at once, timers included. */
  terminate(): void;
};

export type TransactionUser = {
  /**
   * Whether a new INVITE or REGISTER outside dialogs is one too many: then it is answered 503 with that Retry-After
   * (seconds), without a transaction, and so are its retransmissions.
   */
  refuses?(request: SipRequest): number | undefined;
  /** A new request (never a retransmission, never ACK to a non-2xx). CANCEL arrives through `onCancel`. */
  onRequest(transaction: ServerTransaction, event: MessageEvent): void;
  /** ACK that belongs to no transaction: the ACK to a 2xx (RFC 3261 §13.3.1.4). */
  onAck(ack: SipRequest, event: MessageEvent): void;
  /** A CANCEL and the INVITE transaction it matches; undefined: nothing matched. The user answers both. */
  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined, event: MessageEvent): void;
  /**
   * A response that matches no client transaction, such as a surplus 2xx after its transaction ended. A final non-2xx to
   * an INVITE that was sent from here has been acknowledged already.
   */
  onStrayResponse(response: SipResponse, event: MessageEvent): void;
  /**
   * A request that came on another path already (RFC 3261 §8.2.2.2): the same From tag, Call-ID and CSeq, no To tag,
   * another branch. Left out, it is answered 482; a proxy takes it like any other.
   */
  onMerged?(transaction: ServerTransaction, event: MessageEvent): void;
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
  /** A new branch, of the kind that this layer recognizes as its own. */
  newBranch(): string;
  /** Whether a response answers a request that was sent from here, known still or not. */
  owns(response: SipResponse): boolean;
  close(): void;
  describe(): object;
}
