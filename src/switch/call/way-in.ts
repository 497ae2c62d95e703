import type { SourceRate } from '../../base/index.ts';
import type { DirectoryStore, Trunk } from '../../stores/index.ts';
import { behind, isRefusal, placeOf, ringPlan, type Place, type RingPlan } from '../routing/plan.ts';
import { isBareAddress } from '../directory/index.ts';
import { uriParts } from '../registrar/index.ts';
import type { TrunkCall } from '../trunks/inbound.ts';
import type { Trunks } from '../trunks/trunks.ts';
import { bridge } from './bridge.ts';
import type { CallEvents } from './call-view.ts';
import { Call, type CallContext } from './call.ts';
import type { Calls } from './calls.ts';
import { identityOf, userOf, type Endpoint } from './endpoint.ts';
import { asksPrivacy } from './identity.ts';
import { inspect } from './inspect.ts';
import type { Overload } from './overload.ts';
import { mediaRefusal } from './media-session.ts';
import { Search, type SearchParts } from './search.ts';
import { placeholderOffer } from './session-description.ts';
import { SipFailure, type Incoming, type Refusal } from './signaling.ts';

/** An INVITE on its way in. Each step adds what it found out. */
export type Attempt = {
  readonly incoming: Incoming;
  /** Who calls: a trunk by its address, anybody else by digest. */
  caller: Endpoint | undefined;
  domain: string;
  dialled: string;
  maxForwards: number;
  place: Place | undefined;
  call: Call | undefined;
  /** A feature has taken the INVITE: nothing is left to ring. */
  taken: boolean;
};

/** Goes on (`undefined`), or says what the caller is answered. */
export type Step = (attempt: Attempt) => Promise<Refusal | undefined> | Refusal | undefined;

export type WayInParts = SearchParts & {
  readonly trunks: Pick<Trunks, 'callFrom' | 'callBy'>;
  readonly context: CallContext;
  readonly calls: Calls;
  /** New calls of one address. */
  readonly rate: SourceRate;
  /** Absent: nothing is refused for being late. */
  readonly overload: Overload | undefined;
  readonly directory: DirectoryStore;
  readonly accepting: () => boolean;
  readonly authenticate: (
    incoming: Incoming,
  ) => { readonly endpoint: Endpoint } | { readonly trunk: Trunk } | Refusal;
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
      place: undefined,
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
  return entered(attempt, parts.trunks.callFrom(incoming));
}

/** What a trunk calls is known as soon as it is known itself. */
function entered(attempt: Attempt, call: TrunkCall | Refusal | undefined): Refusal | undefined {
  if (call === undefined || 'status' in call) return call;
  attempt.caller = call.endpoint;
  attempt.domain = call.domain;
  attempt.dialled = call.dialled;
  return undefined;
}

function authenticate(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  if (attempt.caller !== undefined) return undefined;
  const result = parts.authenticate(attempt.incoming);
  if ('status' in result) return result;
  if ('trunk' in result) return entered(attempt, parts.trunks.callBy(result.trunk, attempt.incoming));
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
function shed(
  { overload, context, trunks }: WayInParts,
  { incoming, dialled }: Attempt,
): Refusal | undefined {
  const refusal = overload?.refusal(incoming, dialled, trunks.isEmergency(dialled));
  if (refusal !== undefined) context.events.emit('refused', { because: 'overload' });
  return refusal;
}

function admit(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  // RFC 3261 §16.3 step 3, which keeps calls from going round for ever.
  const hops = Number.parseInt(attempt.incoming.get('Max-Forwards') ?? '70', 10);
  if (Number.isNaN(hops) || hops <= 0) return { status: 483, reason: 'Too many hops' };
  attempt.maxForwards = hops - 1;
  // Whoever is known here may call for help, whatever limit is reached.
  const help = attempt.caller?.kind === 'device' && parts.trunks.isEmergency(attempt.dialled);
  return help ? undefined : overLimit(parts, attempt);
}

function overLimit(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  const { settings, calls } = parts;
  const refused = (because: CallEvents['refused']['because'], reason: string, seconds: string): Refusal => {
    parts.context.events.emit('refused', { because });
    return { status: 503, reason, headers: { 'Retry-After': seconds } };
  };
  if (!parts.accepting()) return refused('draining', 'Shutting down', '30');
  if (calls.size >= settings.limits.calls) return refused('limit', 'Too many calls', '5');
  // All calls of a carrier come from one address.
  const { source } = attempt.incoming;
  if (attempt.caller?.kind !== 'trunk' && parts.rate.take(source.address) > 0)
    return refused('rate', 'Too many calls', '5');
  const user = attempt.caller === undefined ? undefined : userOf(attempt.caller);
  if (user !== undefined && calls.ofUser(user.id).length >= settings.limits.callsPerUser)
    return { status: 486, reason: 'Too many calls of this user' };
  return undefined;
}

function route(parts: WayInParts, attempt: Attempt): Refusal | undefined {
  const { caller, domain, dialled, incoming } = attempt;
  if (caller === undefined) return { status: 403, reason: 'Not known here' };
  const place = placeOf(parts, { domain, dialled, caller });
  if (isRefusal(place)) return place;
  const dialledTo = whoIs(parts, place, caller);
  if (isRefusal(dialledTo)) return dialledTo;
  attempt.place = place;
  const who = { caller: identityOf(caller, asksPrivacy(incoming)), callee: dialledTo.callee };
  const call = new Call(parts.context, who, parts.calls);
  attempt.call = call;
  if (place.kind === 'number') call.number = place.number.number;
  call.isMeantFor(dialledTo.meantFor);
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

/** Who was dialled, as the caller is told, wherever rules lead the call; and whose call it is at first. */
function whoIs(
  parts: WayInParts,
  place: Place,
  caller: Endpoint,
): Pick<RingPlan, 'callee' | 'meantFor'> | Refusal {
  const end = behind(parts, place, caller);
  const plan = isRefusal(end) ? end : ringPlan(parts, end, { caller });
  if (place.kind !== 'number' || !isRefusal(plan)) return plan;
  const { domain, number } = place.number;
  // A number whose rules alone say where its calls go.
  const { rules } = parts.rules.routing({ domain, kind: 'number', id: number });
  return rules.length === 0 ? plan : { callee: { domain, number, name: '', withheld: false }, meantFor: [] };
}

async function ring(parts: WayInParts, attempt: Attempt): Promise<Refusal | undefined> {
  const { call, place, incoming, maxForwards } = attempt;
  const rungAs = call?.caller.leg;
  if (call === undefined || place === undefined || rungAs === undefined)
    return { status: 500, reason: 'Nothing to ring' };
  const found = await new Search(parts, { call, incoming, rungAs, maxForwards }).run(place);
  if (call.phase === 'ended') return undefined;
  if (found.kind === 'lost') return found.refusal;
  try {
    await bridge(call, found.leg, rungAs, found.standIn);
    return undefined;
  } catch (error) {
    call.log.warn({ error: String(error) }, 'not bridged');
    return error instanceof SipFailure
      ? { status: error.status, reason: error.message }
      : mediaRefusal(error);
  }
}
