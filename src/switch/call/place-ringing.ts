import type { Action, Binding, RingResult, RingTarget, User } from '../../stores/index.ts';
import type { CallRouting } from '../routing/call-routing.ts';
import {
  behind,
  isRefusal,
  ringPlan,
  type Place,
  type PlanParts,
  type RingPlan,
  type Stage,
} from '../routing/plan.ts';
import type { Call } from './call.ts';
import type { Dressing } from './dressing.ts';
import { better } from './fork.ts';
import type { Forwarding, Forwardings } from './forwardings.ts';
import { nameOf } from './endpoint.ts';
import type { Leg } from './leg.ts';
import { within, type Manner } from './manner.ts';
import { callerGone, nothing, resultOf, type Came } from './outcome.ts';
import type { RingOutcome, Target } from './ring.ts';
import type { Round, Rounds } from './rounds.ts';
import type { InviteFailure, Refusal } from './signaling.ts';

export type PlaceRingingParts = PlanParts & {
  readonly rules: CallRouting;
  readonly forwardings: Forwardings;
};

type Joint = { readonly rounds: Rounds; readonly dressing: Dressing; readonly rungAs: Leg };

/** One of several targets that ring together; times are milliseconds from the beginning of the round. */
type Member = {
  readonly ms: number;
  readonly until: number;
  readonly now: () => readonly Target[];
  readonly late: (binding: Binding) => Target | undefined;
  readonly forwarding: Forwarding | undefined;
  readonly number: string | undefined;
};

/** How places ring for one call, as long as its time lasts. */
export class PlaceRinging {
  /** Rules have had a say: the caller hears one ringing until the answer, and no sound of who is tried (S2-29). */
  ruled = false;
  readonly #parts: PlaceRingingParts;
  readonly #call: Call;
  readonly #joint: Joint;
  readonly #until: number;

  constructor(parts: PlaceRingingParts, call: Call, joint: Joint) {
    this.#parts = parts;
    this.#call = call;
    this.#joint = joint;
    this.#until = call.context.clock.now() + parts.settings.routing.maxSeconds * 1000;
  }

  get msLeft(): number {
    return this.#until - this.#call.context.clock.now();
  }

