import type { Emitter } from '../base/index.ts';

/** Whose calls a routing directs. `id` is a user's or group's id, or a number's digits. */
export type RoutingOwner = {
  readonly domain: string;
  readonly kind: 'user' | 'group' | 'number';
  readonly id: string;
};

/** What became of a ringing, or what would: RFC 3261 486/600, 480/408 after the ring time, 480/404/408 at once. */
export type RingResult = 'busy' | 'no-answer' | 'not-reachable' | 'declined';

export type Presence = 'available' | 'in-call' | 'do-not-disturb' | 'meeting' | 'out-of-office';

/** Days are 1 (Monday) to 7; times are `HH:MM`, and an end at or before its start is on the next day. */
export type WeekSpan = { readonly days: readonly number[]; readonly from: string; readonly to: string };

/** Opening hours: weekly spans in an IANA time zone; dates (`YYYY-MM-DD`) that are closed, or open in other spans. */
export type Schedule = {
  readonly domain: string;
  readonly name: string;
  readonly timeZone: string;
  readonly weekly: readonly WeekSpan[];
  readonly holidays: readonly string[];
  readonly dates: readonly { readonly date: string; readonly from: string; readonly to: string }[];
};

/** Callers' numbers under one name: exact numbers and patterns (`+4930*`, `1XX`). */
export type CallerList = {
  readonly domain: string;
  readonly name: string;
  readonly numbers: readonly string[];
};

/** An iCalendar file or address (RFC 5545) that says when a user is busy or out of office. */
export type CalendarSource = {
  readonly domain: string;
  readonly name: string;
  /** `file:` or `https:`/`http:`. */
  readonly url: string;
  readonly refreshSeconds: number;
};

/** One thing that must hold. All of a rule's conditions must; an empty list always does. */
export type Condition =
  /** What the ringing before it came to; `afterSeconds` is how long that ringing lasts at most. */
  | { readonly kind: 'result'; readonly is: readonly RingResult[]; readonly afterSeconds?: number }
  | {
      readonly kind: 'caller';
      readonly numbers?: readonly string[];
      readonly lists?: readonly string[];
      readonly anonymous?: boolean;
      readonly outside?: boolean;
    }
  | { readonly kind: 'time'; readonly schedule: string; readonly open: boolean }
  /**
   * Whose turn it is in a rotation of `of` turns of so many days each; the first, 0, began on the date `start` at
   * midnight of the time zone. For duties that pass from one to the next.
   */
  | {
      readonly kind: 'turn';
      readonly timeZone: string;
      readonly start: string;
      readonly days: number;
      readonly of: number;
      readonly is: number;
    }
  /** Where the owner's phones are: one of them, or of those `devices`, is registered from one of the networks. */
  | {
      readonly kind: 'location';
      /** Addresses and networks as the switch sees them: `198.51.100.7`, `10.1.0.0/16`, `2001:db8::/32`. */
      readonly networks: readonly string[];
      readonly devices?: readonly string[];
    }
  | { readonly kind: 'presence'; readonly is: readonly Presence[] }
  | { readonly kind: 'calendar'; readonly calendar: string; readonly is: 'busy' | 'out-of-office' }
  | {
      readonly kind: 'look-up';
      readonly url: string;
      readonly timeoutMs: number;
      /** What the answer's `result` must be; what holds when there is no answer in time is `fallback`. */
      readonly is: readonly string[];
      readonly fallback: boolean;
    }
  | { readonly kind: 'not'; readonly condition: Condition };

/** What the rung phone or outside party is shown as the caller. */
export type ShownCaller =
  | { readonly show: 'original' }
  | { readonly show: 'main' }
  | { readonly show: 'prefix'; readonly prefix: string };

/** Somebody to ring: an extension of any kind, or an outside number; after so long, for so long. */
export type RingTarget = {
  readonly to: string;
  readonly afterSeconds?: number;
  readonly seconds?: number;
};

