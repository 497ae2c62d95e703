import type { Clock, Emitter, Logger, Random } from '../../base/index.ts';
import type { TraceEntry } from '../../stores/index.ts';
import type { Announcements } from './announcements.ts';
import type { CallEvents, CallView, FlipView } from './call-view.ts';
import { userOf, type Endpoint, type Identity } from './endpoint.ts';
import { listenTo } from './in-dialog.ts';
import { Leg, type Side } from './leg.ts';
import type { MediaEngine } from './media-engine.ts';
import { MediaSession } from './media-session.ts';
import { Operations } from './operations.ts';
import type { Ring } from './ring.ts';
import type { SwitchSettings } from './settings.ts';
import type { Dialog, Incoming, InDialogRequest, Reason, Signaling } from './signaling.ts';

/** What calls are made with; the same for all of them. */
export type CallContext = {
  readonly signaling: Signaling;
  readonly engine: MediaEngine;
  readonly settings: SwitchSettings;
  readonly events: Emitter<CallEvents>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly announcements: Announcements;
  /** What features make of a phone's keys and wishes during a call. */
  readonly phone: {
    /** Whether a leg's digits are ours to look at before the far end gets them. */
    watches(call: Call, leg: Leg): boolean;
    /** A leg's media has been connected: at the answer, and after each swap. */
    connected(call: Call, leg: Leg): void;
    /** Whether the INFO was a digit, and has been answered. */
    info(call: Call, leg: Leg, request: InDialogRequest): boolean;
    refer(call: Call, leg: Leg, request: InDialogRequest): void;
    /** Something came from a leg's phone. */
    alive(leg: Leg): void;
    /** The signaling gave a leg up without a BYE from its phone; whether the call goes on all the same. */
    gone(call: Call, leg: Leg): boolean;
  };
};

/** One side of a call: who it is, and the leg that now speaks for it. */
export type Party = {
  readonly side: Side;
  identity: Identity;
  leg: Leg | undefined;
  /** While it is being moved: the new leg, established, before the old one is let go. */
  next: Leg | undefined;
  /** While somebody rings for it: what to do when its leg ends before that is decided. */
  awaited: (() => void) | undefined;
  /** Its device is lost, and may be replaced for a while. */
  lost: boolean;
};

/** Who keeps the calls. */
export interface CallKeeper {
  /** The call is, or may become, that user's. */
  concerns(call: Call, userId: string): void;
  ended(call: Call): void;
}

const newParty = (side: Side, identity: Identity): Party => ({
  side,
  identity,
  leg: undefined,
  next: undefined,
  awaited: undefined,
  lost: false,
});

/** A trace that grows beyond this tells nobody anything any more. */
const maxTrace = 200;

export const normalClearing: Reason = { cause: 200, text: 'Call ended' };

/** One conversation. Its id never changes, whatever devices it passes through. */
export class Call {
  readonly id: string;
  readonly domain: string;
  readonly caller: Party;
  readonly callee: Party;
  readonly context: CallContext;
  readonly media: MediaSession;
  readonly operations = new Operations();
  readonly log: Logger;
  /** Every leg that it ever had, in order. */
  readonly legs: Leg[] = [];
  readonly flips: FlipView[] = [];
  /** The public number that it was dialled to, where it was one. */
  number: string | undefined;
  readonly decisions: string[] = [];
  readonly trace: TraceEntry[] = [];
  /** What is to be done when it is over. */
  readonly afterwards: (() => void)[] = [];
  /** Users that it ever concerned. */
  readonly everyUser = new Set<string>();
  phase: 'ringing' | 'talking' | 'ended' = 'ringing';
  /** It is, or was to be, recorded. */
  recording = false;
  /** What rings for it now: at its start the callee's devices, later the target of a push. */
  ringing: Ring | undefined;
  readonly #keeper: CallKeeper;
  readonly #meantFor = new Set<string>();
  /** Wall-clock milliseconds. */
  readonly startedAt: number;
  #ringingAt: number | undefined;
  #answeredAt: number | undefined;
  #endedAt: number | undefined;
  #endedBy: Side | 'switch' | undefined;
  #ended: Reason | undefined;

  constructor(
    context: CallContext,
    who: { readonly caller: Identity; readonly callee: Identity },
    keeper: CallKeeper,
  ) {
    this.id = context.random.hex(16);
    this.context = context;
    this.domain = who.callee.domain;
    this.caller = newParty('caller', who.caller);
    this.callee = newParty('callee', who.callee);
    this.media = new MediaSession(context.engine, this.id);
    this.log = context.log.child({ call: this.id });
    this.#keeper = keeper;
    this.startedAt = context.clock.wall();
  }

  /** Makes a leg for one party. It speaks for that party once it is made its `leg`. */
  newLeg(party: Party, endpoint: Endpoint, incoming?: Incoming): Leg {
    const { clock, random } = this.context;
    const leg = new Leg({
      id: random.hex(8),
      side: party.side,
      endpoint,
      clock,
      ...(incoming === undefined ? {} : { incoming }),
    });
    this.legs.push(leg);
    const user = userOf(endpoint);
    if (user !== undefined) this.#concerns(user.id);
    return leg;
  }

  /** Notes whose call it is while it rings. */
  isMeantFor(userIds: readonly string[]): void {
    for (const userId of userIds) {
      this.#meantFor.add(userId);
      this.#concerns(userId);
    }
  }

