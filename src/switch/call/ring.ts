import type { Timer } from '../../base/index.ts';
import type { Binding } from '../../stores/index.ts';
import type { Call, Party } from './call.ts';
import { capabilities } from './capabilities.ts';
import { samePhone } from '../registrar/index.ts';
import { familyAt, type Endpoint, type Identity } from './endpoint.ts';
import { startFork, stepFork, type Fork, type ForkEffect, type ForkEvent } from './fork.ts';
import { callerHeaders } from './identity.ts';
import type { Leg } from './leg.ts';
import { mediaRefusal, type MediaParty, type Offering } from './media-session.ts';
import { withDirection } from './session-description.ts';
import type { Dialog, Headers, InviteFailure, Outgoing, Reason, Route } from './signaling.ts';

/** One contact to ring. */
export type Target = { readonly endpoint: Endpoint; readonly route: Route };

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
  readonly earlyMedia: (sdp: string, leg: Leg) => void;
};

export type RingOutcome =
  { readonly kind: 'won'; readonly leg: Leg } | { readonly kind: 'lost'; readonly failure: InviteFailure };

type Branch = {
  readonly leg: Leg;
  readonly target: Target | undefined;
  /** Which of `ways` it was offered. */
  readonly way: number;
  outgoing: Outgoing | undefined;
  earlySdp: string | undefined;
};

const bindingOf = (endpoint: Endpoint): Binding | undefined =>
  endpoint.kind === 'device' ? endpoint.binding : undefined;

const markOf = ({ route }: Target): string => `${route.uri} ${route.proxy ?? ''}`;

const connectionLost: Reason = { cause: 480, text: 'Connection lost' };
const noAnswer: Reason = { cause: 408, text: 'No answer' };
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
  readonly #offers = new Map<string, Promise<string>>();
  #settle: (outcome: RingOutcome) => void = () => undefined;

  constructor(call: Call, options: RingOptions) {
    const { clock, random } = call.context;
    this.#call = call;
    this.#options = options;
    this.#fork = startFork(options.declineEndsAll);
    this.#mediaBranch = random.hex(8);
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = clock.after(options.seconds * 1000, () =>
      this.stop(noAnswer, { status: 480, reason: 'No answer', contacts: [] }),
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
    if (!this.open || this.#contacts.has(mark) || this.#branches.size >= maxBranches) return;
    if (this.#ringsAlready(target)) return;
    this.#contacts.add(mark);
    this.#add(target, 0);
  }

  #add(target: Target, way: number): void {
    const leg = this.#call.newLeg(this.#options.party, target.endpoint);
    const family = familyAt(target.endpoint) === 'IP6' ? '6' : '';
    leg.branch = `${this.#mediaBranch}${family}${way === 0 ? '' : `w${way}`}`;
    this.#branches.set(leg.id, { leg, target, way, outgoing: undefined, earlySdp: undefined });
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
    this.#branches.set(leg.id, { leg, target: undefined, way: 0, outgoing: undefined, earlySdp: undefined });
    this.#step({ kind: 'join', branch: leg.id });
    this.#step({ kind: 'answered', branch: leg.id });
    return this.#fork.branches.get(leg.id) === 'won';
  }

  stop(reason: Reason, failure: InviteFailure): void {
    this.#step({ kind: 'stop', reason, failure });
  }

  #step(event: ForkEvent): void {
    const [fork, effects] = stepFork(this.#fork, event);
    this.#fork = fork;
    if (fork.phase !== 'ringing') this.#timer.cancel();
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: ForkEffect): void {
    const { announce, earlyMedia } = this.#options;
    if (effect.do === 'announce') return announce();
    if (effect.do === 'lose') return this.#settle({ kind: 'lost', failure: effect.failure });
    const branch = this.#branches.get(effect.branch);
    if (branch === undefined) return;
    if (effect.do === 'invite') void this.#invite(branch);
    else if (effect.do === 'early-media') earlyMedia(branch.earlySdp ?? '', branch.leg);
    else if (effect.do === 'win') this.#settle({ kind: 'won', leg: branch.leg });
    else this.#end(branch, effect.reason);
  }

  /** A CANCEL, or a BYE where the answer was there first. */
  #end(branch: Branch, reason: Reason): void {
    if (branch.leg.dialog === undefined) {
      branch.leg.over(reason);
      branch.outgoing?.cancel(reason);
    } else branch.leg.end(reason);
  }

  async #invite(branch: Branch): Promise<void> {
    const { target, leg } = branch;
    if (target === undefined) return;
    try {
      leg.local = await this.#sharedOffer(leg, branch.way);
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
          this.#step({ kind: 'provisional', branch: leg.id, status, sdp: sdp !== undefined });
        },
        answered: (dialog, sdp) => this.#answered(branch, dialog, sdp),
        failed: (failure) => this.#failed(branch, failure),
      },
    );
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

  #headers({ endpoint }: Target): Headers {
    const { party, callee = party.identity, maxForwards, headers } = this.#options;
    const far = this.#call.other(party).identity;
    return {
      ...callerHeaders(far, endpoint.kind, callee),
      'Max-Forwards': String(maxForwards),
      ...capabilities,
      ...headers,
    };
  }

  #answered(branch: Branch, dialog: Dialog, sdp: string): void {
    const { leg } = branch;
    leg.sdp = sdp;
    if (leg.state === 'ended') {
      // It answered while our CANCEL was on its way: it has a dialog, and gets a BYE by the fork's word.
      leg.state = 'ringing';
    }
    this.#call.establish(leg, dialog);
    this.#step({ kind: 'answered', branch: leg.id });
  }

  #failed(branch: Branch, failure: InviteFailure): void {
    branch.leg.over({ cause: failure.status, text: failure.reason });
    const binding = bindingOf(branch.leg.endpoint);
    if (failure.undelivered === true && binding !== undefined) this.#options.undelivered?.(binding);
    if (failure.status >= 300 && failure.status < 400)
      for (const target of this.#options.redirect(failure.contacts)) this.join(target);
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
