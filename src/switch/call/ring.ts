import type { Timer } from '../../base/index.ts';
import type { Binding } from '../../stores/index.ts';
import type { Call, Party } from './call.ts';
import { capabilities } from './capabilities.ts';
import { samePhone } from '../registrar/index.ts';
import { familyAt, type Endpoint, type Identity } from './endpoint.ts';
import { startFork, stepFork, type Fork, type ForkEffect, type ForkEvent } from './fork.ts';
import { callerHeaders, noted } from './identity.ts';
import type { Leg } from './leg.ts';
import { mediaRefusal, type MediaParty, type Offering } from './media-session.ts';
import { standInFor, withDirection } from './session-description.ts';
import type { Dialog, Headers, InviteFailure, Outgoing, Reason, Route } from './signaling.ts';

/** One contact to ring. */
export type Target = {
  readonly endpoint: Endpoint;
  readonly route: Route;
  /** Who answers there has to say that it will take the call: an outside party may be a machine. */
  readonly confirm?: boolean;
  /** How long this one rings; as long as the others where it is left out. */
  readonly seconds?: number;
  /** As whom it sees the caller, where that is not the caller itself; and what it is told besides. */
  readonly caller?: Identity;
  /** Words for the phone's display, behind the caller's name. */
  readonly note?: string;
  /** How it is told of the caller, where that is not for everybody: a trunk has a format of its own. */
  readonly callerHeaders?: (caller: Identity) => Headers;
  readonly headers?: Headers;
  /** Another way to the same, which is tried when this one fails in such a way. */
  readonly otherwise?: { readonly goesOn: (failure: InviteFailure) => boolean; readonly target: Target };
  /** A rule forwarded the call there. */
  readonly forwarded?: Forwarded;
};

/** Whether a leg exists because a call was forwarded, and whether that led out of the system. */
export type Forwarded = 'inside' | 'outside';

/** A question put to who answered a leg. `stop` ends it where nobody wants to know any more. */
export type Asking = { readonly answer: Promise<boolean>; stop(): void };

export type RingOptions = {
  /** The party that the targets ring for; the winner's leg is to speak for it. */
  readonly party: Party;
  /** The other party, in whose name they are rung. */
  readonly from: MediaParty;
  /** Whom they are rung as; the party itself where it is left out. */
  readonly callee?: Identity;
  readonly seconds: number;
  readonly declineEndsAll: boolean;
  readonly maxForwards: number;
  readonly headers?: Headers;
  /** The target that a device is which registers meanwhile; none when it is not meant. */
  readonly late: (binding: Binding) => Target | undefined;
  /** Where a 3xx leads, within the directory; nowhere when it leads out of it. */
  readonly redirect: (contacts: readonly string[]) => readonly Target[];
  /** Nothing reached the phone of that binding. */
  readonly undelivered?: (binding: Binding) => void;
  /** The first 180, and the SDP of early media. */
  readonly announce: () => void;
  /** Without it no sound of who rings reaches the caller, who is told that it rings. */
  readonly earlyMedia?: (sdp: string, leg: Leg) => void;
  /** Asks who answered to confirm; without it nobody is asked, and who should be is not rung. */
  readonly ask?: (leg: Leg) => Asking;
};

export type RingOutcome =
  | {
      readonly kind: 'won';
      readonly leg: Leg;
      /** With whom the media engine has connected the leg until now, where it had to confirm. */
      readonly standIn?: MediaParty;
    }
  | {
      readonly kind: 'lost';
      readonly failure: InviteFailure;
      /** Whether any of them rang, as far as it told. */
      readonly rang: boolean;
    };

type Branch = {
  readonly leg: Leg;
  readonly target: Target | undefined;
  /** Which of `ways` it was offered. */
  readonly way: number;
  /** Of a branch that has to confirm: who the media engine takes for the caller until then. */
  readonly standIn: MediaParty | undefined;
  outgoing: Outgoing | undefined;
  earlySdp: string | undefined;
  asking: Asking | undefined;
  timer: Timer | undefined;
};

const fresh = (leg: Leg, target: Target | undefined): Branch => ({
  leg,
  target,
  way: 0,
  standIn: undefined,
  outgoing: undefined,
  earlySdp: undefined,
  asking: undefined,
  timer: undefined,
});

const bindingOf = (endpoint: Endpoint): Binding | undefined =>
  endpoint.kind === 'device' ? endpoint.binding : undefined;

const markOf = ({ route }: Target): string => `${route.uri} ${route.proxy ?? ''}`;

