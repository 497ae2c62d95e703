import { createResponse, setToTag, type SipResponse } from '../message/index.ts';
import type { SendResult } from '../transport/index.ts';
import { contactOf, endDialog, isSecure, type CoreContext } from './context.ts';
import { cseqNumber, dialogOfRequest, pathOfRequest } from './dialog-state.ts';
import type { Incoming } from './incoming.ts';
import { LiveDialog } from './live-dialog.ts';
import { isBehindNat } from './nat.ts';
import { allowsUpdate } from './responses.ts';
import { Reliable, wantsReliable } from './reliable.ts';
import { answerRule, Repeater } from './repeat.ts';
import type { Sessions } from './sessions.ts';
import type { Reply, ReplyResult } from './types.ts';

type Done = (result: ReplyResult) => void;

const gone: ReplyResult = Object.freeze({
  ok: false,
  error: 'unknown-transaction',
  detail: 'it has its answer, or is gone',
});

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const endsSubscription = ({ request }: Incoming): boolean =>
  request.method === 'NOTIFY' && /^\s*terminated\b/i.test(request.headers.get('Subscription-State') ?? '');

/** An INVITE that nobody ends is ended after this, in milliseconds. */
const longestRingMs = 3_600_000;

const needsContact = ({ request }: Incoming, status: number): boolean =>
  (request.method === 'INVITE' && status < 300) ||
  ((request.method === 'SUBSCRIBE' || request.method === 'UPDATE') && status >= 200 && status < 300);

/** Our answers: their headers, the dialogs that they make, how long they are repeated (RFC 3261 §8.2.6, §13.3.1). */
export class Answering {
  readonly #context: CoreContext;
  readonly #sessions: Sessions;
  /** No ACK came to a 2xx of ours. */
  onUnacknowledged: (dialog: LiveDialog) => void = () => undefined;
  readonly reliable: Reliable;
  readonly #waiting = new Set<Incoming>();

  constructor(context: CoreContext, sessions: Sessions) {
    this.#context = context;
    this.#sessions = sessions;
    // RFC 3262 §3: without a PRACK the INVITE is refused with a 5xx.
    this.reliable = new Reliable(context, (incoming) =>
      this.respond(incoming, { status: 504 }, () => undefined),
    );
  }

  /** Requests that wait for our answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a request into care until it is answered. */
  admit(incoming: Incoming): void {
    const { clock, limits, counters } = this.#context;
    this.#waiting.add(incoming);
    incoming.dialog?.waiting.add(incoming);
    // A re-INVITE is as urgent as any request; a new INVITE may ring.
    const ms = incoming.isInvite ? limits.unansweredInviteMs : limits.unansweredMs;
    incoming.limit = clock.after(ms, () => {
      counters.unanswered++;
      this.respond(incoming, { status: incoming.isInvite ? 480 : 500 }, () => undefined);
    });
  }

  /** Lets go of everything, unanswered. */
  close(): void {
    for (const incoming of this.#waiting) this.release(incoming, 'ended');
  }

  /** It is out of our care: answered, cancelled, detached. */
  release(incoming: Incoming, state: 'answered' | 'cancelled' | 'detached' | 'ended'): void {
    this.#waiting.delete(incoming);
    incoming.state = state;
    incoming.limit?.cancel();
    incoming.reliable?.repeater.stop();
    const { dialog } = incoming;
    if (dialog === undefined) return;
    dialog.waiting.delete(incoming);
    if (dialog.pendingInvite === incoming) dialog.pendingInvite = undefined;
  }

  respond(incoming: Incoming, reply: Reply, done: Done): void {
    if (incoming.state !== 'waiting' || incoming.finalQueued) return done(gone);
    const verdict = this.reliable.hold(incoming, reply, () => this.#send(incoming, reply, done));
    if (verdict === 'free') this.#send(incoming, reply, done);
    else if (verdict !== 'held') done(verdict);
  }

  #send(incoming: Incoming, reply: Reply, done: Done): void {
    if (incoming.state !== 'waiting') return done(gone);
    const response = this.#compose(incoming, reply);
    const sent = incoming.transaction.respond(response, (result) =>
      done(this.#resultOf(incoming, response, result)),
    );
    if (!sent) {
      this.release(incoming, 'ended');
      return done(gone);
    }
    if (wantsReliable(incoming, reply)) incoming.reliable?.repeater.start();
    if (reply.status >= 200) this.#settle(incoming, response);
    else if (reply.status > 100) this.#ring(incoming);
  }

  /** The response with all that it needs, and what it means for the dialog. */
  #compose(incoming: Incoming, reply: Reply): SipResponse {
    const { status } = reply;
    if (status > 100) this.#tag(incoming, reply.toTag);
    const response = this.#build(incoming, reply);
    if (incoming.isInvite && status > 100 && status < 300) this.#intoDialog(incoming, response);
    if (wantsReliable(incoming, reply)) this.reliable.number(incoming, response);
    const { dialog } = incoming;
    if (incoming.request.method === 'UPDATE' && isSuccess(status) && dialog !== undefined) {
      this.#sessions.remember(dialog, response);
      this.#sessions.onAnswer(dialog, incoming.request, response);
    }
    reply.prepare?.(response, this.#listenerOf(incoming));
    return response;
  }

  /** Somebody takes care of it: it may take as long as people let it ring. */
  #ring(incoming: Incoming): void {
    incoming.limit?.cancel();
    incoming.limit = this.#context.clock.after(longestRingMs, () =>
      this.respond(incoming, { status: 480 }, () => undefined),
    );
  }

