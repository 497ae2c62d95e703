import type { Call, Party } from '../call/call.ts';
import { identityOf, sameDevice, userOf, type Endpoint } from '../call/endpoint.ts';
import { Flip } from '../call/flip.ts';
import type { FlipKind } from '../call/call-view.ts';
import type { Claim } from '../call/operations.ts';
import { play, type StopTone } from '../call/play.ts';
import { Ring, type RingOutcome, type Target } from '../call/ring.ts';
import { farParty } from '../call/answer.ts';
import type { Refusal } from '../call/signaling.ts';
import { swap } from '../call/swap.ts';
import { deliveryFailed } from '../registrar/index.ts';
import {
  isRefusal,
  planFor,
  redirectTargets,
  type PlanParts,
  type RingPlan,
  type Stage,
} from '../routing/plan.ts';

export type PushParts = PlanParts & {
  readonly rings: Set<Ring>;
  /** Those under way, by their call's id: there is one in a call at most. */
  readonly pushes: Map<string, Push>;
};

export type PushRequest = {
  readonly call: Call;
  /** The side that is to be handed on. */
  readonly party: Party;
  /** An extension of the domain; the user's other devices when it is empty. */
  readonly extension: string;
  readonly by: string;
  /** A `transfer` may lead out of the system, and is recorded as a push when it leads to an own device. */
  readonly kind?: 'push' | 'transfer';
  /** Somebody has answered, and the one who asked is about to be released. */
  readonly answered?: () => void;
};

const refusals = {
  outside: { status: 403, reason: 'Outside numbers need a transfer' },
  busy: { status: 409, reason: 'The call is being moved already' },
  nobody: { status: 480, reason: 'Not registered' },
  notTalking: { status: 409, reason: 'Nobody talks yet' },
} as const satisfies Record<string, Refusal>;

/**
 * Where a push leads; never out of the system, which is for transfers (S0-66), and never to the phone that the far party
 * speaks on.
 */
function planOf(parts: PushParts, { call, party, extension, kind }: PushRequest): RingPlan | Refusal {
  const pusher = party.leg?.endpoint;
  const own = pusher === undefined ? undefined : userOf(pusher);
  const dialled = extension === '' ? (own?.extension ?? '') : extension;
  const plan = planFor(parts, { domain: call.domain, dialled, caller: pusher, flip: true });
  if (isRefusal(plan)) return plan;
  const within = kind === 'transfer' || parts.directory.resolve(call.domain, dialled) !== undefined;
  if (!within) return refusals.outside;
  const far = call.other(party).leg?.endpoint;
  const rings = ({ endpoint }: Target) =>
    mayTakeOver(endpoint, own?.id) && (far?.kind !== 'device' || !sameDevice(endpoint, far));
  return { ...plan, stages: plan.stages.map((stage) => only(stage, rings)) };
}

/** Of the user's own devices those alone that are trusted (S1-09); a colleague's rings for a new call as well. */
const mayTakeOver = (endpoint: Endpoint, own: string | undefined): boolean =>
  endpoint.kind !== 'device' || endpoint.device.trusted || endpoint.user.id !== own;

/** A stage that leaves some devices alone. */
function only(stage: Stage, rings: (target: Target) => boolean): Stage {
  return {
    ...stage,
    targets: () => stage.targets().filter(rings),
    late: (binding) => {
      const target = stage.late(binding);
      return target !== undefined && rings(target) ? target : undefined;
    },
  };
}

/**
 * `*9 EXT #`, and the same by API: rings an extension for one party of a call, and hands the call over to whoever answers.
 * The two talk on until then. If nobody answers, nothing has happened.
 */
export function push(parts: PushParts, request: PushRequest): Push | Refusal {
  const { call, party } = request;
  if (call.phase !== 'talking' || party.leg === undefined) return refusals.notTalking;
  const plan = planOf(parts, request);
  if (isRefusal(plan)) return plan;
  if (plan.stages.every((stage) => stage.targets().length === 0)) return refusals.nobody;
  let started: Push | undefined;
  const claim = call.operations.claim('push', () => void started?.cancel('Taken by another device'));
  if (claim === undefined) return refusals.busy;
  started = new Push(parts, request, plan, claim);
  return started;
}

/** A push under way. */
export class Push {
  readonly flip: Flip;
  /** Settles when it is over: whether the call was handed on. */
  readonly done: Promise<boolean>;
  readonly call: Call;
  readonly party: Party;
  readonly #parts: PushParts;
  readonly #plan: RingPlan;
  readonly #own: boolean;
  /** Whether one device was chosen: that one alone may be asked to answer by itself. */
  readonly #chosen: boolean;
  readonly #claim: Claim;
  readonly #answered: (() => void) | undefined;
  #ring: Ring | undefined;
  #stopRingback: StopTone | undefined;
  #rings = false;
  #cancelled: string | undefined;
  /** Somebody has answered: it gives way to nothing any more. */
  #decided = false;
  #over = false;

