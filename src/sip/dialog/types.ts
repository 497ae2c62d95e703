import type { Clock, Logger, Random } from '../../base/index.ts';
import type { HeaderField, SipRequest, SipResponse } from '../message/index.ts';
import type { ServerTransaction, TimerValues, TransactionLayer } from '../transaction/types.ts';
import type { Destination, Flow, Listener, MessageEvent, TransportLayer } from '../transport/types.ts';

export type DialogState = 'early' | 'confirmed' | 'terminated';

/** Why a dialog or an INVITE ended. */
export type DialogEnd =
  | 'bye-received'
  | 'bye-sent'
  | 'rejected'
  | 'cancelled'
  | 'ack-timeout'
  | 'session-expired'
  | 'lost-race'
  | 'subscription-ended'
  | 'ended-here';

/** A dialog (RFC 3261 §12) as the user of the stack sees it. */
export interface Dialog {
  /** Call-ID, local tag and remote tag: unique (RFC 3261 §12). */
  readonly id: string;
  /** `<Call-ID>;from-tag=<From tag of the first request>`: the same for all forks of one outgoing request. */
  readonly setId: string;
  readonly role: 'uac' | 'uas';
  /** INVITE or SUBSCRIBE. */
  readonly method: string;
  readonly state: DialogState;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** The From and To values without tags, as we write them. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** The URI of the peer's Contact. */
  readonly remoteTarget: string;
  /** Our own Contact value, written into every target-refresh request and its answers. */
  readonly localContact: string;
  readonly routeSet: readonly string[];
  /** The INVITE that waits for our final answer: the first one or a re-INVITE. */
  readonly pendingInvite: IncomingRequest | undefined;
}

/** A request that came in and is ours to answer: outside or inside a dialog. ACK and CANCEL have events of their own. */
export interface IncomingRequest {
  /** Unique for the life of the engine. */
  readonly id: string;
  readonly request: SipRequest;
  /** The flow it came on, and its size in bytes. */
  readonly event: MessageEvent;
  /** The dialog it came in, or the one that our answers made (INVITE, SUBSCRIBE). */
  readonly dialog: Dialog | undefined;
  /** Whether it came in an existing dialog. */
  readonly inDialog: boolean;
  readonly transaction: ServerTransaction;
  /** The tag that our answers bear in To. */
  readonly localTag: string;
  /** `waiting` until a final answer; `cancelled`: CANCEL came, 200 and 487 were sent. */
  readonly state: 'waiting' | 'answered' | 'cancelled' | 'detached' | 'ended';
  /**
   * Takes it out of the core's hands, for a proxy: no dialog, no time limit, no 487; answers go through `transaction`.
   * A CANCEL for it is still answered 200 and reported to `onCancel`.
   */
  detach(): void;
}

/** What to answer. Via, From, To, Call-ID, CSeq, Record-Route are the core's. */
export type Reply = {
  readonly status: number;
  readonly reason?: string;
  /** Contact is added to dialog-making and reliable answers unless given here; `Require: 100rel` makes a 1xx reliable. */
  readonly headers?: Iterable<HeaderField>;
  readonly body?: Buffer;
  /** The local tag, on the first answer that bears one; ignored later. */
  readonly toTag?: string;
  /** Sees the answer before it leaves, headers complete, with the listener whose address we show. */
  readonly prepare?: (response: SipResponse, listener: Listener | undefined) => void;
};

export type ReplyError =
  /** Already answered, cancelled, or gone. */
  | 'unknown-transaction'
  /** A reliable 1xx to a peer that does not know 100rel (RFC 3262 §3). */
  | 'no-100rel'
  /** A reliable 1xx while another still waits for its first PRACK (RFC 3262 §3). */
  | 'prack-pending'
  /** The way back is closed. */
  | 'closed';

export type ReplyResult =
  | {
      readonly ok: true;
      readonly message: SipResponse;
      readonly flow: Flow;
      readonly bytes: number;
      /** The message as it was sent. */
      readonly wire?: Buffer | undefined;
      readonly dialog: Dialog | undefined;
    }
  | { readonly ok: false; readonly error: ReplyError; readonly detail: string };

