import type { Timer } from '../../base/index.ts';
import { createResponse, type HeaderField, type SipRequest, type SipResponse } from '../message/index.ts';
import type { ClientFailure, ClientHandlers, ClientTransaction } from '../transaction/types.ts';
import type { Destination, MessageEvent, SendResult } from '../transport/index.ts';
import type { LiveDialog } from './live-dialog.ts';
import type { OutgoingRequest, RequestHandlers, SentResult } from './types.ts';

export type OutgoingOwner = {
  response(outgoing: Outgoing, response: SipResponse, event: MessageEvent | undefined): void;
  sent(outgoing: Outgoing, result: SendResult & { readonly ok: true }): void;
  /** It could not be sent, or nobody answered. */
  failed(outgoing: Outgoing, failure: ClientFailure, detail: string): void;
  nextDestination(outgoing: Outgoing, destination: Destination): void;
  ended(outgoing: Outgoing): void;
};

export type CancelWish = {
  readonly headers: readonly HeaderField[];
  done: ((result: SentResult) => void) | undefined;
};

/** A request of ours, from the wish to the final response. */
export class Outgoing implements OutgoingRequest, ClientHandlers {
  readonly id: string;
  readonly method: string;
  readonly inDialog: boolean;
  handlers: RequestHandlers;
  readonly #owner: OutgoingOwner;
  request: SipRequest | undefined;
  dialog: LiveDialog | undefined;
  state: OutgoingRequest['state'] = 'sending';
  cancelled = false;
  cancelWish: CancelWish | undefined;
  client: ClientTransaction | undefined;
  /** `onSent` was called. */
  told = false;
  /** The user wants to hear nothing more; a 2xx is ended at once. */
  abandoned: { readonly reason: string | undefined } | undefined;
  /** The Contact is ours to keep right when another destination is tried. */
  ownContact = false;
  /** The user said where it goes, whatever its Request-URI says. */
  placed = false;
  /** The dialog of the first 2xx. */
  winner: LiveDialog | undefined;
  /** Every dialog that the responses made. */
  readonly dialogs: LiveDialog[] = [];
  /** Until the user must have acknowledged a 2xx that crossed its CANCEL. */
  ackLimit: Timer | undefined;

  constructor(what: {
    readonly id: string;
    readonly method: string;
    readonly dialog: LiveDialog | undefined;
    readonly handlers: RequestHandlers;
    readonly owner: OutgoingOwner;
  }) {
    this.id = what.id;
    this.method = what.method;
    this.dialog = what.dialog;
    this.inDialog = what.dialog !== undefined;
    this.handlers = what.handlers;
    this.#owner = what.owner;
  }

  onSent(result: SendResult & { readonly ok: true }): void {
    this.#owner.sent(this, result);
  }

  onResponse(response: SipResponse, event: MessageEvent | undefined): void {
    this.#owner.response(this, response, event);
  }

  onFailure(failure: ClientFailure, detail: string): void {
    this.#owner.failed(this, failure, detail);
  }

  onNextDestination(_: SipRequest, destination: Destination): void {
    this.#owner.nextDestination(this, destination);
  }

  onEnd(): void {
    this.#owner.ended(this);
  }
}

/** The response that stands for none: 408 when nobody answered, 503 when it could not be sent (RFC 3261 §8.1.3.1). */
export const localResponse = (request: SipRequest, failure: ClientFailure): SipResponse =>
  createResponse(request, failure === 'timeout' ? 408 : 503);