  planOf(place: Place): RingPlan | Refusal {
    return ringPlan(this.#parts, place, {
      caller: this.#joint.rungAs.endpoint,
      silent: (user) => this.#isSilent(user),
    });
  }

  /** What a rule's target is: within the domain, or else outside, in the name of whoever's rule it is. */
  placeOf(to: string, manner: Manner, trunk?: string): Place {
    const { rules } = this.#parts;
    const { domain } = this.#call;
    const { mainNumber } = rules.policy(domain);
    return (
      rules.inside(domain, to) ?? {
        kind: 'outside',
        domain,
        number: to,
        ...(trunk === undefined ? {} : { trunk }),
        ...(manner.user === undefined ? {} : { onBehalfOf: manner.user }),
        ...(manner.shown === undefined ? {} : { shown: manner.shown }),
        ...(mainNumber === undefined ? {} : { mainNumber }),
      }
    );
  }

  /** Rings a place as it rings without rules. */
  async ring(place: Place, manner: Manner): Promise<Came> {
    const plan = this.planOf(place);
    if (isRefusal(plan)) return this.nobody(plan);
    const forwarding = this.#beginForwarding(place, manner);
    if (forwarding === 'refused') return nothing;
    this.#call.decide({ text: plan.decision });
    this.#call.isMeantFor(plan.meantFor);
    const came = await this.#ringStages(plan.stages, manner);
    this.#endForwarding(forwarding, came.kind === 'won');
    return came;
  }

  nobody(refusal: Refusal): Came {
    this.#call.decide({ text: `nothing to ring: ${refusal.reason}` });
    return { ...nothing, failure: { ...refusal, contacts: [] } };
  }

  /** Who registers, where this place is meant. */
  lateOf(place: Place): ((binding: Binding) => Target | undefined) | undefined {
    const plan = this.planOf(place);
    if (isRefusal(plan)) return undefined;
    return (binding) => firstOf(plan.stages, (stage) => stage.late(binding));
  }

  /** A rule's targets: all in one round, each from its time on and for its time; or one after the other. */
  async ringTargets(action: Extract<Action, { kind: 'ring' }>, manner: Manner): Promise<Came> {
    if (action.targets.length === 1 || action.order === 'together') return this.#ringTogether(action, manner);
    let result: RingResult | undefined;
    for (const { to, seconds = action.seconds } of action.targets) {
      if (this.msLeft <= 0) break;
      const place = this.#endOf(to, manner);
      if (place === undefined) continue;
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      const came = await this.ring(place, within(manner, seconds));
      if (came.kind !== 'lost') return came;
      result = came.result ?? result;
    }
    return { kind: 'lost', result };
  }

  async #ringStages(stages: readonly Stage[], manner: Manner): Promise<Came> {
    let best: InviteFailure | undefined;
    let result: RingResult = 'not-reachable';
    const { clock } = this.#call.context;
    const until = clock.now() + (manner.seconds ?? Infinity) * 1000;
    for (const stage of stages) {
      const targets = stage.targets().map((target) => this.#joint.dressing.dress(target, manner));
      if (targets.length === 0 && !stage.patient) continue;
      const left = (until - clock.now()) / 1000;
      if (left <= 0) break;
      // oxlint-disable-next-line no-await-in-loop -- one stage after the other is the point
      const outcome = await this.#round({
        // Who rings alone rings for as long as the rule says; members of a hunt group for their own time.
        seconds: stages.length === 1 && left < Infinity ? left : Math.min(stage.seconds, left),
        declineEndsAll: stage.declineEndsAll,
        targets,
        earlyMedia: !this.ruled,
        late: (binding) => this.#dressed(stage.late(binding), manner) ?? manner.joins?.(binding),
      });
      if (outcome.kind === 'won') return outcome;
      if (this.#call.phase === 'ended') return callerGone;
      best = better(best, outcome.failure);
      result = resultOf(outcome);
      if (stage.goesOn?.(outcome.failure) === false) break;
    }
    return { kind: 'lost', result, failure: best };
  }

  async #ringTogether(
    { targets, seconds }: Extract<Action, { kind: 'ring' }>,
    manner: Manner,
  ): Promise<Came> {
    const members = targets.flatMap((one) => this.#memberOf(one, manner));
    if (members.length === 0) return nothing;
    const { clock } = this.#call.context;
    const begun = clock.now();
    const first = members.filter(({ ms }) => ms === 0).flatMap(({ now }) => now());
    const later = members.filter(({ ms }) => ms > 0);
    // Nobody is there to ring: the next rule has its turn at once.
    if (first.length === 0 && later.length === 0) return { kind: 'lost', result: 'not-reachable' };
    const rings = ({ ms, until }: Member) => clock.now() - begun >= ms && clock.now() - begun < until;
    const outcome = await this.#round({
      seconds,
      declineEndsAll: false,
      targets: first,
      later: later.map(({ ms, now }) => ({ ms, targets: now })),
      earlyMedia: false,
      late: (binding) =>
        firstOf(members.filter(rings), ({ late }) => late(binding)) ?? manner.joins?.(binding),
    });
    for (const { forwarding, number } of members)
      this.#endForwarding(forwarding, outcome.kind === 'won' && leadsTo(outcome.leg, number));
    if (outcome.kind === 'won') return outcome;
    if (this.#call.phase === 'ended') return callerGone;
    return { kind: 'lost', result: resultOf(outcome), failure: outcome.failure };
  }

  /** One target of those that ring together; none where it leads nowhere, or may not be rung. */
  #memberOf({ to, afterSeconds = 0, seconds }: RingTarget, manner: Manner): readonly Member[] {
    const place = this.#endOf(to, manner);
    const plan = place === undefined ? undefined : this.planOf(place);
    if (place === undefined || plan === undefined) return [];
    if (isRefusal(plan)) {
      this.#call.decide({ text: `${to}: ${plan.reason}` });
      return [];
    }
    const forwarding = this.#beginForwarding(place, manner);
    if (forwarding === 'refused') return [];
    this.#call.isMeantFor(plan.meantFor);
    const dress = (target: Target): Target => ({
      ...this.#joint.dressing.dress(target, manner),
      ...(seconds === undefined ? {} : { seconds }),
    });
    const targets = () => plan.stages.flatMap((stage) => stage.targets()).map(dress);
    return [
      {
        ms: afterSeconds * 1000,
        until: seconds === undefined ? Infinity : (afterSeconds + seconds) * 1000,
        now: place.kind === 'outside' ? () => inTurn(targets(), plan.stages) : targets,
        late: (binding) => {
          const target = firstOf(plan.stages, (stage) => stage.late(binding));
          return target && dress(target);
        },
        forwarding,
        number: place.kind === 'outside' ? place.number : undefined,
      },
    ];
  }

  /** Whom a target stands for in the end; nobody where that leads nowhere, or where it does not want to be disturbed. */
  #endOf(to: string, manner: Manner): Place | undefined {
    const end = behind(this.#parts, this.placeOf(to, manner), this.#joint.rungAs.endpoint);
    if (isRefusal(end)) {
      this.#call.decide({ text: `${to}: ${end.reason}` });
      return undefined;
    }
    if (end.kind !== 'user' || end.user.id === manner.user?.id || !this.#isSilent(end.user)) return end;
    this.#call.decide({ text: `${to} does not want to be disturbed` });
    return undefined;
  }

  #isSilent({ domain, id }: User): boolean {
    return this.#parts.rules.presence({ domain, kind: 'user', id }).has('do-not-disturb');
  }

  #dressed(target: Target | undefined, manner: Manner): Target | undefined {
    return target && this.#joint.dressing.dress(target, manner);
  }

  /** Rings for no longer than the call's time lasts, and notes what came of it. */
  async #round(round: Round): Promise<RingOutcome> {
    const before = this.#call.legs.length;
    const seconds = Math.min(round.seconds, Math.max(0, this.msLeft) / 1000);
    const outcome = await this.#joint.rounds.ring({ ...round, seconds });
    const rang = [...new Set(this.#call.legs.slice(before).map(calledAs))];
    const result = outcome.kind === 'won' ? 'answered' : resultOf(outcome);
    const text =
      outcome.kind === 'won'
        ? `answered by ${calledAs(outcome.leg)}`
        : `${rang.length === 0 ? 'nobody' : rang.join(', ')} rang: ${result}`;
    this.#call.decide({ text, rang, result });
    return outcome;
  }

  /** The policy's limits, and no circles; nothing is counted where no rule forwards. */
  #beginForwarding(place: Place, manner: Manner): Forwarding | undefined | 'refused' {
    if (place.kind !== 'outside' || manner.by === undefined) return undefined;
    const { caller, history } = this.#joint.dressing;
    const { id: callId } = this.#call;
    const forwarding = this.#parts.forwardings.begin({ callId, owner: manner.by, caller, history });
    if (typeof forwarding !== 'string') return forwarding;
    this.#call.decide({ text: `not outside: ${forwarding}` });
    return 'refused';
  }

  #endForwarding(forwarding: Forwarding | undefined, answered: boolean): void {
    if (forwarding === undefined) return;
    forwarding.rung();
    if (answered && this.#call.phase !== 'ended') this.#call.afterwards.push(forwarding.over);
    else forwarding.over();
  }
}

const firstOf = <T, R>(list: readonly T[], find: (one: T) => R | undefined): R | undefined => {
  for (const one of list) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
};

const calledAs = ({ endpoint }: Leg): string =>
  endpoint.kind === 'trunk' ? endpoint.number : nameOf(endpoint);

const leadsTo = ({ endpoint }: Leg, number: string | undefined): boolean =>
  endpoint.kind === 'trunk' && endpoint.number === number;

/** The ways to one outside number as one target: each is tried when the one before fails by its gateway's fault. */
function inTurn(targets: readonly Target[], stages: readonly Stage[]): readonly Target[] {
  const goesOn = stages[0]?.goesOn;
  const first = targets.reduceRight<Target | undefined>(
    (next, target) =>
      next === undefined || goesOn === undefined
        ? target
        : { ...target, otherwise: { goesOn, target: next } },
    undefined,
  );
  return first === undefined ? [] : [first];
}