/** A request to send outside dialogs. */
export type RequestSpec = {
  readonly method: string;
  readonly uri: string;
  /**
   * From (a tag is added when it has none), To, Call-ID, CSeq and Max-Forwards are taken from here when given, made
   * otherwise; Route given here is the preloaded route. Via, Content-Length are the core's.
   */
  readonly headers?: Iterable<HeaderField>;
  readonly body?: Buffer;
  /** Where to send it when not by Route or Request-URI: a SIP URI that is resolved (RFC 3263)… */
  readonly nextHop?: string;
  /** …or destinations known already, a flow among them. */
  readonly destinations?: readonly Destination[];
  /** Sees the request before it leaves, headers complete but for Via; a text given back refuses it (`refused`). */
  readonly prepare?: (request: SipRequest, listener: Listener) => string | undefined;
};

/** A request inside a dialog: From, To, Call-ID, CSeq, Route and the Request-URI are the dialog's. */
export type InDialogSpec = {
  readonly method: string;
  /** Instead of the remote target. */
  readonly uri?: string;
  /** Contact is added to INVITE, UPDATE, SUBSCRIBE, REFER and NOTIFY unless given. */
  readonly headers?: Iterable<HeaderField>;
  readonly body?: Buffer;
  readonly prepare?: (request: SipRequest, listener: Listener) => string | undefined;
};

export type RequestError =
  | 'invalid-uri'
  | 'no-transport'
  | 'unresolved'
  /** `prepare` said no; the detail is its text. */
  | 'refused'
  /** The dialog is gone. */
  | 'no-dialog'
  /** An INVITE while another is under way in this dialog (RFC 3261 §14.1). */
  | 'request-pending'
  /** ACK or PRACK without anything to acknowledge. */
  | 'nothing-to-acknowledge'
  /** Too many transactions or dialogs at once. */
  | 'overloaded'
  | 'transport';

export type SentResult =
  | {
      readonly ok: true;
      /** As it left, Via and all. */
      readonly message: SipRequest;
      readonly flow: Flow;
      readonly bytes: number;
      /** The message as it was sent. */
      readonly wire?: Buffer | undefined;
    }
  | { readonly ok: false; readonly error: RequestError; readonly detail: string };

export type ResponseEvent = {
  readonly response: SipResponse;
  /** Undefined for a 408 or 503 made here because no answer came or the request could not be sent. */
  readonly event: MessageEvent | undefined;
  readonly dialog: Dialog | undefined;
  readonly outgoing: OutgoingRequest;
};

export interface OutgoingRequest {
  readonly id: string;
  readonly method: string;
  /** As sent; undefined until the destination was found. */
  readonly request: SipRequest | undefined;
  /** The dialog it was sent in, or the newest one that its answers made. */
  readonly dialog: Dialog | undefined;
  readonly state: 'sending' | 'waiting' | 'completed';
  readonly cancelled: boolean;
}

export interface RequestHandlers {
  /** Once, always before the first `onResponse`. After a failure nothing more comes. */
  onSent(result: SentResult, outgoing: OutgoingRequest): void;
  /** Every response but 100 and retransmissions; the last is final (≥ 200). A fork's further 2xx: `onSurplusAnswer`. */
  onResponse(event: ResponseEvent): void;
}

export type AckEvent = {
  readonly ack: SipRequest;
  readonly event: MessageEvent;
  readonly dialog: Dialog;
  /** The INVITE that it acknowledges. */
  readonly invite: IncomingRequest;
};

/** A BYE that the core sent by itself. */
export type UnsolicitedBye = {
  readonly dialog: Dialog;
  readonly cause: DialogEnd;
  /** The words in the Reason header. */
  readonly text: string;
  readonly message: SipRequest;
  readonly flow: Flow | undefined;
  readonly bytes: number;
};

/** What the user of the core is told. All calls are synchronous, in network order. */
export interface UserAgentHandler {
  /**
   * Asked of each new INVITE or REGISTER without To tag, before any state is made for it: one too many is answered 503
   * with that Retry-After, in seconds.
   */
  refuses?(request: SipRequest): number | undefined;
  /**
   * Offered, before anything else, every request that is new to the transaction layer (`transaction` is undefined for
   * an ACK) and that carries a To tag or is an ACK or CANCEL without a match: a proxy takes what runs along its own
   * Record-Route. True: taken.
   */
  claim?(request: SipRequest, event: MessageEvent, transaction: ServerTransaction | undefined): boolean;
  /** A request to answer with `respond`. An INVITE that is not answered when this returns gets 100. */
  onRequest(incoming: IncomingRequest): void;
  /** The ACK to a 2xx, once. */
  onAck(event: AckEvent): void;
  /** CANCEL came; 200 and (unless detached) 487 are sent already. */
  onCancel(incoming: IncomingRequest, cancel: SipRequest, event: MessageEvent): void;
  onUnsolicitedBye(bye: UnsolicitedBye): void;
  /** A 2xx of a second fork to an INVITE that has one already. `end` (the default): ACK and BYE here; `keep`: as event. */
  onSurplusAnswer?(event: ResponseEvent): 'end' | 'keep';
  /** The dialog will see nothing more. */
  onDialogEnd?(dialog: Dialog, cause: DialogEnd): void;
  /** A response without a transaction that is not a surplus 2xx of ours; a stateless proxy forwards it. True: taken. */
  onStrayResponse?(response: SipResponse, event: MessageEvent): boolean;
}

