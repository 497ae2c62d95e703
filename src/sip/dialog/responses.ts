import {
  createRequest,
  cseq,
  fromTag,
  parseNameAddress,
  parseUri,
  printMessage,
  toTag,
  type SipResponse,
} from '../message/index.ts';
import type { ClientFailure } from '../transaction/types.ts';
import type { Destination, Flow, MessageEvent, SendResult } from '../transport/index.ts';
import { silent, type Closing } from './closing.ts';
import { endDialog, ownContact, type CoreContext } from './context.ts';
import {
  cseqNumber,
  dialogOfResponse,
  pathOfResponse,
  refreshedTarget,
  reliableSequence,
} from './dialog-state.ts';
import type { Launcher } from './launcher.ts';
import { LiveDialog } from './live-dialog.ts';
import { isBehindNat } from './nat.ts';
import { localResponse, type Outgoing, type OutgoingOwner } from './outgoing.ts';
import type { Sessions } from './sessions.ts';

/** Forks of one INVITE that are kept apart; what comes beyond them is not followed. */
const mostForks = 32;

/** How long the user may take to acknowledge a 2xx that crossed its CANCEL, in milliseconds. */
const lostRaceMs = 2_000;

export const allowsUpdate = (fields: readonly string[]): boolean =>
  fields.some((value) => value.trim().toUpperCase() === 'UPDATE');

const isSuccess = ({ status }: SipResponse): boolean => status >= 200 && status < 300;

const isTerminatingNotify = (outgoing: Outgoing): boolean =>
  outgoing.method === 'NOTIFY' &&
  /^\s*terminated\b/i.test(outgoing.request?.headers.get('Subscription-State') ?? '');

/** What responses do to dialogs, and what of them the user is told (RFC 3261 §12.1.2, §12.2.1.2, §13.2.2). */
export class Responses implements OutgoingOwner {
  readonly #context: CoreContext;
  readonly #launcher: Launcher;
  readonly #closing: Closing;
  readonly #sessions: Sessions;

  constructor(context: CoreContext, launcher: Launcher, closing: Closing, sessions: Sessions) {
    this.#context = context;
    this.#launcher = launcher;
    this.#closing = closing;
    this.#sessions = sessions;
  }

  sent(outgoing: Outgoing, { flow, bytes, wire }: SendResult & { readonly ok: true }): void {
    if (outgoing.state === 'sending') outgoing.state = 'waiting';
    if (outgoing.dialog !== undefined && outgoing.inDialog) outgoing.dialog.flow ??= flow;
    this.#tell(outgoing, { flow, bytes, wire });
  }

  failed(outgoing: Outgoing, failure: ClientFailure, detail: string): void {
    const { request } = outgoing;
    if (request === undefined || failure === 'no-transport' || failure === 'overloaded') {
      return this.#launcher.fail(outgoing, failure === 'overloaded' ? 'overloaded' : 'no-transport', detail);
    }
    this.#context.logger.debug({ failure, detail, method: outgoing.method }, 'request failed');
    const wire = printMessage(request);
    this.#tell(outgoing, { flow: this.#intendedFlow(outgoing), bytes: wire.length, wire });
    this.response(outgoing, localResponse(request, failure), undefined);
  }