const connectionLost: Reason = { cause: 480, text: 'Connection lost' };
const noAnswer: Reason = { cause: 408, text: 'No answer' };
const unanswered: InviteFailure = { status: 480, reason: 'No answer', contacts: [] };
const hungUp: InviteFailure = { status: 480, reason: 'Not confirmed', contacts: [] };
const maxBranches = 64;

/**
 * What a device is offered, and then, while it answers that it cannot take that: codecs that the media engine can make
 * out of the other party's, and SRTP with keys in the description (RFC 4568).
 */
const makeable = ['opus/48000/2', 'g722/8000', 'pcma/8000', 'pcmu/8000'];
const ways: readonly Offering[] = [
  {},
  { transcode: makeable },
  { transcode: makeable, protocol: 'RTP/SAVP' },
];

/** Not acceptable as it was offered (RFC 3261 §21.4.13, §21.4.26, §21.6.4). */
const notAcceptable = new Set([415, 488, 606]);

/**
 * Rings any number of contacts for one party. All that happens is fed to the fork, which alone decides; this class
 * carries its decisions out.
 */
export class Ring {
  /** Settles once: with the leg that won, or the best failure. */
  readonly result: Promise<RingOutcome>;
  readonly #call: Call;
  readonly #options: RingOptions;
  readonly #branches = new Map<string, Branch>();
  readonly #contacts = new Set<string>();
  readonly #timer: Timer;
  readonly #mediaBranch: string;
  #fork: Fork;
  #rang = false;
  readonly #later = new Set<Timer>();
  readonly #offers = new Map<string, Promise<string>>();
  #settle: (outcome: RingOutcome) => void = () => undefined;

  constructor(call: Call, options: RingOptions) {
    const { clock, random } = call.context;
    this.#call = call;
    this.#options = options;
    this.#fork = startFork(options.declineEndsAll, options.earlyMedia !== undefined);
    this.#mediaBranch = random.hex(8);
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = clock.after(options.seconds * 1000, () =>
      this.#step({ kind: 'time-up', reason: noAnswer, failure: unanswered }),
    );
  }

  get open(): boolean {
    return this.#fork.phase === 'ringing';
  }

