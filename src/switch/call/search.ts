import type { RingResult, RoutingOwner, User } from '../../stores/index.ts';
import { behind, isRefusal, type Place, type RingPlan } from '../routing/plan.ts';
import type { Looked, WalkStep } from '../routing/walk.ts';
import type { Voicemail } from '../voicemail/voicemail.ts';
import { announce } from './announcement.ts';
import type { Call } from './call.ts';
import { historyOf, type Hop } from './diversion.ts';
import { Dressing } from './dressing.ts';
import type { Leg } from './leg.ts';
import { as, plainly, within, type Manner } from './manner.ts';
import { callerGone, forCaller, nothing, refusalOf, type Came, type Found } from './outcome.ts';
import { PlaceRinging, type PlaceRingingParts } from './place-ringing.ts';
import { Rounds, type RoundsParts } from './rounds.ts';
import type { Incoming, InviteFailure, Refusal } from './signaling.ts';

export type SearchParts = RoundsParts &
  PlaceRingingParts & {
    /** Mailboxes of our own; absent where there are none. */
    readonly voicemail?: Pick<Voicemail, 'take'> | undefined;
  };

/** A call that looks for somebody to answer it. */
export type Seeking = {
  readonly call: Call;
  readonly incoming: Incoming;
  /** In whose name everybody is rung. */
  readonly rungAs: Leg;
  readonly maxForwards: number;
};

type Action = Extract<WalkStep, { do: 'act' }>['action'];
type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;

const unavailable: Refusal = { status: 480, reason: 'Temporarily unavailable' };
const notRegistered: InviteFailure = { status: 480, reason: 'Not registered', contacts: [] };

/**
 * Finds somebody to answer a call: rings whoever was dialled, and where there are rules does what they say, in order,
 * until somebody answers or nothing is left. Bounded in steps and in time, and never in a circle.
 */
export class Search {
  readonly #parts: SearchParts;
  readonly #seeking: Seeking;
  readonly #call: Call;
  readonly #dressing: Dressing;
  readonly #ringing: PlaceRinging;
  #steps = 0;
  /** The public number that was called last: by it, others are told of who forwards. */
  #number: string | undefined;
  /** Whom a rule forwarded to last. */
  #forwardedTo: string | undefined;

  constructor(parts: SearchParts, seeking: Seeking) {
    const { call, rungAs, maxForwards, incoming } = seeking;
    this.#parts = parts;
    this.#seeking = seeking;
    this.#call = call;
    this.#dressing = new Dressing(parts.rules, call, rungAs.endpoint, historyOf(incoming));
    const rounds = new Rounds(parts, call, rungAs, maxForwards);
    this.#ringing = new PlaceRinging(parts, call, { rounds, dressing: this.#dressing, rungAs });
  }

  async run(place: Place): Promise<Found> {
    const came = await this.#visit(place, plainly);
    if (came.kind === 'won') return came;
    if (came.kind === 'told') return { kind: 'lost', refusal: came.refusal };
    const { failure = notRegistered, result } = came;
    return { kind: 'lost', refusal: this.#ringing.ruled ? refusalOf(result) : forCaller(failure) };
  }

  /** The call is somebody's: by rules where there are some, else as it rings without. */
  #visit(place: Place, manner: Manner): Promise<Came> {
    const { rules } = this.#parts;
    const owner = ownerOf(place);
    if (owner === undefined) return this.#ringing.ring(place, manner);
    if (owner.kind === 'number') this.#number = owner.id;
    const key = `${owner.kind} ${owner.id}`;
    if (manner.path.has(key)) {
      this.#call.decide({ text: `not to ${rules.nameOf(owner)}: the call comes from there` });
      return Promise.resolve(nothing);
    }
    const inner = { ...manner, path: new Set([...manner.path, key]) };
    const routing = rules.routing(owner);
    const silent = routing.profile === 'do-not-disturb' || routing.presence === 'do-not-disturb';
    return routing.rules.length > 0 || silent
      ? this.#walk(owner, place, inner)
      : this.#ringOwner(place, inner);
  }