export type Action =
  | {
      readonly kind: 'ring';
      readonly targets: readonly RingTarget[];
      readonly order: 'together' | 'in-order';
      readonly seconds: number;
      readonly caller?: ShownCaller;
      /** Who answers must press 1 before the caller is put through. */
      readonly confirm?: boolean;
    }
  | {
      /** The call goes on as if that extension or number had been dialled; outside over a trunk. */
      readonly kind: 'forward';
      readonly to: string;
      readonly seconds?: number;
      readonly trunk?: string;
      readonly caller?: ShownCaller;
      readonly confirm?: boolean;
    }
  | { readonly kind: 'mailbox'; readonly of: 'own' | 'target' | { readonly extension: string } }
  | { readonly kind: 'announcement'; readonly file: string }
  | { readonly kind: 'busy' }
  /** No rule after this one is looked at. */
  | { readonly kind: 'stop' };

/** One step of a forwarding. */
export type Rule = {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  /** Looked at only while one of these profiles is active; always when absent. */
  readonly profiles?: readonly string[];
  readonly when: readonly Condition[];
  readonly then: Action;
  /** Wall-clock milliseconds, and who: an extension, or `administrator`. */
  readonly changedAt: number;
  readonly changedBy: string;
  /** Put there by an administrator: looked at before the owner's own rules, and not the owner's to change. */
  readonly locked?: boolean;
};

/** The rules of one owner, in order, and the profile that is active. */
export type Routing = {
  readonly owner: RoutingOwner;
  readonly rules: readonly Rule[];
  /** `office`, `travel`, `do-not-disturb`, or an own one; none when absent. */
  readonly profile?: string;
  readonly profiles: readonly string[];
  /** What the user says of himself; `in-call` is seen from the calls, and never stored. */
  readonly presence?: Presence;
};

/** What stands above the users' own rules in a domain. */
export type RoutingPolicy = {
  readonly domain: string;
  /** Extensions of users who may forward outside; `all` is everybody. */
  readonly mayForwardOutside: 'all' | readonly string[];
  /** The country (ISO 3166) that numbers without a country code are read in, for example `DE`. */
  readonly country: string;
  /** Outside forwarding is refused to countries not in here; `all` is no block, `home` is `country` alone. */
  readonly countries: 'all' | 'home' | readonly string[];
  /** Prefixes in E.164 (`+49900`) that are never called, and numbers or prefixes that are although a block says no. */
  readonly blockedPrefixes: readonly string[];
  readonly exceptions: readonly string[];
  /** Numbers and extensions (main, emergency) whose forwarding only an administrator may set outside. */
  readonly protectedNumbers: readonly string[];
  /** Outside numbers of kind mobile must confirm. */
  readonly confirmMobiles: boolean;
  /** The number that `main` shows, in E.164. */
  readonly mainNumber?: string;
  /** Of one owner: calls forwarded outside that go on, and that have begun within the last hour. */
  readonly concurrentForwards: number;
  readonly forwardsPerHour: number;
  /** Whose calls are not forwarded outside while in a call. */
  readonly suppressInCall: boolean;
};

export type RoutingEvents = {
  changed: {
    readonly what: 'routing' | 'schedule' | 'caller-list' | 'calendar' | 'policy';
    readonly domain: string;
    /** An owner's `kind:id`, or a name; the domain for its policy. */
    readonly id: string;
  };
};

/**
 * How calls are directed. Look-ups are synchronous and see a change at once; a change resolves when it is durable, and
 * rejects, with nothing changed, when it cannot be made so. What belongs to a removed user, group or number goes with it.
 */
export interface RoutingStore {
  readonly events: Emitter<RoutingEvents>;
  routing(owner: RoutingOwner): Routing | undefined;
  routings(domain: string): readonly Routing[];
  schedule(domain: string, name: string): Schedule | undefined;
  schedules(domain: string): readonly Schedule[];
  callerList(domain: string, name: string): CallerList | undefined;
  callerLists(domain: string): readonly CallerList[];
  calendar(domain: string, name: string): CalendarSource | undefined;
  calendars(domain: string): readonly CalendarSource[];
  policy(domain: string): RoutingPolicy | undefined;

  putRouting(routing: Routing): Promise<void>;
  removeRouting(owner: RoutingOwner): Promise<void>;
  putSchedule(schedule: Schedule): Promise<void>;
  removeSchedule(domain: string, name: string): Promise<void>;
  putCallerList(list: CallerList): Promise<void>;
  removeCallerList(domain: string, name: string): Promise<void>;
  putCalendar(calendar: CalendarSource): Promise<void>;
  removeCalendar(domain: string, name: string): Promise<void>;
  putPolicy(policy: RoutingPolicy): Promise<void>;
}