  /** The legs that ring now. */
  get legs(): readonly Leg[] {
    return [...this.#branches.values()]
      .map((branch) => branch.leg)
      .filter((leg) => ['calling', 'ringing'].includes(this.#fork.branches.get(leg.id) ?? ''));
  }

  /** Adds a contact; one that rings already is left alone. */
  join(target: Target): void {
    const mark = markOf(target);
    if (target.confirm === true && this.#options.ask === undefined) return;
    if (!this.open || this.#contacts.has(mark) || this.#branches.size >= maxBranches) return;
    if (this.#ringsAlready(target)) return;
    this.#contacts.add(mark);
    this.#add(target, 0);
  }

  /** Contacts that join after so long: until then the ring goes on, although nobody may be ringing. */
  joinAfter(ms: number, targets: () => readonly Target[]): void {
    this.#step({ kind: 'expect', count: 1 });
    const timer = this.#call.context.clock.after(ms, () => {
      this.#later.delete(timer);
      for (const target of targets()) this.join(target);
      this.#step({ kind: 'expect', count: -1 });
    });
    this.#later.add(timer);
  }

  #add(target: Target, way: number): void {
    const { clock, random } = this.#call.context;
    const leg = this.#call.newLeg(this.#options.party, target.endpoint);
    leg.forwarded = target.forwarded;
    const family = familyAt(target.endpoint) === 'IP6' ? '6' : '';
    const standIn =
      target.confirm === true ? { tag: random.hex(8), sdp: standInFor(this.#options.from.sdp) } : undefined;
    // Who must confirm is connected with nobody else meanwhile, and so has an offer of its own.
    if (standIn === undefined) leg.branch = `${this.#mediaBranch}${family}${way === 0 ? '' : `w${way}`}`;
    const { seconds } = target;
    const giveUp = () => this.#step({ kind: 'give-up', branch: leg.id, reason: noAnswer });
    const timer = seconds === undefined ? undefined : clock.after(seconds * 1000, giveUp);
    this.#branches.set(leg.id, { ...fresh(leg, target), way, standIn, timer });
    this.#step({ kind: 'join', branch: leg.id });
  }

  /** A phone that has registered anew, with another contact, and rings at its old one. */
  #ringsAlready({ endpoint }: Target): boolean {
    const binding = bindingOf(endpoint);
    if (binding === undefined) return false;
    return [...this.#branches.values()].some(({ leg }) => {
      const other = this.#fork.branches.get(leg.id) === 'ringing' ? bindingOf(leg.endpoint) : undefined;
      return other !== undefined && samePhone(binding, other);
    });
  }

  /** A device has registered: it rings too, when it is meant. */
  registered(binding: Binding): void {
    const target = this.open ? this.#options.late(binding) : undefined;
    if (target !== undefined) this.join(target);
  }

  /** The way to a phone is gone: it rings no more, and is rung anew when it registers again. */
  lost(binding: Binding): void {
    for (const branch of this.#branches.values()) {
      if (branch.target === undefined || bindingOf(branch.leg.endpoint)?.id !== binding.id) continue;
      this.#contacts.delete(markOf(branch.target));
      if (branch.leg.state !== 'ringing') continue;
      branch.outgoing?.cancel(connectionLost);
      this.#failed(branch, { status: 480, reason: 'Not reachable', contacts: [] });
    }
  }

  /** A device called in to take what rings. It answers like any other branch, and wins if nobody has yet. */
  take(leg: Leg): boolean {
    if (!this.open) return false;
    this.#branches.set(leg.id, fresh(leg, undefined));
    this.#step({ kind: 'join', branch: leg.id });
    this.#step({ kind: 'answered', branch: leg.id });
    return this.#fork.branches.get(leg.id) === 'won';
  }

  /** Who was asked to confirm has hung up. */
  left(leg: Leg): void {
    const branch = this.#branches.get(leg.id);
    if (branch === undefined) return;
    this.#unask(branch);
    this.#step({ kind: 'failed', branch: leg.id, failure: hungUp });
  }

  stop(reason: Reason, failure: InviteFailure): void {
    this.#step({ kind: 'stop', reason, failure });
  }

  #step(event: ForkEvent): void {
    const [fork, effects] = stepFork(this.#fork, event);
    this.#fork = fork;
    if (fork.phase !== 'ringing') this.#stopTimers();
    for (const effect of effects) this.#carryOut(effect);
  }

  #stopTimers(): void {
    this.#timer.cancel();
    for (const timer of this.#later) timer.cancel();
    for (const { timer } of this.#branches.values()) timer?.cancel();
  }

  #carryOut(effect: ForkEffect): void {
    const { announce, earlyMedia } = this.#options;
    if (effect.do === 'announce') return announce();
    if (effect.do === 'lose')
      return this.#settle({ kind: 'lost', failure: effect.failure, rang: this.#rang });
    const branch = this.#branches.get(effect.branch);
    if (branch === undefined) return;
    if (effect.do === 'invite') void this.#invite(branch);
    else if (effect.do === 'early-media') earlyMedia?.(branch.earlySdp ?? '', branch.leg);
    else if (effect.do === 'ask') void this.#ask(branch);
    else if (effect.do === 'win') this.#won(branch);
    else this.#end(branch, effect.reason);
  }

  #won({ leg, standIn }: Branch): void {
    leg.asked = false;
    this.#settle({ kind: 'won', leg, ...(standIn === undefined ? {} : { standIn }) });
  }

  /** Lets who answered hear the question, and nobody else; the others ring on. */
  async #ask(branch: Branch): Promise<void> {
    const { leg, standIn } = branch;
    leg.asked = true;
    let yes = false;
    try {
      if (standIn !== undefined) await this.#call.media.answer(standIn, leg.branch, leg);
      if (leg.state === 'active') branch.asking = this.#options.ask?.(leg);
      yes = (await branch.asking?.answer) ?? false;
    } catch (error) {
      this.#call.log.warn({ error: String(error) }, 'not to be asked');
    }
    this.#step({ kind: 'confirmed', branch: leg.id, yes });
  }

  /** Nobody wants to know any more, and what was made for the question goes. */
  #unask({ asking, leg, standIn }: Branch): void {
    asking?.stop();
    if (standIn === undefined) return;
    for (const tag of [leg.tag, standIn.tag]) void this.#call.media.release(tag);
  }