  nextDestination(outgoing: Outgoing, destination: Destination): void {
    const { request } = outgoing;
    if (request === undefined || !outgoing.ownContact) return;
    request.headers.set('Contact', ownContact(this.#context, destination, request.uri));
  }

  response(outgoing: Outgoing, response: SipResponse, event: MessageEvent | undefined): void {
    if (response.status <= 100) return;
    const dialog = outgoing.inDialog ? outgoing.dialog : undefined;
    if (dialog !== undefined && event !== undefined) dialog.flow = event.flow;
    if (outgoing.method === 'INVITE') return this.#onInvite(outgoing, response, event);
    if (outgoing.state === 'completed') return;
    if (response.status >= 200) this.#launcher.complete(outgoing);
    if (dialog !== undefined) return this.#onInDialog(outgoing, dialog, response, event);
    this.#deliver(outgoing, response, event, this.#subscription(outgoing, response, event));
  }

  /** RFC 6665 §4.1.2.1: the dialog that a 2xx to SUBSCRIBE makes. */
  #subscription(
    outgoing: Outgoing,
    response: SipResponse,
    event: MessageEvent | undefined,
  ): LiveDialog | undefined {
    if (outgoing.method !== 'SUBSCRIBE' || !isSuccess(response) || event === undefined) return undefined;
    const dialog = this.#dialogOf(outgoing, response, event);
    if (dialog !== undefined) dialog.state = 'confirmed';
    return dialog;
  }

  ended(outgoing: Outgoing): void {
    outgoing.ackLimit?.cancel();
    // RFC 3261 §13.2.2.4: what is still early when the INVITE's transaction ends will not be answered any more.
    for (const dialog of outgoing.dialogs) {
      if (dialog.state === 'early') endDialog(this.#context, dialog, 'lost-race');
    }
    if (outgoing.state !== 'completed') this.#launcher.complete(outgoing);
    // A call may last for hours; what made it need not.
    outgoing.request = undefined;
    outgoing.client = undefined;
    outgoing.handlers = silent;
    for (const { peerAnswer } of outgoing.dialogs) {
      if (peerAnswer?.acknowledged === true) peerAnswer.ack = undefined;
    }
  }

  /** A 2xx whose INVITE is forgotten: it gets its ACK, and a call that nobody wants any more its BYE. */
  onStray(response: SipResponse, event: MessageEvent): boolean {
    if (cseq(response)?.method !== 'INVITE' || response.status < 200 || response.status >= 300) return false;
    const { dialogs, transactions, counters } = this.#context;
    const callId = response.headers.get('Call-ID') ?? '';
    const known = dialogs.find(callId, fromTag(response) ?? '', toTag(response) ?? '');
    if (known?.role === 'uac') {
      known.flow = event.flow;
      if (known.peerAnswer !== undefined) this.#closing.ackAgain(known.peerAnswer);
      return true;
    }
    if (!transactions.owns(response)) return false;
    counters.strayAnswers++;
    this.#endUnknown(response, event.flow);
    return true;
  }

  #endUnknown(response: SipResponse, flow: Flow): void {
    const { headers } = response;
    const number = cseqNumber(response);
    const invite = createRequest('INVITE', parseNameAddress(headers.get('To') ?? '')?.uri ?? '', [
      ...['From', 'To', 'Call-ID'].map((name) => ({ name, value: headers.get(name) ?? '' })),
      { name: 'CSeq', value: `${number} INVITE` },
    ]);
    const dialog = new LiveDialog(
      dialogOfResponse(invite, response),
      pathOfResponse(invite, response),
      number,
    );
    const outgoing = this.#launcher.open('INVITE', dialog, silent);
    outgoing.request = invite;
    this.#launcher.complete(outgoing);
    this.#confirm(dialog, outgoing, flow);
    this.#closing.ackAndBye(dialog, 'lost-race', 'ACK-BYE due to cancel race condition');
  }

  #onInvite(outgoing: Outgoing, response: SipResponse, event: MessageEvent | undefined): void {
    const { status } = response;
    if (status >= 200 && status < 300 && event !== undefined) {
      return outgoing.inDialog
        ? this.#reAccepted(outgoing, response, event)
        : this.#accepted(outgoing, response, event);
    }
    if (outgoing.state === 'completed') return;
    if (status < 200) return this.#provisional(outgoing, response, event);
    this.#launcher.complete(outgoing);
    if (outgoing.inDialog) return this.#deliver(outgoing, response, event, outgoing.dialog);
    for (const dialog of outgoing.dialogs) {
      endDialog(this.#context, dialog, outgoing.cancelled ? 'cancelled' : 'rejected');
    }
    this.#deliver(outgoing, response, event, undefined);
  }

  #provisional(outgoing: Outgoing, response: SipResponse, event: MessageEvent | undefined): void {
    const early =
      outgoing.inDialog || event === undefined || toTag(response) === undefined
        ? undefined
        : this.#dialogOf(outgoing, response, event);
    const dialog = outgoing.inDialog ? outgoing.dialog : early;
    if (dialog !== undefined) {
      if (early !== undefined) outgoing.dialog = early;
      if (!this.#isInOrder(dialog, outgoing, response)) return;
      dialog.peerTakesUpdate ||= allowsUpdate(response.headers.list('Allow'));
    }
    this.#deliver(outgoing, response, event, dialog);
  }

  /** RFC 3262 §4: a reliable response that was seen, or that came before its time, is not passed on. */
  #isInOrder(dialog: LiveDialog, outgoing: Outgoing, response: SipResponse): boolean {
    const rseq = reliableSequence(response);
    if (rseq === undefined || outgoing.request === undefined) return true;
    const number = cseqNumber(outgoing.request);
    const last = dialog.lastReliable;
    if (last !== undefined && last.cseq === number && rseq !== last.rseq + 1) return false;
    dialog.lastReliable = { rseq, cseq: number, method: 'INVITE' };
    return true;
  }