  constructor(parts: PushParts, request: PushRequest, plan: RingPlan, claim: Claim) {
    const { call, party, by, extension } = request;
    this.call = call;
    this.party = party;
    this.#parts = parts;
    this.#plan = plan;
    this.#claim = claim;
    const pusher = party.leg === undefined ? undefined : userOf(party.leg.endpoint);
    this.#own = plan.meantFor.length === 1 && plan.meantFor[0] === pusher?.id;
    this.#chosen = parts.directory.resolve(call.domain, extension)?.kind === 'device';
    this.#answered = request.answered;
    const kind: FlipKind = this.#own ? 'push' : (request.kind ?? 'push');
    this.flip = new Flip(call, kind, party, { by, ...(extension === '' ? {} : { to: extension }) });
    // The far party is not left alone when the pusher hangs up now: what rings may still answer.
    party.awaited = () => this.#pusherLeft();
    parts.pushes.set(call.id, this);
    this.done = this.#run().finally(() => this.#settled());
  }

  /** It holds nothing of the call any more: the next move may begin, and does not find its traces. */
  #settled(): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.pushes.delete(this.call.id);
    this.party.awaited = undefined;
    this.#stopRingback?.();
    this.#claim.release();
  }

  get cancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  /** Gives the push up; the two talk on. False when somebody has answered already. */
  cancel(reason: string): boolean {
    if (this.#decided) return false;
    this.#cancelled ??= reason;
    this.#ring?.stop({ cause: 487, text: reason }, { status: 487, reason, contacts: [] });
    return true;
  }

  async #run(): Promise<boolean> {
    let reason = 'Nobody answered';
    for (const stage of this.#plan.stages) {
      if (this.#cancelled !== undefined || this.call.phase === 'ended') break;
      // oxlint-disable-next-line no-await-in-loop -- one stage after the other is the point
      const outcome = await this.#ringStage(stage);
      // oxlint-disable-next-line no-await-in-loop -- likewise
      if (outcome.kind === 'won') return await this.#handOver(outcome.leg);
      ({ reason } = outcome.failure);
      if (stage.goesOn?.(outcome.failure) === false) break;
    }
    this.#lost(this.#cancelled ?? (reason === '' ? 'Nobody answered' : reason));
    return false;
  }

  async #ringStage(stage: Stage): Promise<RingOutcome> {
    const { call, party } = this;
    const { settings } = call.context;
    const { ringSeconds, autoAnswer } = settings.features.push;
    const ring = new Ring(call, {
      party,
      from: farParty(call, party),
      callee: this.#plan.callee,
      seconds: Math.min(stage.seconds, ringSeconds),
      declineEndsAll: stage.declineEndsAll,
      maxForwards: 69,
      headers: this.#own && this.#chosen && autoAnswer ? answerByItself(call.domain) : {},
      late: (binding) => stage.late(binding),
      redirect: (contacts) => redirectTargets(this.#parts, call.domain, contacts),
      undelivered: (binding) => void deliveryFailed(this.#parts.bindings, binding),
      announce: () => this.#announced(),
      earlyMedia: () => this.#announced(),
    });
    this.#ring = ring;
    call.ringing = ring;
    this.#parts.rings.add(ring);
    for (const target of stage.targets()) ring.join(target);
    const outcome = await ring.result;
    this.#parts.rings.delete(ring);
    call.ringing = undefined;
    return outcome;
  }

  /** X1, X2: what the far party hears while the target rings. */
  #announced(): void {
    this.#rings = true;
    const { callerHears } = this.call.context.settings.features.push;
    if ((this.#own ? callerHears.ownDevice : callerHears.others) === 'ringback') this.#playRingback();
  }

  #playRingback(): void {
    const far = this.call.other(this.party).leg;
    if (far !== undefined) this.#stopRingback ??= play(this.call, far, 'ringback');
  }

  /** The pusher hung up: what rings now decides, and the far party hears that it does. */
  #pusherLeft(): void {
    if (this.#rings || this.#ring !== undefined) this.#playRingback();
  }

  async #handOver(next: Parameters<typeof swap>[2]['next']): Promise<boolean> {
    const { call, party } = this;
    this.#decided = true;
    this.#claim.firm();
    this.flip.answered(next.endpoint);
    this.#answered?.();
    this.#stopRingback?.();
    try {
      const far = farParty(call, party);
      const measures = await swap(call, party, {
        next,
        connect: async (confirmed) => {
          await call.media.answer(far, next.branch, next);
          confirmed();
        },
        settled: () => {
          if (!this.#own) party.identity = identityOf(next.endpoint);
          this.#settled();
        },
      });
      this.flip.moved(measures);
      return true;
    } catch (error) {
      this.#lost(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** Nobody has it: the two talk on, or, when the pusher has left, the far party is told. */
  #lost(reason: string): void {
    const { call, party } = this;
    this.#stopRingback?.();
    this.flip.failed(reason);
    if (party.leg?.state === 'ended' && party.next === undefined)
      call.end(party.side, { cause: 480, text: reason });
  }
}

/** Both spellings that phones know (RFC 3261 §20.9 leaves Call-Info's parameters open). */
const answerByItself = (domain: string) => ({
  'Call-Info': `<sip:${domain}>;answer-after=0`,
  'Alert-Info': `<sip:${domain}>;info=alert-autoanswer`,
});
