import { ownText } from '../../base/index.ts';
import { allowedMethods } from './capabilities.ts';
import { factsOf, type DialogFacts } from './dialog-facts.ts';
import {
  reasonHeader,
  SipFailure,
  type Dialog,
  type DialogListener,
  type Headers,
  type InDialogRequest,
  type Reason,
  type Refusal,
  type RequestOutcome,
  type SessionChange,
} from './signaling.ts';
import { slim } from './slim-dialog.ts';
import { challengeOf, parseReason, requestOf, sendArguments } from './srf-message.ts';
import type { SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';

type Deliver = (listener: DialogListener) => void;

/**
 * A drachtio-srf dialog as the call model wants it: every event has one listener, and what arrives before somebody
 * listens is kept and delivered in order.
 */
export class SrfDialogAdapter implements Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** How the dialog began; the messages that said so are gone. */
  readonly facts: DialogFacts | undefined;
  readonly #dialog: SrfDialog;
  /** What its peer takes. */
  readonly #allowed: string;
  #listener: DialogListener | undefined;
  #early: Deliver[] = [];
  #pendingAck: ((sdp: string) => void) | undefined;
  #ended = false;

  constructor(dialog: SrfDialog) {
    this.#dialog = dialog;
    this.facts = factsOf(dialog);
    this.#allowed = ownText((dialog.type === 'uac' ? dialog.res : dialog.req)?.get('Allow') ?? '');
    slim(dialog);
    this.callId = dialog.sip.callId;
    this.localTag = dialog.sip.localTag;
    this.remoteTag = dialog.sip.remoteTag;
    dialog.on('destroy', (bye) => this.#end(parseReason(bye.get('Reason'))));
    dialog.on('modify', (req, res) => this.#change(req, res));
    dialog.on('update', (req, res) => this.#change(req, res));
    dialog.on('ack', (ack) => this.#acked(ack));
    dialog.on('options', (_req, res) => res.send(200, { headers: { Allow: allowedMethods } }));
    for (const method of ['info', 'message', 'refer', 'notify', 'publish', 'subscribe'] as const)
      dialog.on(method, (req, res) => this.#deliver((l) => l.requested(inDialogRequest(req, res))));
  }

  listen(listener: DialogListener): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const deliver of early) deliver(listener);
  }

  get target(): string {
    return this.#dialog.remote.uri;
  }

  allows(method: string): boolean {
    return this.#allowed.split(',').some((one) => one.trim() === method);
  }

  bye(reason?: Reason, more: Headers = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    const headers = { ...more, ...(reason === undefined ? {} : { Reason: reasonHeader(reason) }) };
    // A BYE that crosses theirs finds no dialog (481): both ends agree that it is over.
    this.#dialog.destroy({ headers }, () => undefined);
  }

  reinvite(sdp: string, headers: Headers = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { method: 'INVITE', body: sdp, headers: { ...this.#contact(), ...headers } };
      this.#dialog.request(options, (error, res) => {
        if (res === undefined) return reject(new SipFailure(503, String(error)));
        if (res.status < 200) return undefined;
        if (res.status >= 300)
          return reject(new SipFailure(res.status, res.reason, challengeOf(res.status, res).challenge));
        const answer = ownText(res.body ?? '');
        this.#dialog.local.sdp = sdp;
        this.#dialog.remote.sdp = answer;
        return resolve(answer);
      });
    });
  }

  request(method: string, options: { headers?: Headers; body?: string }) {
    return new Promise<RequestOutcome>((resolve) => {
      const { body } = options;
      // RFC 3311 §5.1: an UPDATE says where we are, as an INVITE does.
      const contact = method === 'UPDATE' ? this.#contact() : {};
      const headers = { ...contact, ...options.headers };
      const own = { method, headers, ...(body === undefined ? {} : { body }) };
      this.#dialog.request(own, (error, res) => {
        if (res === undefined) return resolve({ status: 481, reason: String(error) });
        if (res.status < 200) return undefined;
        const contentType = res.get('Content-Type');
        return resolve({
          status: res.status,
          reason: res.reason,
          ...challengeOf(res.status, res),
          ...(contentType === undefined ? {} : { contentType, body: res.body ?? '' }),
        });
      });
    });
  }

  #contact(): Record<string, string> {
    const { contact } = this.#dialog.local;
    return contact === undefined ? {} : { Contact: contact };
  }

  #deliver(deliver: Deliver): void {
    if (this.#listener === undefined) this.#early.push(deliver);
    else deliver(this.#listener);
  }

  #end(reason: Reason | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deliver((listener) => listener.ended(reason));
  }

  #acked(ack: SrfRequest): void {
    const answered = this.#pendingAck;
    this.#pendingAck = undefined;
    if (answered !== undefined && (ack.body ?? '') !== '') answered(ack.body ?? '');
  }

  #change(req: SrfRequest, res: SrfResponse): void {
    const headers = this.#contact();
    const offer = ownText(req.body ?? '');
    if (offer !== '') this.#dialog.remote.sdp = offer;
    const change: SessionChange = {
      ...requestOf(req),
      offer: offer || undefined,
      accept: (sdp, answered) => {
        this.#pendingAck = answered;
        if (sdp !== undefined) this.#dialog.local.sdp = sdp;
        const type: Record<string, string> = sdp === undefined ? {} : { 'Content-Type': 'application/sdp' };
        res.send(
          200,
          ...sendArguments({ headers: { ...headers, ...type }, ...(sdp === undefined ? {} : { body: sdp }) }),
        );
      },
      refuse: ({ status, reason, headers: more }: Refusal) =>
        res.send(status, ...sendArguments({ reason, ...(more === undefined ? {} : { headers: more }) })),
    };
    this.#deliver((listener) => listener.changed(change));
  }
}

const inDialogRequest = (req: SrfRequest, res: SrfResponse): InDialogRequest => ({
  ...requestOf(req),
  respond: (status, options = {}) => res.send(status, ...sendArguments(options)),
});