  /** A CANCEL, or a BYE where the answer was there first. */
  #end(branch: Branch, reason: Reason): void {
    if (branch.leg.dialog === undefined) {
      branch.leg.over(reason);
      branch.outgoing?.cancel(reason);
    } else {
      this.#unask(branch);
      branch.leg.end(reason);
    }
  }

  async #invite(branch: Branch): Promise<void> {
    const { target, leg } = branch;
    if (target === undefined) return;
    try {
      leg.local = await this.#offerTo(branch);
    } catch (error) {
      this.#call.log.warn({ error: String(error) }, 'no offer from the media engine');
      return this.#failed(branch, { ...mediaRefusal(error), contacts: [] });
    }
    // It may have been decided meanwhile; a request that was never sent needs no CANCEL.
    if (leg.state === 'ended') return undefined;
    try {
      branch.outgoing = this.#send(branch, target);
    } catch (error) {
      this.#call.log.warn({ error: String(error) }, 'INVITE not sent');
      return this.#failed(branch, { status: 500, reason: 'Not to be called', contacts: [] });
    }
    return undefined;
  }

  #send(branch: Branch, target: Target): Outgoing {
    const { leg } = branch;
    return this.#call.context.signaling.invite(
      { route: target.route, sdp: leg.local, headers: this.#headers(target) },
      {
        provisional: ({ status, sdp, dialog }) => {
          branch.earlySdp = sdp;
          leg.early = dialog ?? leg.early;
          if (status > 100) this.#rang = true;
          this.#step({ kind: 'provisional', branch: leg.id, status, sdp: sdp !== undefined });
        },
        answered: (dialog, sdp) => this.#answered(branch, dialog, sdp),
        failed: (failure) => this.#failed(branch, failure),
      },
    );
  }

  #offerTo({ leg, way, standIn }: Branch): Promise<string> {
    if (standIn === undefined) return this.#sharedOffer(leg, way);
    const family = familyAt(leg.endpoint);
    return this.#call.media.offer(standIn, leg.branch, {
      ...ways[way],
      ...(family === undefined ? {} : { family }),
    });
  }

  /** One offer serves all of an address family: the winner alone is connected. */
  #sharedOffer({ branch, endpoint }: Leg, way: number): Promise<string> {
    const made = this.#offers.get(branch);
    if (made !== undefined) return made;
    const { media } = this.#call;
    const { from, party } = this.#options;
    const talking = this.#call.phase === 'talking' && party.leg?.state === 'active' ? party.leg : undefined;
    const family = familyAt(endpoint);
    const how = { ...ways[way], ...(family === undefined ? {} : { family }) };
    const offer =
      talking === undefined
        ? media.offer(from, branch, how)
        : media.offerBeside(from, branch, talking, how).then((sdp) => withDirection(sdp, 'sendrecv'));
    this.#offers.set(branch, offer);
    return offer;
  }

  #headers({ endpoint, caller, note, callerHeaders: own, headers: more }: Target): Headers {
    const { party, callee = party.identity, maxForwards, headers } = this.#options;
    const far = noted(caller ?? this.#call.other(party).identity, note);
    return {
      ...(own?.(far) ?? callerHeaders(far, endpoint.kind, callee)),
      'Max-Forwards': String(maxForwards),
      ...capabilities,
      ...headers,
      ...more,
    };
  }

  #answered(branch: Branch, dialog: Dialog, sdp: string): void {
    const { leg } = branch;
    leg.sdp = sdp;
    if (leg.state === 'ended') {
      // It answered while our CANCEL was on its way: it has a dialog, and gets a BYE by the fork's word.
      leg.state = 'ringing';
    }
    this.#rang = true;
    this.#call.establish(leg, dialog);
    this.#step({ kind: 'answered', branch: leg.id, confirm: branch.standIn !== undefined });
  }

  #failed(branch: Branch, failure: InviteFailure): void {
    branch.leg.over({ cause: failure.status, text: failure.reason });
    const binding = bindingOf(branch.leg.endpoint);
    if (failure.undelivered === true && binding !== undefined) this.#options.undelivered?.(binding);
    if (failure.status >= 300 && failure.status < 400)
      for (const target of this.#options.redirect(failure.contacts)) this.join(target);
    const { otherwise } = branch.target ?? {};
    if (otherwise?.goesOn(failure) === true) this.join(otherwise.target);
    const again = this.#offerAnew(branch, failure);
    // Its 606 was of the offer, and does not speak for the person's other devices.
    this.#step({
      kind: 'failed',
      branch: branch.leg.id,
      failure: again ? { ...failure, status: 488 } : failure,
    });
  }

  /** A device that cannot take what it was offered is offered it in another way, as long as there is one. */
  #offerAnew({ target, way }: Branch, { status }: InviteFailure): boolean {
    const room = this.open && way + 1 < ways.length && this.#branches.size < maxBranches;
    if (target === undefined || !notAcceptable.has(status) || !room) return false;
    this.#add(target, way + 1);
    return true;
  }
}
