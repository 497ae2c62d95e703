import { Emitter, type Clock } from '../../base/index.ts';
import type { CallRecord } from '../../stores/index.ts';
import type { CallEvents, CallView } from '../call/call-view.ts';
import { forwardings } from './forwarding.ts';

/** Many more calls are forwarded outside than usual: a mistake in a rule, or fraud (S2-67). */
export type Spike = {
  readonly domain: string;
  /** Whose rules: an extension or a number; the whole domain when absent. */
  readonly owner?: string;
  /** Calls forwarded outside within the last hour, and in the busiest hour of the week before. */
  readonly calls: number;
  readonly usual: number;
  /** Where they went, the most first. */
  readonly destinations: readonly string[];
};

export type SpikeLimits = {
  /** This many in an hour are never a spike. */
  readonly few: number;
  /** So many times the usual is one. */
  readonly times: number;
};

export const usualLimits: SpikeLimits = { few: 10, times: 4 };

const hourMs = 3_600_000;
/** What is usual is learned from so many hours. */
const learnedHours = 7 * 24;
/** Owners that are told apart; those beyond count for their domain only. */
const mostOwners = 10_000;
/** The whole domain. */
const everybody = '';

type Begun = { readonly at: number; readonly to: string };

/** What one owner forwarded outside: the last hour call by call, and the hours before by number. */
class History {
  recent: Begun[] = [];
  readonly #hours = new Map<number, number>();
  /** When it was told last. */
  told = -Infinity;

  add(at: number, to: string, now: number): void {
    const hour = Math.floor(at / hourMs);
    this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + 1);
    this.recent = this.recent.filter((one) => one.at > now - hourMs);
    if (at > now - hourMs) this.recent.push({ at, to });
    if (this.#hours.size <= learnedHours + 24) return;
    const oldest = Math.floor(now / hourMs) - learnedHours;
    for (const known of this.#hours.keys()) if (known < oldest) this.#hours.delete(known);
  }

  /** Calls in the busiest hour so far; this one and the one before are what is judged. */
  usual(now: number): number {
    const hour = Math.floor(now / hourMs);
    return Math.max(0, ...[...this.#hours].map(([at, calls]) => (at < hour - 1 ? calls : 0)));
  }
}

export type SpikeWatchOptions = {
  readonly events: Emitter<CallEvents>;
  readonly clock: Clock;
  readonly limits?: SpikeLimits;
};

/** Counts what is forwarded outside, at the moment it rings there, and says when it is far more than usual. */
export class SpikeWatch {
  readonly events = new Emitter<{ spike: Spike }>();
  readonly #options: SpikeWatchOptions;
  readonly #histories = new Map<string, History>();
  /** What was counted of live calls. */
  readonly #counted = new Map<string, Set<string>>();
  readonly #off: readonly (() => void)[];

  constructor(options: SpikeWatchOptions) {
    this.#options = options;
    const seen = (view: CallView) => this.#seen(view);
    const { events } = options;
    this.#off = [
      ...(['started', 'ringing', 'answered', 'changed'] as const).map((name) => events.on(name, seen)),
      events.on('ended', (view) => {
        this.#seen(view);
        this.#counted.delete(view.id);
      }),
    ];
  }

  close(): void {
    for (const off of this.#off) off();
  }

  /** A call of the past: what is usual is learned from it. */
  learn(record: CallRecord): void {
    for (const { owner, to, kind } of forwardings(record))
      if (kind === 'outside') this.#count(record.domain, owner, { at: record.startedAt, to });
  }

  #seen(view: CallView): void {
    if (!view.legs.some((leg) => leg.forwarded === 'outside')) return;
    const counted = this.#counted.get(view.id) ?? new Set();
    this.#counted.set(view.id, counted);
    for (const { owner, to, kind } of forwardings(recordLike(view))) {
      if (kind !== 'outside' || counted.has(`${owner}\n${to}`)) continue;
      counted.add(`${owner}\n${to}`);
      const at = this.#options.clock.wall();
      for (const whose of this.#count(view.domain, owner, { at, to })) this.#judge(view.domain, whose);
    }
  }

  /** Counts it for its owner and for the domain; yields which there are. */
  #count(domain: string, owner: string, { at, to }: Begun): readonly string[] {
    const now = this.#options.clock.wall();
    const known = [everybody, owner].filter(
      (whose) => this.#histories.has(`${domain}\n${whose}`) || this.#histories.size < mostOwners,
    );
    for (const whose of known) {
      const key = `${domain}\n${whose}`;
      const history = this.#histories.get(key) ?? new History();
      this.#histories.set(key, history);
      history.add(at, to, now);
    }
    return known;
  }

  #judge(domain: string, owner: string): void {
    const { clock, limits = usualLimits } = this.#options;
    const history = this.#histories.get(`${domain}\n${owner}`);
    const now = clock.wall();
    if (history === undefined || now - history.told < hourMs) return;
    const calls = history.recent.length;
    const usual = history.usual(now);
    if (calls <= limits.few || calls <= usual * limits.times) return;
    history.told = now;
    const byDestination = Map.groupBy(history.recent, ({ to }) => to);
    const destinations = [...byDestination]
      .toSorted(([, a], [, b]) => b.length - a.length)
      .slice(0, 10)
      .map(([to]) => to);
    const whose = owner === everybody ? {} : { owner };
    this.events.emit('spike', { domain, ...whose, calls, usual, destinations });
  }
}

/** A live call, as far as forwardings are read from it; how long was talked is not looked at. */
const recordLike = ({ to, legs, trace, startedAt }: CallView): Parameters<typeof forwardings>[0] => ({
  to,
  trace,
  endedAt: startedAt,
  legs: legs.map(({ userId, ...leg }) => ({ ...leg, ...(userId === undefined ? {} : { user: userId }) })),
});