  #accepted(outgoing: Outgoing, response: SipResponse, event: MessageEvent): void {
    const dialog = this.#dialogOf(outgoing, response, event);
    if (dialog === undefined || outgoing.request === undefined) return;
    if (dialog.peerAnswer?.outgoing === outgoing) return this.#closing.ackAgain(dialog.peerAnswer);
    // RFC 3261 §13.2.2.4: the route set is the 2xx's.
    dialog.path = pathOfResponse(outgoing.request, response);
    this.#confirm(dialog, outgoing, event.flow);
    dialog.peerTakesUpdate = allowsUpdate(response.headers.list('Allow'));
    const { winner } = outgoing;
    if (winner !== undefined) return this.#surplus(outgoing, response, event, dialog);
    outgoing.winner = dialog;
    outgoing.dialog = dialog;
    this.#launcher.complete(outgoing);
    this.#sessions.onAccepted(dialog, response);
    if (outgoing.abandoned !== undefined) {
      return this.#closing.ackAndBye(dialog, 'lost-race', 'ACK-BYE due to cancel race condition');
    }
    this.#deliver(outgoing, response, event, dialog);
    if (!outgoing.cancelled || dialog.peerAnswer?.acknowledged !== false) return;
    outgoing.ackLimit = this.#context.clock.after(lostRaceMs, () =>
      this.#closing.ackAndBye(dialog, 'lost-race', 'ACK-BYE due to cancel race condition'),
    );
  }

  #confirm(dialog: LiveDialog, outgoing: Outgoing, flow: Flow): void {
    const { natDetection } = this.#context;
    dialog.state = 'confirmed';
    dialog.flow = flow;
    const { remoteTarget: target, routeSet } = dialog;
    // Sent to another place than its Request-URI names: that place is where the peer is, as long as it keeps its Contact.
    const uri = parseUri(outgoing.request?.uri ?? '');
    const direct = outgoing.placed && uri?.host === parseUri(target)?.host;
    dialog.behindNat = isBehindNat({ target, routeSet, flow, direct }, natDetection);
    if (dialog.sentInvite === outgoing) dialog.sentInvite = undefined;
    const number = outgoing.request === undefined ? 0 : cseqNumber(outgoing.request);
    dialog.peerAnswer = { number, outgoing, acknowledged: false, ack: undefined };
  }

  #surplus(outgoing: Outgoing, response: SipResponse, event: MessageEvent, dialog: LiveDialog): void {
    this.#context.counters.surplusAnswers++;
    const kept = this.#context.handler.onSurplusAnswer?.({ response, event, dialog, outgoing });
    if (kept !== 'keep') return this.#closing.ackAndBye(dialog, 'lost-race', 'Call completed elsewhere');
    outgoing.dialog = dialog;
    this.#sessions.onAccepted(dialog, response);
    this.#deliver(outgoing, response, event, dialog);
  }

  #reAccepted(outgoing: Outgoing, response: SipResponse, event: MessageEvent): void {
    const { dialog } = outgoing;
    if (dialog === undefined || outgoing.request === undefined) return;
    if (dialog.peerAnswer?.outgoing === outgoing) return this.#closing.ackAgain(dialog.peerAnswer);
    if (outgoing.state === 'completed') return;
    this.#launcher.complete(outgoing);
    dialog.retarget(refreshedTarget(response));
    const number = cseqNumber(outgoing.request);
    dialog.peerAnswer = { number, outgoing, acknowledged: false, ack: undefined };
    this.#sessions.onAccepted(dialog, response);
    this.#deliver(outgoing, response, event, dialog);
  }

  #onInDialog(
    outgoing: Outgoing,
    dialog: LiveDialog,
    response: SipResponse,
    event: MessageEvent | undefined,
  ): void {
    const { method } = outgoing;
    if (isSuccess(response) && (method === 'UPDATE' || method === 'SUBSCRIBE')) {
      dialog.retarget(refreshedTarget(response));
      if (method === 'UPDATE') this.#sessions.onAccepted(dialog, response);
    }
    this.#deliver(outgoing, response, event, dialog);
    if (response.status >= 200) this.#afterFinal(outgoing, dialog, response.status);
  }

  #afterFinal(outgoing: Outgoing, dialog: LiveDialog, status: number): void {
    if (outgoing.method === 'BYE') {
      // A challenged BYE comes again with credentials.
      if (status === 401 || status === 407) dialog.byeSent = false;
      else endDialog(this.#context, dialog, 'bye-sent');
    } else if (isTerminatingNotify(outgoing) && dialog.method === 'SUBSCRIBE') {
      endDialog(this.#context, dialog, 'subscription-ended');
    }
  }

  /** The dialog that a response to a request outside dialogs belongs to, made when it is new. */
  #dialogOf(outgoing: Outgoing, response: SipResponse, event: MessageEvent): LiveDialog | undefined {
    const { request } = outgoing;
    if (request === undefined) return undefined;
    const identity = dialogOfResponse(request, response);
    // One that has ended is still known here, so that a 2xx that comes again makes no second one.
    const known =
      outgoing.dialogs.find((dialog) => dialog.remoteTag === identity.remoteTag) ??
      this.#context.dialogs.find(identity.callId, identity.localTag, identity.remoteTag);
    if (known !== undefined) return known;
    if (outgoing.dialogs.length >= mostForks) return undefined;
    const dialog = new LiveDialog(identity, pathOfResponse(request, response), cseqNumber(request));
    dialog.localContact = request.headers.get('Contact') ?? '';
    dialog.flow = event.flow;
    if (request.method === 'INVITE' && outgoing.state !== 'completed') dialog.sentInvite = outgoing;
    this.#sessions.remember(dialog, request);
    outgoing.dialogs.push(dialog);
    this.#context.dialogs.add(dialog);
    return dialog;
  }

  #deliver(
    outgoing: Outgoing,
    response: SipResponse,
    event: MessageEvent | undefined,
    dialog: LiveDialog | undefined,
  ): void {
    if (outgoing.abandoned !== undefined) return;
    outgoing.handlers.onResponse({ response, event, dialog, outgoing });
  }

  #tell(
    outgoing: Outgoing,
    sent: { readonly flow: Flow; readonly bytes: number; readonly wire: Buffer | undefined },
  ): void {
    if (outgoing.told || outgoing.request === undefined) return;
    outgoing.told = true;
    if (outgoing.abandoned !== undefined) return;
    outgoing.handlers.onSent({ ok: true, message: outgoing.request, ...sent }, outgoing);
  }

  /** The way that a request would have gone. */
  #intendedFlow(outgoing: Outgoing): Flow {
    const nowhere = { address: '', port: 0 };
    const local = this.#context.transport.listeners[0]?.local ?? nowhere;
    return outgoing.client?.flow ?? { id: '', protocol: 'udp', local, remote: nowhere, reliable: false };
  }
}
