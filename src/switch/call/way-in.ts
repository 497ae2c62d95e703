import type { DirectoryStore } from '../../stores/index.ts';
import {
  isRefusal,
  planFor,
  redirectTargets,
  type PlanParts,
  type RingPlan,
  type Stage,
} from '../routing/plan.ts';
import type { CallRouting } from '../routing/call-routing.ts';
import { isBareAddress } from '../directory/index.ts';
import { deliveryFailed, uriParts } from '../registrar/index.ts';
import { trunkAt } from '../trunks/trunks.ts';
import { bridge } from './bridge.ts';
import type { CallRate } from './call-rate.ts';
import type { CallEvents } from './call-view.ts';
import { Call, type CallContext } from './call.ts';
import type { Calls } from './calls.ts';
import { identityOf, userOf, type Endpoint } from './endpoint.ts';
import { better } from './fork.ts';
import { asksPrivacy, fromHeader } from './identity.ts';
import { inspect } from './inspect.ts';
import type { Leg } from './leg.ts';
import type { Overload } from './overload.ts';
import { mediaRefusal } from './media-session.ts';
import { Ring, type RingOutcome } from './ring.ts';
import { placeholderOffer } from './session-description.ts';
import { SipFailure, type Incoming, type InviteFailure, type Refusal } from './signaling.ts';

/** An INVITE on its way in. Each step adds what it found out. */
export type Attempt = {
  readonly incoming: Incoming;
  /** Who calls: a trunk by its address, anybody else by digest. */
  caller: Endpoint | undefined;
  domain: string;
  dialled: string;
  maxForwards: number;
  plan: RingPlan | undefined;
  call: Call | undefined;
  /** A feature has taken the INVITE: nothing is left to ring. */
  taken: boolean;
};

/** Goes on (`undefined`), or says what the caller is answered. */
export type Step = (attempt: Attempt) => Promise<Refusal | undefined> | Refusal | undefined;

export type WayInParts = PlanParts & {
  readonly context: CallContext;
  readonly calls: Calls;
  readonly rate: CallRate;
  readonly rules: CallRouting;
  /** Absent: nothing is refused for being late. */
  readonly overload: Overload | undefined;
  readonly directory: DirectoryStore;
  /** The rings that are open: who registers may join one. */
  readonly rings: Set<Ring>;
  readonly accepting: () => boolean;
  readonly authenticate: (incoming: Incoming) => { readonly endpoint: Endpoint } | Refusal;
  /** What features make of an INVITE before it is routed: codes, Replaces. */
  readonly features: Step;
};

/** The way in of a call, step by step. */
export function wayIn(parts: WayInParts): (incoming: Incoming, dialled: string) => Promise<void> {
  const steps: readonly Step[] = [
    (attempt) => shed(parts, attempt),
    (attempt) => identify(parts, attempt),
    (attempt) => authenticate(parts, attempt),
    (attempt) => inspect(attempt.incoming),
    (attempt) => meansUs(parts, attempt),
    (attempt) => admit(parts, attempt),
    parts.features,
    (attempt) => route(parts, attempt),
    (attempt) => ring(parts, attempt),
  ];
  return async (incoming, dialled) => {
    const attempt: Attempt = {
      incoming,
      caller: undefined,
      domain: parts.settings.domain,
      dialled,
      maxForwards: 70,
      plan: undefined,
      call: undefined,
      taken: false,
    };
    try {
      for (const step of steps) {
        // A CANCEL can come at any time, and each step may have taken some.
        if (incoming.cancelled || attempt.taken) return;
        const refusal = await step(attempt);
        if (refusal !== undefined) return refuse(attempt, refusal);
      }
    } catch (error) {
      // A fault of ours: the caller hears of it, and nothing of the call stays behind.
      const { log } = attempt.call ?? parts.context;
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'INVITE not handled');
      refuse(attempt, { status: 500, reason: 'Internal error' });
    }
  };
}

