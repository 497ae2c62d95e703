import { ownText } from '../../base/index.ts';
import type { Flow } from '../../stores/index.ts';
import {
  reasonHeader,
  SipFailure,
  type Dialog,
  type DialogId,
  type Headers,
  type Incoming,
  type Invitation,
  type InviteFailure,
  type InviteListener,
  type Outgoing,
  type Reason,
  type Refusal,
  type RequestAnswer,
  type ResponseOptions,
  type Route,
  type Signaling,
} from './signaling.ts';
import { SrfDialogAdapter } from './srf-dialog.ts';
import { flowOf } from '../registrar/index.ts';
import { challengeOf, parseReason, sendArguments, tagOf } from './srf-message.ts';
import type { SrfClient, SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';

const contactUris = (value: string | undefined): string[] =>
  [...(value ?? '').matchAll(/<([^>]+)>|(sips?:[^,;\s]+)/gi)].map((m) => m[1] ?? m[2] ?? '');

function failureOf(error: unknown): InviteFailure {
  const sip = error as { status?: number; reason?: string; res?: SrfResponse; message?: string };
  if (typeof sip.status !== 'number')
    return { status: 503, reason: sip.message ?? 'Service Unavailable', contacts: [], undelivered: true };
  const retryAfter = Number.parseInt(sip.res?.get('Retry-After') ?? '', 10);
  return {
    status: sip.status,
    reason: sip.reason ?? '',
    contacts: sip.status < 400 ? contactUris(sip.res?.get('Contact')) : [],
    ...(Number.isNaN(retryAfter) ? {} : { retryAfter }),
    ...challengeOf(sip.status, sip.res),
    // The engine's own responses have no source; 430 is said of a flow by who held it (RFC 5626 §11.5).
    ...(sip.status === 430 || sip.res?.source_address === '' ? { undelivered: true } : {}),
  };
}

function earlyDialog(res: SrfResponse): DialogId | undefined {
  const remoteTag = tagOf(res.get('To'));
  if (remoteTag === '') return undefined;
  return {
    callId: ownText(res.get('Call-ID') ?? ''),
    localTag: ownText(tagOf(res.get('From'))),
    remoteTag: ownText(remoteTag),
  };
}

const routeHeader = ({ path }: Route): Record<string, string> =>
  path === undefined ? {} : { Route: path.join(', ') };

const routeOptions = ({ proxy }: Route) => (proxy === undefined ? {} : { proxy });

const answerOf = (res: SrfResponse): RequestAnswer => ({
  status: res.status,
  reason: res.reason,
  ...(res.source_address === '' ? { undelivered: true } : {}),
  ...challengeOf(res.status, res),
  get: (header) => res.get(header),
});

/** An INVITE under way. A CANCEL asked for before the request has left is sent as soon as it has. */
class SrfOutgoing implements Outgoing {
  #sent: SrfRequest | undefined;
  #cancelWith: Reason | undefined;
  #over = false;

  sent(req: SrfRequest): void {
    this.#sent = req;
    if (this.#cancelWith !== undefined) this.#send(this.#cancelWith);
  }

  over(): void {
    this.#over = true;
  }

  cancel(reason: Reason): void {
    if (this.#over || this.#cancelWith !== undefined) return;
    this.#cancelWith = reason;
    if (this.#sent !== undefined) this.#send(reason);
  }

  #send(reason: Reason): void {
    this.#sent?.cancel({ headers: { Reason: reasonHeader(reason) } }, () => undefined);
  }
}

/** The call model's SIP, done by drachtio-srf. */
export class SrfSignaling implements Signaling {
  readonly #srf: SrfClient;

  constructor(srf: SrfClient) {
    this.#srf = srf;
  }

  invite(invitation: Invitation, listener: InviteListener): Outgoing {
    const outgoing = new SrfOutgoing();
    const { route, sdp, headers } = invitation;
    this.#srf.createUAC(
      route.uri,
      { headers: { ...headers, ...routeHeader(route) }, localSdp: sdp, ...routeOptions(route) },
      {
        cbRequest: (_error, req) => req !== undefined && outgoing.sent(req),
        cbProvisional: (res) =>
          listener.provisional({
            status: res.status,
            reason: res.reason,
            sdp: res.body || undefined,
            dialog: earlyDialog(res),
          }),
      },
      (error, dialog) => {
        outgoing.over();
        if (dialog === undefined) return listener.failed(failureOf(error));
        listener.answered(new SrfDialogAdapter(dialog), dialog.remote.sdp);
      },
    );
    return outgoing;
  }

  request(method: string, route: Route, options: { headers?: Headers; body?: string }) {
    return new Promise<RequestAnswer>((resolve) => {
      const { proxy } = route;
      this.#srf.request(
        route.uri,
        {
          method,
          headers: { ...options.headers, ...routeHeader(route) },
          ...(options.body === undefined ? {} : { body: options.body }),
          ...(proxy === undefined ? {} : { proxy }),
        },
        (error, req) => {
          if (req === undefined) return resolve({ status: 503, reason: String(error), undelivered: true });
          req.on('response', (res) => {
            if (res.status >= 200) resolve(answerOf(res));
          });
        },
      );
    });
  }
}

/** An INVITE from the wire. Its CANCEL is remembered from the first moment: every later step asks `cancelled`. */
export class SrfIncoming implements Incoming {
  readonly method = 'INVITE';
  readonly uri: string;
  readonly body: string;
  readonly source: Flow;
  readonly callId: string;
  readonly remoteTag: string;
  readonly receivedAt: string;
  readonly #srf: SrfClient;
  /** Let go once it is answered: its headers are asked for before. */
  #invite: { readonly req: SrfRequest; readonly res: SrfResponse } | undefined;
  #cancelled: { readonly reason: Reason | undefined } | undefined;
  #answered = false;
  #onCancel: ((reason: Reason | undefined) => void) | undefined;

  constructor(srf: SrfClient, req: SrfRequest, res: SrfResponse) {
    this.#srf = srf;
    this.#invite = { req, res };
    const source = flowOf(req);
    this.uri = ownText(req.uri);
    this.body = ownText(req.body ?? '');
    this.source = { ...source, address: ownText(source.address) };
    this.callId = ownText(req.get('Call-ID') ?? '');
    this.remoteTag = ownText(tagOf(req.get('From')));
    this.receivedAt = ownText(req.stackTime);
    req.on('cancel', (cancel) => {
      if (this.#answered) return;
      this.#cancelled = { reason: parseReason(cancel.get('Reason')) };
      this.#onCancel?.(this.#cancelled.reason);
    });
    // RFC 3311 §5.2: an UPDATE before the answer with an offer of its own finds one outstanding.
    req.on('update', (update, updateRes) =>
      updateRes.send((update.body ?? '') === '' ? 200 : 500, retryLater),
    );
  }

  get cancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  get(header: string): string | undefined {
    return this.#invite?.req.get(header);
  }

  onCancel(action: (reason: Reason | undefined) => void): void {
    this.#onCancel = action;
    if (this.#cancelled !== undefined) action(this.#cancelled.reason);
  }

  progress(status: number, options: ResponseOptions = {}): void {
    const { req, res } = this.#invite ?? {};
    if (this.#answered || this.cancelled || res === undefined) return;
    // RFC 3262 §3: who insists on reliable ringing gets it; the engine repeats it until its PRACK comes.
    const reliable = /\b100rel\b/i.test(req?.get('Require') ?? '') ? { Require: '100rel' } : {};
    res.send(status, ...sendArguments({ ...options, headers: { ...options.headers, ...reliable } }));
  }

  accept(sdp: string, headers: Headers, acked?: (sdp: string | undefined) => void): Promise<Dialog> {
    const { req, res } = this.#invite ?? {};
    if (this.cancelled || req === undefined || res === undefined)
      return Promise.reject(new SipFailure(487, 'Request Terminated'));
    return new Promise((resolve, reject) => {
      let settled = false;
      this.#srf.createUAS(req, res, { localSdp: sdp, headers: { ...headers } }, (error, dialog) => {
        if (settled) return;
        settled = true;
        this.#answered = true;
        if (dialog === undefined) return reject(new SipFailure(487, String(error)));
        if (acked !== undefined) onceAcked(dialog, acked);
        this.#invite = undefined;
        dialog.local.sdp = sdp;
        resolve(new SrfDialogAdapter(dialog));
      });
    });
  }

  refuse(refusal: Refusal): void {
    if (this.#answered || this.cancelled) return;
    this.#answered = true;
    this.#invite?.res.send(refusal.status, refusal.reason, { headers: { ...refusal.headers } });
  }
}

const retryLater = { headers: { 'Retry-After': '5' } };

function onceAcked(dialog: SrfDialog, acked: (sdp: string | undefined) => void): void {
  let done = false;
  dialog.on('ack', (ack) => {
    if (done) return;
    done = true;
    acked(ack.body || undefined);
  });
}