  #concerns(userId: string): void {
    if (this.everyUser.has(userId)) return;
    this.everyUser.add(userId);
    this.#keeper.concerns(this, userId);
  }

  party(side: Side): Party {
    return side === 'caller' ? this.caller : this.callee;
  }

  other(party: Party): Party {
    return party === this.caller ? this.callee : this.caller;
  }

  /** The party that a leg speaks for, or is about to. */
  partyOf(leg: Leg): Party | undefined {
    return [this.caller, this.callee].find((party) => party.leg === leg || party.next === leg);
  }

  /** Whoever the user is in this call; the called side first, as it is the one with many devices. */
  partyOfUser(userId: string): Party | undefined {
    return [this.callee, this.caller].find(
      (party) => party.leg !== undefined && userOf(party.leg.endpoint)?.id === userId,
    );
  }

  /** The leg's dialog is there: it is listened to from here on. One that comes too late is ended at once. */
  establish(leg: Leg, dialog: Dialog): void {
    if (this.phase === 'ended' || leg.state === 'ended') dialog.bye(this.#ended ?? normalClearing);
    else leg.established(dialog, listenTo(this, leg));
  }

  /** Notes why it goes where it goes. */
  decide(entry: Omit<TraceEntry, 'at'>): void {
    if (this.trace.length >= maxTrace) return;
    this.decisions.push(entry.text);
    this.trace.push({ at: this.context.clock.wall(), ...entry });
  }

  rings(): void {
    if (this.#ringingAt !== undefined) return;
    this.#ringingAt = this.context.clock.wall();
    this.context.events.emit('ringing', this.view());
  }

  talks(): void {
    this.phase = 'talking';
    this.#answeredAt = this.context.clock.wall();
    this.context.events.emit('answered', this.view());
  }

  changed(): void {
    if (this.phase !== 'ended') this.context.events.emit('changed', this.view());
  }

  /** A leg's peer hung up. The call ends with the leg that speaks for a party, unless its successor is there already. */
  legEnded(leg: Leg, reason: Reason | undefined): void {
    if (!leg.over(reason)) return;
    const party = this.partyOf(leg);
    if (party === undefined) return this.ringing?.left(leg);
    if (this.phase === 'ended') return;
    if (party.next === leg) party.next = undefined;
    else this.#speakerEnded(party, leg, reason);
  }

  #speakerEnded(party: Party, leg: Leg, reason: Reason | undefined): void {
    if (party.next !== undefined) return;
    if (party.awaited !== undefined) return party.awaited();
    if (isGivenUp(reason) && this.context.phone.gone(this, leg)) return;
    this.end(party.side, reason ?? normalClearing);
  }

  /** Ends everything that is left of it, once. `refusal` is what an unanswered INVITE gets. */
  end(by: Side | 'switch', reason: Reason, refusal?: { status: number; reason: string }): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.#endedAt = this.context.clock.wall();
    this.#endedBy = by;
    this.#ended = reason;
    this.ringing?.stop(reason, { status: 487, reason: reason.text, contacts: [] });
    for (const leg of this.legs) leg.end(reason, refusal);
    this.media.close().catch((error: unknown) => this.log.warn({ error: String(error) }, 'media not closed'));
    this.#keeper.ended(this);
    for (const action of this.afterwards.splice(0)) action();
    this.context.events.emit('ended', this.view());
  }

  /** Users who may see and move it: those who talk, and while it rings those whom it is meant for. */
  users(): ReadonlySet<string> {
    const users = new Set(this.phase === 'ringing' ? this.#meantFor : []);
    for (const { leg, next } of [this.caller, this.callee])
      for (const one of [leg, next]) {
        const user = one === undefined ? undefined : userOf(one.endpoint);
        if (user !== undefined) users.add(user.id);
      }
    return users;
  }

  view(): CallView {
    const talking = this.phase === 'talking';
    const held = talking && ((this.caller.leg?.holds ?? false) || (this.callee.leg?.holds ?? false));
    const state = held ? 'held' : this.phase;
    return {
      id: this.id,
      domain: this.domain,
      state,
      from: this.caller.identity.number,
      to: this.callee.identity.number,
      users: [...this.users()],
      startedAt: this.startedAt,
      ...optional('number', this.number),
      ...optional('ringingAt', this.#ringingAt),
      ...optional('answeredAt', this.#answeredAt),
      ...optional('endedAt', this.#endedAt),
      ...optional('endedBy', this.#endedBy),
      ...optional('ended', this.#ended),
      legs: this.legs.map((leg) => leg.view()),
      flips: this.phase === 'ended' ? this.flips.map(over) : [...this.flips],
      decisions: [...this.decisions],
      trace: [...this.trace],
    };
  }
}

/** A flip that the end of its call cut short. */
const over = (flip: FlipView): FlipView =>
  flip.result === 'moved' || flip.result === 'failed'
    ? flip
    : { ...flip, result: 'failed', reason: 'The call ended' };

/** What both signaling engines say of a dialog that they ended themselves (RFC 4028 §10, RFC 3261 §13.3.1.4). */
const isGivenUp = (reason: Reason | undefined): boolean =>
  /session.*expired|ack timeout/i.test(reason?.text ?? '');

const optional = <K extends string, V>(key: K, value: V | undefined): { [k in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [k in K]: V });
