import type { Flow } from '../../stores/index.ts';
import type { Endpoint } from '../call/endpoint.ts';
import {
  SipFailure,
  type Challenge,
  type Dialog,
  type DialogId,
  type DialogListener,
  type Headers,
  type Incoming,
  type InDialogRequest,
  type Invitation,
  type InviteFailure,
  type InviteListener,
  type Outgoing,
  type Reason,
  type Refusal,
  type RequestAnswer,
  type ResponseOptions,
  type Route,
  type SessionChange,
  type Signaling,
} from '../call/signaling.ts';

let count = 0;
const next = (what: string) => `${what}-${++count}`;

/** A phone's words about its media. */
export const phoneSdp = (port: number, codecs = '0 8 101', direction = 'sendrecv'): string =>
  [
    'v=0',
    'o=- 1 1 IN IP4 192.0.2.9',
    's=-',
    'c=IN IP4 192.0.2.9',
    't=0 0',
    `m=audio ${port} RTP/AVP ${codecs}`,
    'a=rtpmap:101 telephone-event/8000',
    `a=${direction}`,
    '',
  ].join('\r\n');

/** The far end of one dialog, as the test holds it. */
export class FakeDialog implements Dialog {
  readonly callId = next('call');
  readonly localTag = next('ours');
  readonly remoteTag = next('theirs');
  readonly target = 'sip:phone@192.0.2.9';
  /** Headers of our BYE, and of what we last asked. */
  byeHeaders: Headers = {};
  askedWith: Headers = {};
  /** What a re-INVITE or other request is refused with, once. */
  challenge: Challenge | undefined;
  /** Whether it is up, seen from the phone. */
  up = true;
  /** Why we ended it. */
  bye_: Reason | undefined | 'none' = 'none';
  reinvites: string[] = [];
  /** Its Allow. */
  allowed: readonly string[] = [];
  /** What it answers requests with; 0 does not answer. */
  answersWith = 200;
  requests: { method: string; headers: Headers; body: string }[] = [];
  #listener: DialogListener | undefined;
  #hungUp = false;