  #tag(incoming: Incoming, wanted: string | undefined): void {
    if (!incoming.tagged && wanted !== undefined && wanted !== '') incoming.localTag = wanted;
    incoming.tagged = true;
  }

  #listenerOf({ event }: Incoming) {
    return this.#context.transport.listenerFor({ kind: 'flow', flow: event.flow });
  }

  #build(incoming: Incoming, reply: Reply): SipResponse {
    const { request } = incoming;
    const response = createResponse(request, reply.status, reply.reason, reply.headers);
    if (reply.body !== undefined) response.body = reply.body;
    if (reply.status > 100) setToTag(response, incoming.localTag);
    if (reply.status > 100 && needsContact(incoming, reply.status) && !response.headers.has('Contact')) {
      const known = incoming.dialog?.localContact ?? '';
      const own = () => contactOf(this.#listenerOf(incoming), undefined, isSecure(request.uri));
      response.headers.add('Contact', known === '' ? own() : known);
    }
    return response;
  }

  /** The dialog of an INVITE that is being answered (RFC 3261 §12.1.1). */
  #intoDialog(incoming: Incoming, response: SipResponse): void {
    const dialog = incoming.dialog ?? this.#makeDialog(incoming);
    dialog.localContact = response.headers.get('Contact') ?? dialog.localContact;
    this.#sessions.remember(dialog, response);
    if (response.status >= 200) this.#sessions.onAnswer(dialog, incoming.request, response);
  }

  #makeDialog(incoming: Incoming): LiveDialog {
    const { request, event } = incoming;
    const { natDetection, dialogs } = this.#context;
    const path = pathOfRequest(request);
    const dialog = new LiveDialog(dialogOfRequest(request, incoming.localTag), path, 0);
    dialog.remoteCSeq = cseqNumber(request);
    dialog.localCSeq = Math.floor(this.#context.random.unit() * 0x3fffffff);
    dialog.flow = event.flow;
    const direct = request.headers.list('Via').length === 1;
    const peer = { target: path.remoteTarget, routeSet: path.routeSet, flow: event.flow, direct };
    dialog.behindNat = isBehindNat(peer, natDetection);
    dialog.peerTakesUpdate = allowsUpdate(request.headers.list('Allow'));
    dialog.waiting.add(incoming);
    if (incoming.isInvite) dialog.pendingInvite = incoming;
    incoming.dialog = dialog;
    dialogs.add(dialog);
    return dialog;
  }

  /** A final answer: the request is done with, its dialog confirmed or over. */
  #settle(incoming: Incoming, response: SipResponse): void {
    const { method } = incoming.request;
    const success = isSuccess(response.status);
    if (success && method === 'SUBSCRIBE' && !incoming.inDialog) {
      const made = this.#makeDialog(incoming);
      made.localContact = response.headers.get('Contact') ?? '';
      made.state = 'confirmed';
    }
    this.release(incoming, 'answered');
    const { dialog } = incoming;
    if (dialog === undefined) return;
    if (incoming.isInvite) this.#settleInvite(incoming, dialog, response);
    else if (success && endsSubscription(incoming) && dialog.method === 'SUBSCRIBE') {
      endDialog(this.#context, dialog, 'subscription-ended');
    }
  }

  #settleInvite(incoming: Incoming, dialog: LiveDialog, response: SipResponse): void {
    if (isSuccess(response.status)) this.#awaitAck(incoming, dialog, response);
    else if (!incoming.inDialog) endDialog(this.#context, dialog, 'rejected');
  }

  /** RFC 3261 §13.3.1.4: a 2xx is repeated here, over any transport, until its ACK comes. */
  #awaitAck(incoming: Incoming, dialog: LiveDialog, response: SipResponse): void {
    const { clock, timers, counters } = this.#context;
    const number = cseqNumber(incoming.request);
    dialog.state = 'confirmed';
    const repeater = new Repeater(clock, answerRule(timers), {
      send: () => void incoming.transaction.respond(response),
      giveUp: () => {
        dialog.openAnswers.delete(number);
        counters.ackTimeouts++;
        this.onUnacknowledged(dialog);
      },
    });
    dialog.openAnswers.set(number, { invite: incoming, repeater });
    repeater.start();
  }

  #resultOf(incoming: Incoming, message: SipResponse, result: SendResult): ReplyResult {
    if (!result.ok) return { ok: false, error: 'closed', detail: result.detail };
    const { flow, bytes, wire } = result;
    return { ok: true, message, flow, bytes, wire, dialog: incoming.dialog };
  }
}
