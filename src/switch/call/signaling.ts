import type { Flow, Gateway, Trunk } from '../../stores/index.ts';
import type { DialogFacts } from './dialog-facts.ts';

/** SIP header names and values, for what a request or response carries beyond the dialog's own. */
export type Headers = Readonly<Record<string, string>>;

/** Why something ends, for the Reason header (RFC 3326) and the call record. */
export type Reason = { readonly cause: number; readonly text: string };

/** The Reason header's value: `SIP;cause=200;text="Moved to another device"`. */
export const reasonHeader = (reason: Reason): string => `SIP;cause=${reason.cause};text="${reason.text}"`;

/** What an answerer is told: a final status and what a phone shows. */
export type Refusal = { readonly status: number; readonly reason: string; readonly headers?: Headers };

/** A request as the switch sees it: text values by header name, any case. */
export interface SipRequest {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  readonly source: Flow;
  get(header: string): string | undefined;
}

/** A request inside a dialog that waits for its response. Exactly one final `respond` is sent. */
export interface InDialogRequest extends SipRequest {
  respond(status: number, options?: ResponseOptions): void;
}

export type ResponseOptions = {
  readonly reason?: string;
  readonly headers?: Headers;
  readonly body?: string;
};

/** A re-INVITE or UPDATE. `offer` is absent when the peer wants ours; then `answered` gets what its ACK says. */
export interface SessionChange extends SipRequest {
  readonly offer: string | undefined;
  accept(sdp: string | undefined, answered?: (sdp: string) => void): void;
  refuse(refusal: Refusal): void;
}

export type RequestOutcome = {
  readonly status: number;
  readonly reason: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly challenge?: Challenge;
};

export type DialogListener = {
  /** The peer hung up, or the stack gave the dialog up (session timer, no ACK). */
  ended(reason: Reason | undefined): void;
  changed(change: SessionChange): void;
  /** INFO, MESSAGE, REFER, NOTIFY and the like. */
  requested(request: InDialogRequest): void;
};

/** One confirmed SIP dialog (RFC 3261 §12). */
export interface Dialog extends DialogId {
  /** The URI that requests inside it go to; the peer's Contact. */
  readonly target: string;
  /** What would end it in another process; absent where nothing can. */
  readonly facts?: DialogFacts | undefined;
  listen(listener: DialogListener): void;
  /** Whether the other end has said that it takes requests of that method (RFC 3261 §20.5). */
  allows?(method: string): boolean;
  bye(reason?: Reason, headers?: Headers): void;
  /** Sends a re-INVITE; resolves with the answer, rejects with `SipFailure`. */
  reinvite(sdp: string, headers?: Headers): Promise<string>;
  /** Sends any other request; resolves with the final answer, 408 and 503 included. */
  request(method: string, options: { headers?: Headers; body?: string }): Promise<RequestOutcome>;
}

/** An INVITE that came in and waits for its answer. Until then `get` knows its headers. */
export interface Incoming extends SipRequest {
  readonly callId: string;
  readonly remoteTag: string;
  /** When the stack received it, `HH:MM:SS.uuuuuu` UTC by its clock; empty when unknown. */
  readonly receivedAt: string;
  /** `undefined` until the caller gives up. */
  readonly cancelled: boolean;
  onCancel(action: (reason: Reason | undefined) => void): void;
  progress(status: number, options?: ResponseOptions): void;
  /** Sends the 200. `acked` runs at its ACK, with the SDP that it carries when the INVITE had none. */
  accept(sdp: string, headers: Headers, acked?: (sdp: string | undefined) => void): Promise<Dialog>;
  refuse(refusal: Refusal): void;
}

/** Where an INVITE goes: the request URI, and the flow that leads there when the URI alone does not. */
export type Route = {
  readonly uri: string;
  readonly proxy?: string;
  /** What a Path says that the request has to pass, `proxy` first (RFC 3327 §5.3). */
  readonly path?: readonly string[];
  readonly auth?: { readonly username: string; readonly password: string };
  /** The gateway of a trunk that it leads to, and how long that may say nothing before it counts as failed. */
  readonly gateway?: { readonly trunk: Trunk; readonly gateway: Gateway; readonly patienceMs?: number };
};

export type Invitation = { readonly route: Route; readonly sdp: string; readonly headers: Headers };

/** What names a dialog, tags as we see them (RFC 3261 §12). */
export type DialogId = { readonly callId: string; readonly localTag: string; readonly remoteTag: string };

export type Provisional = {
  readonly status: number;
  readonly reason: string;
  readonly sdp: string | undefined;
  /** The early dialog; absent while the other side has no tag (100). */
  readonly dialog?: DialogId | undefined;
};

export type InviteListener = {
  provisional(response: Provisional): void;
  answered(dialog: Dialog, sdp: string): void;
  failed(failure: InviteFailure): void;
};

export type InviteFailure = {
  readonly status: number;
  readonly reason: string;
  /** Contact URIs of a 3xx, best first. */
  readonly contacts: readonly string[];
  readonly retryAfter?: number;
  /** It never came from the other side: nobody could be reached there. */
  readonly undelivered?: boolean;
  /** What a 401 or 407 asks for. */
  readonly challenge?: Challenge;
};

/** The values of WWW-Authenticate or Proxy-Authenticate, several joined by commas. */
export type Challenge = { readonly status: 401 | 407; readonly value: string };

/** The final answer to a request outside dialogs. 408 and 503 that the stack itself says are `undelivered`. */
export type RequestAnswer = {
  readonly status: number;
  readonly reason: string;
  readonly undelivered?: boolean;
  readonly challenge?: Challenge;
  /** A header of the answer. */
  readonly get?: (header: string) => string | undefined;
};

/** An INVITE that was sent. Cancelling after its end does nothing; a 200 that crosses still arrives as `answered`. */
export interface Outgoing {
  cancel(reason: Reason): void;
}

/** A final response that is not a 2xx, or a request that could not be sent. */
export class SipFailure extends Error {
  override readonly name = 'SipFailure';
  readonly status: number;
  readonly challenge: Challenge | undefined;
  constructor(status: number, reason: string, challenge?: Challenge) {
    super(reason);
    this.status = status;
    this.challenge = challenge;
  }
}

/** All that the call model knows of SIP. `srf-signaling.ts` does it over drachtio-srf; tests have one without a wire. */
export interface Signaling {
  invite(invitation: Invitation, listener: InviteListener): Outgoing;
  /** A request outside dialogs, such as MESSAGE or OPTIONS. */
  request(
    method: string,
    route: Route,
    options: { headers?: Headers; body?: string },
  ): Promise<RequestAnswer>;
}
