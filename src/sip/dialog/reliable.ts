import type { SipResponse } from '../message/index.ts';
import type { CoreContext } from './context.ts';
import { cseqNumber, parseRAck } from './dialog-state.ts';
import type { Incoming, ReliableAnswers } from './incoming.ts';
import type { LiveDialog } from './live-dialog.ts';
import { reliableRule, Repeater } from './repeat.ts';
import { hasOption } from './session-timer.ts';
import type { Reply, ReplyResult } from './types.ts';

/** Answers that may wait for the PRACK to the one before them. */
const mostQueued = 8;

type Refusal = ReplyResult & { readonly ok: false };

/** Whether the user wants an answer to be sent reliably. */
export const wantsReliable = ({ isInvite }: Incoming, { status, headers }: Reply): boolean =>
  isInvite &&
  status > 100 &&
  status < 200 &&
  [...(headers ?? [])].some(
    ({ name, value }) => name.toLowerCase() === 'require' && /\b100rel\b/i.test(value),
  );

/** Reliable provisional responses, the called side (RFC 3262 §3). */
export class Reliable {
  readonly #context: CoreContext;
  /** No PRACK came. */
  readonly #giveUp: (incoming: Incoming) => void;

  constructor(context: CoreContext, giveUp: (incoming: Incoming) => void) {
    this.#context = context;
    this.#giveUp = giveUp;
  }

  /**
   * Whether an answer has to wait, and `later` was kept for it: one reliable answer is under way at a time, and no 2xx
   * leaves while a description in one waits for its PRACK.
   */
  hold(incoming: Incoming, reply: Reply, later: () => void): 'held' | 'free' | Refusal {
    const isReliable = wantsReliable(incoming, reply);
    const { request, reliable } = incoming;
    if (
      isReliable &&
      !hasOption(request, 'Supported', '100rel') &&
      !hasOption(request, 'Require', '100rel')
    ) {
      return { ok: false, error: 'no-100rel', detail: 'the peer does not support 100rel' };
    }
    const open = reliable?.unacknowledged;
    if (reliable === undefined || open === undefined) return 'free';
    const isSuccess = reply.status >= 200 && reply.status < 300;
    if (!isReliable && !(isSuccess && open.body.length > 0)) return 'free';
    if (reliable.queue.length >= mostQueued) {
      return { ok: false, error: 'prack-pending', detail: 'too many answers wait for a PRACK' };
    }
    incoming.finalQueued = isSuccess;
    reliable.queue.push(later);
    return 'held';
  }

  /** Gives a response its RSeq; `sent` starts repeating it. */
  number(incoming: Incoming, response: SipResponse): void {
    const reliable = (incoming.reliable ??= this.#begin(incoming));
    reliable.rseq++;
    reliable.unacknowledged = response;
    response.headers.set('RSeq', String(reliable.rseq));
    const { dialog, request } = incoming;
    if (dialog !== undefined) dialog.openReliable = { rseq: reliable.rseq, cseq: cseqNumber(request) };
  }

  /** Whether a PRACK acknowledges what waits for one. */
  acknowledge(dialog: LiveDialog, rackValue: string | undefined): boolean {
    const rack = parseRAck(rackValue);
    const open = dialog.openReliable;
    if (rack === undefined || rack.rseq !== open?.rseq || rack.cseq !== open.cseq) return false;
    dialog.openReliable = undefined;
    const reliable = dialog.pendingInvite?.reliable;
    if (reliable !== undefined) reliable.unacknowledged = undefined;
    reliable?.repeater.stop();
    return true;
  }

  /** Sends what waited for the PRACK, once the PRACK itself was handed up. */
  drain(invite: Incoming | undefined): void {
    const reliable = invite?.reliable;
    if (invite?.state !== 'waiting' || reliable === undefined) return;
    while (reliable.unacknowledged === undefined) {
      const next = reliable.queue.shift();
      if (next === undefined) return;
      invite.finalQueued = false;
      next();
    }
  }

  #begin(incoming: Incoming): ReliableAnswers {
    const { clock, timers, random } = this.#context;
    const repeater = new Repeater(clock, reliableRule(timers), {
      send: () => {
        const response = incoming.reliable?.unacknowledged;
        if (response !== undefined) incoming.transaction.respond(response);
      },
      giveUp: () => {
        incoming.finalQueued = false;
        this.#giveUp(incoming);
      },
    });
    return { rseq: Math.floor(random.unit() * 0xffff), unacknowledged: undefined, repeater, queue: [] };
  }
}