function refuse(attempt: Attempt, refusal: Refusal): void {
  const { call, incoming } = attempt;
  if (call === undefined) incoming.refuse(refusal);
  else {
    incoming.refuse(refusal);
    call.end('switch', { cause: refusal.status, text: refusal.reason }, refusal);
  }
}

/** A trunk is known by where it calls from. */
function identify(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  const { incoming } = attempt;
  if (/;\s*tag=/i.test(incoming.get('To') ?? '')) return { status: 481, reason: 'No such dialog' };
  const trunk = trunkAt(parts.directory, incoming.source);
  if (trunk === undefined) return undefined;
  attempt.caller = { kind: 'trunk', trunk, ...fromHeader(incoming.get('From') ?? '') };
  attempt.domain = trunk.domain;
  return undefined;
}

function authenticate(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  if (attempt.caller !== undefined) return undefined;
  const result = parts.authenticate(attempt.incoming);
  if ('status' in result) return result;
  attempt.caller = result.endpoint;
  attempt.domain = userOf(result.endpoint)?.domain ?? attempt.domain;
  return undefined;
}

/** RFC 3261 §16.5, for who is no open relay: other people's domains are called by other ways. */
function meansUs(parts: WayInParts, { incoming, caller, domain }: Attempt): Refusal | undefined {
  const host = uriParts(incoming.uri)?.host;
  if (caller?.kind !== 'device' || host === undefined) return undefined;
  if (isBareAddress(host) || parts.directory.domain(host)?.name === domain) return undefined;
  return { status: 404, reason: 'No such domain here' };
}

/** Before anything is done for a call that could not be served in time. */
function shed({ overload, context }: WayInParts, { incoming, dialled }: Attempt): Refusal | undefined {
  const refusal = overload?.refusal(incoming, dialled);
  if (refusal !== undefined) context.events.emit('refused', { because: 'overload' });
  return refusal;
}

function admit(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  const { settings, calls } = parts;
  // RFC 3261 §16.3 step 3, which keeps calls from going round for ever.
  const hops = Number.parseInt(attempt.incoming.get('Max-Forwards') ?? '70', 10);
  if (Number.isNaN(hops) || hops <= 0) return { status: 483, reason: 'Too many hops' };
  attempt.maxForwards = hops - 1;
  const refused = (because: CallEvents['refused']['because'], reason: string, seconds: string): Refusal => {
    parts.context.events.emit('refused', { because });
    return { status: 503, reason, headers: { 'Retry-After': seconds } };
  };
  if (!parts.accepting()) return refused('draining', 'Shutting down', '30');
  if (calls.size >= settings.limits.calls) return refused('limit', 'Too many calls', '5');
  if (!parts.rate.admit(attempt.incoming.source.address)) return refused('rate', 'Too many calls', '5');
  const user = attempt.caller === undefined ? undefined : userOf(attempt.caller);
  if (user !== undefined && calls.ofUser(user.id).length >= settings.limits.callsPerUser)
    return { status: 486, reason: 'Too many calls of this user' };
  return undefined;
}

function route(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  const { caller, domain, dialled, incoming } = attempt;
  if (caller === undefined) return { status: 403, reason: 'Not known here' };
  const plan = planFor(parts, { domain, dialled, caller });
  if (isRefusal(plan)) return plan;
  attempt.plan = plan;
  const who = { caller: identityOf(caller, asksPrivacy(incoming)), callee: plan.callee };
  const call = new Call(parts.context, who, parts.calls);
  attempt.call = call;
  call.decisions.push(plan.decision);
  call.isMeantFor(plan.meantFor);
  const leg = call.newLeg(call.caller, caller, incoming);
  if (leg.sdp === '') leg.sdp = placeholderOffer;
  call.caller.leg = leg;
  incoming.onCancel((reason) => {
    // Another device of the caller may have taken the call over meanwhile.
    if (!leg.over(reason) || call.caller.leg !== leg) return;
    call.end('caller', reason ?? { cause: 487, text: 'Cancelled by the caller' });
  });
  parts.calls.add(call);
  parts.context.events.emit('started', call.view());
  return undefined;
}