  async #walk(owner: RoutingOwner, place: Place, manner: Manner): Promise<Came> {
    this.#ringing.ruled = true;
    const walk = this.#parts.rules.walk(owner, { caller: this.#dressing.caller });
    let result: RingResult | undefined;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- each step depends on what the one before came to
      const { step, looked } = await walk.next(result);
      for (const one of looked) this.#looked(one);
      this.#call.changed();
      if (this.#call.phase === 'ended') return callerGone;
      if (step.do === 'end') return { kind: 'lost', result: step.result };
      if (this.#exhausted()) return { kind: 'told', refusal: unavailable };
      const came =
        step.do === 'act'
          ? // oxlint-disable-next-line no-await-in-loop -- likewise
            await this.#act(step.action, this.#mannerOf(owner, place, manner, step.result ?? result))
          : // oxlint-disable-next-line no-await-in-loop -- likewise
            await this.#ringOwner(place, within(manner, step.seconds));
      if (came.kind !== 'lost') return came;
      ({ result } = came);
    }
  }

  #looked({ owner, rule, taken, why }: Looked): void {
    const name = this.#parts.rules.nameOf(owner);
    const text =
      rule === undefined
        ? `${name}: ${why}`
        : `${name}, rule "${rule.name}" ${taken ? '' : 'not '}taken: ${why}`;
    this.#call.decide({ text, owner: name, taken, ...(rule === undefined ? {} : { rule }) });
  }

  /** Whether the call has been led about for long enough. */
  #exhausted(): boolean {
    const { maxSteps, maxSeconds } = this.#parts.settings.routing;
    this.#steps += 1;
    if (this.#steps > maxSteps) this.#call.decide({ text: `given up after ${maxSteps} steps` });
    else if (this.#ringing.msLeft <= 0) this.#call.decide({ text: `given up after ${maxSeconds} s` });
    else return false;
    return true;
  }

  /** In what manner somebody's rules ring others. */
  #mannerOf(owner: RoutingOwner, place: Place, before: Manner, result: RingResult | undefined): Manner {
    const user = place.kind === 'user' ? place.user : undefined;
    const number = this.#number ?? user?.number ?? this.#parts.rules.nameOf(owner);
    const hop: Hop = { number, domain: owner.domain, result };
    const { user: _user, joins: _joins, ...rest } = before;
    // Who was not there and registers meanwhile still gets the call (X12).
    const joins = result === 'not-reachable' ? this.#ringing.lateOf(place) : undefined;
    return {
      ...rest,
      hops: [...before.hops, hop],
      by: owner,
      ...(user === undefined ? {} : { user }),
      ...(joins === undefined ? {} : { joins }),
    };
  }

  #act(action: Action, manner: Manner): Promise<Came> {
    if (action.kind === 'ring') return this.#ringing.ringTargets(action, as(manner, action));
    if (action.kind === 'forward') return this.#forward(action, as(manner, action));
    if (action.kind === 'mailbox') return this.#mailbox(action, manner);
    if (action.kind === 'announcement') return this.#announce(action);
    this.#call.decide({ text: 'busy, as the rule says', result: 'busy' });
    return Promise.resolve({ kind: 'told', refusal: refusalOf('busy') });
  }

  #forward({ to, trunk, seconds }: ActionOf<'forward'>, manner: Manner): Promise<Came> {
    const place = this.#ringing.placeOf(to, manner, trunk);
    const kind = place.kind === 'outside' ? 'outside' : 'inside';
    this.#forwardedTo = to;
    this.#call.decide({ text: `forwarded to ${to}, ${kind}`, forward: { to, kind } });
    return this.#visit(place, within(manner, seconds));
  }

  /**
   * One of our own, unless the configuration names another instead. If that is a mailbox system of its own, it knows by
   * Diversion whose mailbox is meant, as such systems do.
   */
  async #mailbox({ of }: ActionOf<'mailbox'>, manner: Manner): Promise<Came> {
    const { mailboxFallback } = this.#parts.settings.routing;
    const whose = typeof of === 'object' ? of.extension : of === 'target' ? this.#forwardedTo : undefined;
    const named = whose ?? (manner.by === undefined ? '' : this.#parts.rules.nameOf(manner.by));
    const user = this.#parts.directory.user(this.#call.domain, named);
    if (mailboxFallback === 'busy' && this.#parts.voicemail !== undefined && user !== undefined)
      return this.#ownMailbox(this.#parts.voicemail, user);
    this.#call.decide({ text: `mailbox of ${named}: there is none here; instead ${mailboxFallback}` });
    if (mailboxFallback === 'busy') return { kind: 'told', refusal: refusalOf('busy') };
    const hop: Hop = { number: named, domain: this.#call.domain, result: manner.hops.at(-1)?.result };
    const meant = whose === undefined ? manner : { ...manner, hops: [...manner.hops, hop] };
    const came = await this.#visit(this.#ringing.placeOf(mailboxFallback, meant), meant);
    // The end of the way, whatever it comes to.
    return came.kind === 'lost' ? { kind: 'told', refusal: refusalOf(came.result) } : came;
  }

  async #ownMailbox(voicemail: Pick<Voicemail, 'take'>, user: User): Promise<Came> {
    const text = `mailbox of ${user.extension}`;
    try {
      const leg = await voicemail.take(this.#call, this.#seeking.rungAs, user);
      this.#call.decide({ text });
      return { kind: 'won', leg };
    } catch (error) {
      this.#call.log.warn({ error: String(error) }, 'mailbox not available');
      this.#call.decide({ text: `${text}: not available` });
      return { kind: 'told', refusal: unavailable };
    }
  }

  async #announce({ file }: ActionOf<'announcement'>): Promise<Came> {
    const { rungAs: leg, incoming } = this.#seeking;
    const folder = this.#parts.settings.routing.announcements;
    const came = await announce(this.#call, { leg, incoming }, { folder, file });
    this.#call.decide({ text: `announcement ${file} ${came}` });
    return this.#call.phase === 'ended' ? callerGone : { kind: 'told', refusal: unavailable };
  }

  /** Somebody's own ringing, whatever the rules say. A number rings whoever it stands for. */
  #ringOwner(place: Place, manner: Manner): Promise<Came> {
    if (place.kind === 'number') return this.#ringNumber(place, manner);
    return this.#insteadOfCold(place, manner) ?? this.#ringing.ring(place, manner);
  }

  #ringNumber(place: Extract<Place, { kind: 'number' }>, manner: Manner): Promise<Came> {
    const { domain, target } = place.number;
    const next = this.#parts.rules.inside(domain, target);
    if (next !== undefined) return this.#visit(next, manner);
    const end = behind(this.#parts, place, this.#seeking.rungAs.endpoint);
    return isRefusal(end) ? Promise.resolve(this.#ringing.nobody(end)) : this.#ringing.ring(end, manner);
  }

  /** X12: a cold target that is not there goes to the mailbox, where there is something like one. */
  #insteadOfCold(place: Place, manner: Manner): Promise<Came> | undefined {
    const { mailboxFallback } = this.#parts.settings.routing;
    const owner = ownerOf(place);
    const some = mailboxFallback !== 'busy' || this.#parts.voicemail !== undefined;
    if (!some || owner?.kind !== 'user') return undefined;
    const plan = this.#ringing.planOf(place);
    if (isRefusal(plan) || !plan.stages.some(isWaiting)) return undefined;
    this.#call.decide({ text: `${plan.decision}, which is not there` });
    this.#call.isMeantFor(plan.meantFor);
    this.#ringing.ruled = true;
    return this.#mailbox(
      { kind: 'mailbox', of: 'own' },
      this.#mannerOf(owner, place, manner, 'not-reachable'),
    );
  }
}

const isWaiting = (stage: RingPlan['stages'][number]): boolean =>
  stage.patient && stage.targets().length === 0;

/** Whose rules a place has; devices and outside numbers have none. */
function ownerOf(place: Place): RoutingOwner | undefined {
  if (place.kind === 'user') return { domain: place.user.domain, kind: 'user', id: place.user.id };
  if (place.kind === 'group') return { domain: place.group.domain, kind: 'group', id: place.group.id };
  if (place.kind !== 'number') return undefined;
  return { domain: place.number.domain, kind: 'number', id: place.number.number };
}