export type SessionTimerPolicy = {
  /** Seconds; RFC 4028 §5 sets 90 as the least. */
  readonly minSe: number;
  /** Who refreshes when an INVITE brings Session-Expires without refresher and our 2xx says nothing. */
  readonly defaultRefresher: 'none' | 'uac' | 'uas';
};

/** Everything that a stranger or the application could let grow, and how long things may wait (milliseconds). */
export type UserAgentLimits = {
  readonly dialogs: number;
  /** Requests that wait for our answer. */
  readonly waiting: number;
  /** An INVITE outside a dialog that nobody answered with anything gets 480 after this. */
  readonly unansweredInviteMs: number;
  /** Any other request gets 500 after this; below 64*T1, or nothing may be sent (RFC 4320 §4.2). */
  readonly unansweredMs: number;
};

export type UserAgentOptions = {
  readonly transport: TransportLayer;
  readonly transactions: TransactionLayer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly handler: UserAgentHandler;
  readonly timers?: TimerValues;
  readonly sessionTimers?: SessionTimerPolicy;
  /** `aggressive`: also for URIs with `nat=yes`. Default `on`. */
  readonly natDetection?: 'off' | 'on' | 'aggressive';
  readonly limits?: Partial<UserAgentLimits>;
};

/**
 * The user agent core (RFC 3261 §8, §12–§15): dialogs, both roles, 2xx and reliable 1xx retransmission, PRACK, UPDATE,
 * session timers, CANCEL and its races. Made by `createUserAgentCore`.
 */
export interface UserAgentCore {
  readonly transport: TransportLayer;
  readonly transactions: TransactionLayer;
  /** Answers a request. `done` is called once, possibly before this returns. */
  respond(incoming: IncomingRequest, reply: Reply, done?: (result: ReplyResult) => void): void;
  /** Sends a request outside dialogs; INVITE and SUBSCRIBE make dialogs. */
  request(spec: RequestSpec, handlers: RequestHandlers): OutgoingRequest;
  /** Sends a request in a dialog. ACK has `ack`. A BYE cancels an INVITE of ours that is under way first. */
  requestInDialog(dialog: Dialog, spec: InDialogSpec, handlers: RequestHandlers): OutgoingRequest;
  /**
   * Acknowledges the newest 2xx of the dialog, with a body where the offer came in it, and again whenever that 2xx is
   * repeated. After a CANCEL that the 2xx crossed, a BYE follows by itself.
   */
  ack(dialog: Dialog, spec: AckSpec, done?: (result: SentResult) => void): void;
  /** Cancels an INVITE of ours as soon as that is allowed (RFC 3261 §9.1); false when it is no INVITE that still waits. */
  cancel(
    outgoing: OutgoingRequest,
    headers?: readonly HeaderField[],
    done?: (result: SentResult) => void,
  ): boolean;
  /**
   * The dialog with that set id: the confirmed one, else the newest early one; for PRACK give the RAck value, so that
   * the fork that sent the reliable response is found.
   */
  findDialog(setId: string, rack?: string): Dialog | undefined;
  /** Ends a dialog in whatever state it is: final answer, CANCEL, ACK and BYE as needed, Reason added when given. */
  end(dialog: Dialog, reason?: string): void;
  /** Gives up an outgoing request: its events stop; an INVITE is cancelled, and ended when it was answered after all. */
  abandon(outgoing: OutgoingRequest, reason?: string): void;
  /** Whether a URI names one of our own listeners. */
  isOwn(uri: string): boolean;
  /** The Contact value that we show on that flow or towards that destination: `<sip:host:port;transport=tcp>`. */
  contactFor(destination: Destination, user?: string): string;
  /** Ends nothing, stops every timer. */
  close(): void;
  /** Counts of dialogs, waiting and outgoing requests, and what was counted since the start. */
  describe(): object;
}

export type AckSpec = {
  readonly headers?: Iterable<HeaderField>;
  readonly body?: Buffer;
  readonly prepare?: (request: SipRequest, listener: Listener) => string | undefined;
};