async function ring(parts: WayInParts, attempt: Attempt): Promise<Refusal | undefined> {
  const { call } = attempt;
  if (call === undefined) return { status: 500, reason: 'Nothing to ring' };
  const rungAs = call.caller.leg;
  if (rungAs === undefined) return { status: 500, reason: 'Nobody calls' };
  const outcome = await ringInTurn(parts, attempt, call, rungAs);
  call.ringing = undefined;
  if (call.phase === 'ended') return undefined;
  if (outcome.kind === 'lost') return forCaller(outcome.failure);
  try {
    await bridge(call, outcome.leg, rungAs);
    return undefined;
  } catch (error) {
    call.log.warn({ error: String(error) }, 'not bridged');
    return error instanceof SipFailure
      ? { status: error.status, reason: error.message }
      : mediaRefusal(error);
  }
}

/** Rings one stage after the other until somebody answers or nobody is left. */
async function ringInTurn(
  parts: WayInParts,
  attempt: Attempt,
  call: Call,
  rungAs: Leg,
): Promise<RingOutcome> {
  let best: InviteFailure | undefined;
  for (const stage of attempt.plan?.stages ?? []) {
    const targets = stage.targets();
    if (targets.length === 0 && !stage.patient) continue;
    const current = openRing({ parts, attempt, call, rungAs }, stage);
    for (const target of targets) current.join(target);
    // Nobody rings yet, and somebody may: the caller is not left in silence.
    if (targets.length === 0) {
      attempt.incoming.progress(180);
      call.rings();
    }
    // oxlint-disable-next-line no-await-in-loop -- one stage after the other is the point
    const outcome = await current.result.finally(() => parts.rings.delete(current));
    if (outcome.kind === 'won' || call.phase === 'ended') return outcome;
    best = better(best, outcome.failure);
    if (stage.goesOn?.(outcome.failure) === false) break;
  }
  const failure = best ?? { status: 480, reason: 'Not registered', contacts: [] };
  return { kind: 'lost', failure, rang: false };
}

type Ringing = {
  readonly parts: WayInParts;
  readonly attempt: Attempt;
  readonly call: Call;
  readonly rungAs: Leg;
};

function openRing({ parts, attempt, call, rungAs: from }: Ringing, stage: Stage): Ring {
  const { incoming, maxForwards } = attempt;
  const ring = new Ring(call, {
    party: call.callee,
    from,
    seconds: stage.seconds,
    declineEndsAll: stage.declineEndsAll,
    maxForwards,
    late: (binding) => stage.late(binding),
    redirect: (contacts) => redirectTargets(parts, call.domain, contacts),
    undelivered: (binding) => void deliveryFailed(parts.bindings, binding),
    announce: () => {
      call.caller.leg?.incoming?.progress(180);
      call.rings();
    },
    earlyMedia: (sdp, leg) => {
      call.media.answer(from, leg.branch, { tag: leg.tag, sdp }).then(
        (body) => {
          if (call.caller.leg === from) incoming.progress(183, { body });
        },
        (error: unknown) => call.log.info({ error: String(error) }, 'no early media'),
      );
      call.rings();
    },
  });
  call.ringing = ring;
  parts.rings.add(ring);
  return ring;
}

const meaningful = new Set([404, 410, 415, 480, 484, 486, 488, 600, 603, 604, 606]);

/** What a phone's or trunk's failure is to the caller: what it means for a person, not what went wrong over there. */
export function forCaller({ status, reason }: InviteFailure): Refusal {
  if (meaningful.has(status)) return { status, reason: reason === '' ? 'Unavailable' : reason };
  if (status === 408) return { status: 480, reason: 'Not reachable' };
  if (status === 500 && reason === 'No media available') return { status, reason };
  return { status: 480, reason: 'Temporarily unavailable' };
}