  listen(listener: DialogListener): void {
    this.#listener = listener;
    if (this.#hungUp) listener.ended(undefined);
  }

  allows(method: string): boolean {
    return this.allowed.includes(method);
  }

  bye(reason?: Reason, headers: Headers = {}): void {
    if (!this.up) return;
    this.up = false;
    this.bye_ = reason;
    this.byeHeaders = headers;
  }

  reinvite(sdp: string, headers: Headers = {}): Promise<string> {
    this.reinvites.push(sdp);
    this.askedWith = headers;
    const { challenge } = this;
    this.challenge = undefined;
    if (challenge !== undefined) return Promise.reject(new SipFailure(challenge.status, 'Who?', challenge));
    return this.up ? Promise.resolve(phoneSdp(4000)) : Promise.reject(new SipFailure(481, 'gone'));
  }

  request(method: string, options: { headers?: Headers; body?: string }) {
    this.requests.push({ method, headers: options.headers ?? {}, body: options.body ?? '' });
    const { answersWith: status, challenge } = this;
    this.challenge = undefined;
    if (challenge !== undefined)
      return Promise.resolve({ status: challenge.status, reason: 'Who?', challenge });
    return status === 0 ? new Promise<never>(() => undefined) : Promise.resolve({ status, reason: 'OK' });
  }

  /** The phone hangs up. */
  hangUp(reason?: Reason): void {
    if (!this.up) return;
    this.up = false;
    if (this.#listener === undefined) this.#hungUp = true;
    else this.#listener.ended(reason);
  }

  /** The phone sends a re-INVITE or UPDATE; resolves with the answer, or the refusal. */
  change(offer: string | undefined, method = 'INVITE', ack?: string): Promise<string | Refusal | undefined> {
    return new Promise((resolve) => {
      const change: SessionChange = {
        ...request(method, offer ?? ''),
        offer,
        accept: (sdp, answered) => {
          if (ack !== undefined) answered?.(ack);
          resolve(sdp);
        },
        refuse: resolve,
      };
      this.#listener?.changed(change);
    });
  }

  /** The phone sends another request; resolves with the status. */
  send(method: string, body = '', headers: Headers = {}): Promise<{ status: number } & ResponseOptions> {
    return new Promise((resolve) => {
      const sent: InDialogRequest = {
        ...request(method, body, headers),
        respond: (status, options = {}) => resolve({ status, ...options }),
      };
      this.#listener?.requested(sent);
    });
  }
}

const request = (method: string, body: string, headers: Headers = {}) => ({
  method,
  uri: 'sip:switch.invalid',
  body,
  source: { protocol: 'udp', address: '192.0.2.9', port: 5060 } satisfies Flow,
  get: (name: string) => headers[name],
});

/** An INVITE that the switch sent; the test is the phone that gets it. */
export class FakeOutgoing implements Outgoing {
  readonly invitation: Invitation;
  readonly listener: InviteListener;
  cancelled: Reason | undefined;
  over = false;

  constructor(invitation: Invitation, listener: InviteListener) {
    this.invitation = invitation;
    this.listener = listener;
  }

  cancel(reason: Reason): void {
    this.cancelled ??= reason;
  }

  /** The early dialog that its 180 begins. */
  readonly early: DialogId = { callId: next('call'), localTag: next('ours'), remoteTag: next('theirs') };

  ring(status = 180, sdp?: string): void {
    this.listener.provisional({ status, reason: '', sdp, dialog: this.early });
  }

  answer(sdp = phoneSdp(5000)): FakeDialog {
    this.over = true;
    const dialog = new FakeDialog();
    this.listener.answered(dialog, sdp);
    return dialog;
  }

  fail(status: number, contacts: readonly string[] = [], more: Partial<InviteFailure> = {}): void {
    if (this.over) return;
    this.over = true;
    this.listener.failed({ status, reason: '', contacts, ...more });
  }
}

/** Phones without a wire: what the switch sends is in `sent`, oldest first. */
export class FakeSignaling implements Signaling {
  readonly sent: FakeOutgoing[] = [];

  invite(invitation: Invitation, listener: InviteListener): Outgoing {
    const outgoing = new FakeOutgoing(invitation, listener);
    this.sent.push(outgoing);
    return outgoing;
  }

  /** Requests outside dialogs, and how each is answered; 200 where a test says nothing else. */
  readonly asked: { readonly method: string; readonly route: Route; readonly headers: Headers }[] = [];
  answer: (method: string, route: Route, headers: Headers) => RequestAnswer | Promise<RequestAnswer> =
    () => ({
      status: 200,
      reason: 'OK',
    });

  async request(
    method: string,
    route: Route,
    { headers = {} }: { headers?: Headers; body?: string },
  ): Promise<RequestAnswer> {
    this.asked.push({ method, route, headers });
    return this.answer(method, route, headers);
  }
}

/** An INVITE that a phone sent. */
export class FakeIncoming implements Incoming {
  readonly method = 'INVITE';
  readonly callId = next('call');
  readonly remoteTag = next('theirs');
  readonly uri = 'sip:pbx.test';
  readonly source: Flow = { protocol: 'udp', address: '192.0.2.9', port: 5060 };
  readonly endpoint: Endpoint;
  readonly body: string;
  readonly headers: Headers;
  readonly dialog = new FakeDialog();
  /** When the stack received it; unknown unless a test says so. */
  receivedAt = '';
  cancelled = false;
  /** 1xx sent to it. */
  progresses: number[] = [];
  /** The final response, once there is one. */
  final: (Refusal & { readonly sdp?: string }) | undefined;
  /** Whether the phone confirms its 200 at once; otherwise the test calls `ack`. */
  acks: boolean | string = true;
  #onCancel: ((reason: Reason | undefined) => void) | undefined;
  #acked: ((sdp: string | undefined) => void) | undefined;

  constructor(endpoint: Endpoint, body = phoneSdp(4000), headers: Headers = {}) {
    this.endpoint = endpoint;
    this.body = body;
    this.headers = headers;
  }

  /** Whether there is a final response. */
  get answered(): boolean {
    return this.final !== undefined;
  }

  get(name: string): string | undefined {
    return this.headers[name];
  }

  onCancel(action: (reason: Reason | undefined) => void): void {
    this.#onCancel = action;
  }

  cancel(): void {
    if (this.final !== undefined || this.cancelled) return;
    this.cancelled = true;
    this.final = { status: 487, reason: 'Request Terminated' };
    this.#onCancel?.(undefined);
  }

  progress(status: number): void {
    this.progresses.push(status);
  }

  accept(sdp: string, headers: Headers, acked?: (sdp: string | undefined) => void): Promise<Dialog> {
    if (this.final !== undefined) return Promise.reject(new SipFailure(487, 'cancelled'));
    this.final = { status: 200, reason: 'OK', headers, sdp };
    this.#acked = acked;
    if (this.acks !== false)
      queueMicrotask(() => this.ack(this.acks === true ? undefined : String(this.acks)));
    return Promise.resolve(this.dialog);
  }

  ack(sdp?: string): void {
    this.#acked?.(sdp);
    this.#acked = undefined;
  }

  refuse(refusal: Refusal): void {
    this.final ??= refusal;
  }
}
