import {
  createResponse,
  fromTag,
  requestUri,
  setToTag,
  toTag,
  type HeaderField,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';
import type { ServerTransaction, TransactionUser } from '../transaction/types.ts';
import type { MessageEvent } from '../transport/index.ts';
import type { Answering } from './answering.ts';
import { endDialog, newTag, type CoreContext } from './context.ts';
import { cseqNumber, dialogSetId, dialogOfRequest, refreshedTarget } from './dialog-state.ts';
import { Incoming } from './incoming.ts';
import type { LiveDialog } from './live-dialog.ts';
import type { Responses } from './responses.ts';
import { isTooShort } from './session-timer.ts';

/** A refusal, and what it says besides. */
type Refusal = { readonly status: number; readonly headers?: readonly HeaderField[] };

/** These mean nothing outside a dialog (RFC 3261 §12.2.2, RFC 3262, RFC 3311). */
const dialogOnly = new Set(['BYE', 'PRACK', 'UPDATE']);
/** These name where the peer is now (RFC 3261 §12.2, RFC 3311, RFC 6665, RFC 3515). */
const targetRefreshes = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/** What comes in: to the dialog that it belongs to, to the user, or back where it came from. */
export class Receiving implements TransactionUser {
  readonly #context: CoreContext;
  readonly #answering: Answering;
  readonly #responses: Responses;

  constructor(context: CoreContext, answering: Answering, responses: Responses) {
    this.#context = context;
    this.#answering = answering;
    this.#responses = responses;
  }

  refuses(request: SipRequest): number | undefined {
    return this.#context.handler.refuses?.(request);
  }

  onRequest(transaction: ServerTransaction, event: MessageEvent): void {
    const { handler, dialogs, counters } = this.#context;
    const { request } = transaction;
    counters.requestsIn++;
    const localTag = toTag(request);
    if (localTag === undefined) return this.#onNew(transaction, event);
    if (handler.claim?.(request, event, transaction) === true) return;
    const callId = request.headers.get('Call-ID') ?? '';
    const dialog = dialogs.find(callId, localTag, fromTag(request) ?? '');
    if (dialog !== undefined) return this.#onInDialog(dialog, transaction, event);
    const { method } = request;
    if (method === 'INVITE' || dialogOnly.has(method)) return this.#refuse(transaction, { status: 481 });
    this.#handUp(transaction, event, undefined);
  }

  onAck(ack: SipRequest, event: MessageEvent): void {
    const { handler, dialogs } = this.#context;
    const callId = ack.headers.get('Call-ID') ?? '';
    const dialog = dialogs.find(callId, toTag(ack) ?? '', fromTag(ack) ?? '');
    if (dialog === undefined) {
      handler.claim?.(ack, event, undefined);
      return;
    }
    const number = cseqNumber(ack);
    const answer = dialog.openAnswers.get(number);
    if (answer === undefined) return;
    dialog.openAnswers.delete(number);
    answer.repeater.stop();
    answer.invite.transaction.forget();
    dialog.flow = event.flow;
    handler.onAck({ ack, event, dialog, invite: answer.invite });
    this.#letByeGo(dialog);
  }

  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined, event: MessageEvent): void {
    const { handler } = this.#context;
    const { request } = cancel;
    const incoming = invite?.userData;
    if (!(incoming instanceof Incoming)) {
      // Answered already, and forgotten but for that (RFC 3261 §9.2).
      if (invite !== undefined) return this.#refuse(cancel, { status: 200 }, invite.last);
      if (handler.claim?.(cancel.request, event, cancel) === true) return;
      return this.#refuse(cancel, { status: 481 });
    }
    // RFC 3261 §9.2: 200 whatever becomes of the INVITE, under the tag that the INVITE is answered with.
    const response = createResponse(request, 200);
    setToTag(response, incoming.localTag);
    cancel.respond(response);
    if (incoming.state === 'detached') return handler.onCancel(incoming, request, event);
    if (incoming.state !== 'waiting') return;
    this.#terminate(incoming, 'cancelled');
    handler.onCancel(incoming, request, event);
  }

  onStrayResponse(response: SipResponse, event: MessageEvent): void {
    if (this.#responses.onStray(response, event)) return;
    this.#context.handler.onStrayResponse?.(response, event);
  }

  /** 487 to an INVITE that waits (RFC 3261 §9.2, §15.1.2). */
  #terminate(incoming: Incoming, state: 'cancelled' | 'ended'): void {
    this.#answering.release(incoming, state);
    const response = createResponse(incoming.request, 487);
    setToTag(response, incoming.localTag);
    incoming.transaction.respond(response);
    if (incoming.dialog !== undefined && !incoming.inDialog) {
      endDialog(this.#context, incoming.dialog, 'cancelled');
    }
  }

  #refuse(transaction: ServerTransaction, { status, headers = [] }: Refusal, like?: SipResponse): void {
    const response = createResponse(transaction.request, status, undefined, headers);
    setToTag(response, (like && toTag(like)) ?? newTag(this.#context));
    transaction.respond(response);
  }

  #onNew(transaction: ServerTransaction, event: MessageEvent): void {
    const { request } = transaction;
    const { limits, dialogs, counters, sessionTimers } = this.#context;
    if (dialogOnly.has(request.method)) return this.#refuse(transaction, { status: 481 });
    // RFC 3261 §8.2.2.1.
    if (requestUri(request) === undefined) return this.#refuse(transaction, { status: 416 });
    const makesDialog = request.method === 'INVITE' || request.method === 'SUBSCRIBE';
    if (this.#answering.waiting >= limits.waiting || (makesDialog && dialogs.size >= limits.dialogs)) {
      counters.refused++;
      const headers = [{ name: 'Retry-After', value: '5' }];
      return this.#refuse(transaction, { status: 503, headers });
    }
    if (request.method === 'INVITE') {
      const refusal = this.#secondInvite(request);
      if (refusal !== undefined) return this.#refuse(transaction, refusal);
      if (isTooShort(request, sessionTimers)) return this.#refuse(transaction, this.#tooShort());
    }
    this.#handUp(transaction, event, undefined);
  }

  /** A further INVITE without To tag for a call that we have: it cannot be told apart from the first (RFC 3261 §8.2.2.2). */
  #secondInvite(request: SipRequest): Refusal | undefined {
    const set = this.#context.dialogs.set(dialogSetId(dialogOfRequest(request, '')));
    const dialog = set.find(({ role, method }) => role === 'uas' && method === 'INVITE');
    if (dialog === undefined) return undefined;
    return { status: dialog.openAnswers.size > 0 || dialog.state === 'early' ? 491 : 480 };
  }

  #tooShort(): Refusal {
    return { status: 422, headers: [{ name: 'Min-SE', value: String(this.#context.sessionTimers.minSe) }] };
  }

  #handUp(transaction: ServerTransaction, event: MessageEvent, dialog: LiveDialog | undefined): void {
    const incoming = new Incoming({
      transaction,
      event,
      dialog,
      localTag: dialog?.localTag ?? newTag(this.#context),
      onDetach: (it) => this.#answering.release(it, 'detached'),
    });
    if (dialog !== undefined && incoming.isInvite) dialog.pendingInvite = incoming;
    this.#answering.admit(incoming);
    this.#context.handler.onRequest(incoming);
  }

  #onInDialog(dialog: LiveDialog, transaction: ServerTransaction, event: MessageEvent): void {
    const { request } = transaction;
    const number = cseqNumber(request);
    const { remoteCSeq } = dialog;
    const refusal =
      remoteCSeq !== undefined && number < remoteCSeq
        ? // RFC 3261 §12.2.2.
          { status: 500 }
        : this.#inDialogRefusal(dialog, request);
    dialog.remoteCSeq = Math.max(number, remoteCSeq ?? 0);
    if (refusal !== undefined) return this.#refuseIn(dialog, transaction, refusal);
    dialog.flow = event.flow;
    if (targetRefreshes.has(request.method)) dialog.retarget(refreshedTarget(request));
    if (request.method === 'BYE') return this.#onBye(dialog, transaction, event);
    if (request.method === 'PRACK') return this.#onPrack(dialog, transaction, event);
    this.#handUp(transaction, event, dialog);
  }

  #refuseIn(dialog: LiveDialog, transaction: ServerTransaction, { status, headers = [] }: Refusal): void {
    const response = createResponse(transaction.request, status, undefined, headers);
    setToTag(response, dialog.localTag);
    transaction.respond(response);
  }

  #inDialogRefusal(dialog: LiveDialog, request: SipRequest): Refusal | undefined {
    const { method } = request;
    if (method !== 'INVITE' && method !== 'UPDATE') return undefined;
    const glare = method === 'INVITE' ? this.#inviteGlare(dialog) : this.#updateGlare(dialog, request);
    if (glare !== undefined) return glare;
    return isTooShort(request, this.#context.sessionTimers) ? this.#tooShort() : undefined;
  }

  /** RFC 3261 §14.2. */
  #inviteGlare(dialog: LiveDialog): Refusal | undefined {
    if (dialog.pendingInvite !== undefined) return this.#owed();
    return dialog.sentInvite === undefined ? undefined : { status: 491 };
  }

  /** RFC 3311 §5.2. */
  #updateGlare(dialog: LiveDialog, request: SipRequest): Refusal | undefined {
    if ([...dialog.waiting].some((waiting) => waiting.request.method === 'UPDATE')) return this.#owed();
    const offers = dialog.sentUpdate || (dialog.state === 'confirmed' && dialog.sentInvite !== undefined);
    return offers && request.body.length > 0 ? { status: 491 } : undefined;
  }

  /** An answer of ours to the one before is still owed. */
  #owed(): Refusal {
    const seconds = Math.floor(this.#context.random.unit() * 11);
    return { status: 500, headers: [{ name: 'Retry-After', value: String(seconds) }] };
  }

  #onPrack(dialog: LiveDialog, transaction: ServerTransaction, event: MessageEvent): void {
    // RFC 3262 §3: a PRACK that matches nothing is refused.
    if (!this.#answering.reliable.acknowledge(dialog, transaction.request.headers.get('RAck'))) {
      return this.#refuseIn(dialog, transaction, { status: 481 });
    }
    const invite = dialog.pendingInvite;
    this.#handUp(transaction, event, dialog);
    this.#answering.reliable.drain(invite);
  }

  #onBye(dialog: LiveDialog, transaction: ServerTransaction, event: MessageEvent): void {
    const { dialogs } = this.#context;
    const pending = [...dialog.waiting];
    // Ours and theirs crossed: both are right, and nobody needs to be told again.
    if (dialog.byeSent) {
      this.#refuseIn(dialog, transaction, { status: 200 });
    } else this.#handUp(transaction, event, dialog);
    // RFC 3261 §15.1.2: what still waits for an answer gets 487.
    for (const incoming of pending) if (incoming.state === 'waiting') this.#terminate(incoming, 'ended');
    if (dialogs.find(dialog.callId, dialog.localTag, dialog.remoteTag) === dialog) {
      endDialog(this.#context, dialog, 'bye-received');
    }
  }

  #letByeGo(dialog: LiveDialog): void {
    if (dialog.openAnswers.size > 0) return;
    const bye = dialog.heldBye;
    dialog.heldBye = undefined;
    bye?.send();
  }
}
