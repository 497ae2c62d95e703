import type { CallRecord, DirectoryStore } from '../../stores/index.ts';
import { TimeZones } from '../routing/schedules.ts';
import { rungFor } from './ringing.ts';

/** How well calls were answered. */
export type Figures = {
  readonly calls: number;
  readonly answered: number;
  readonly missed: number;
  /** Of a user: answered by somebody else whom the call rang too. */
  readonly elsewhere: number;
  /** 0 to 1, of the answered and the missed; absent when there were none. */
  readonly answerRate?: number;
  /** Milliseconds. */
  readonly timeToAnswer?: { readonly mean: number; readonly median: number; readonly p95: number };
};

/** By whom or when calls are told apart; `total` not at all. */
export type Grouping = 'total' | 'user' | 'group' | 'number' | 'hour' | 'weekday' | 'day' | 'month';

export const groupings: readonly Grouping[] = [
  'total',
  'user',
  'group',
  'number',
  'hour',
  'weekday',
  'day',
  'month',
];

type Outcome = {
  readonly outcome: 'answered' | 'missed' | 'elsewhere';
  readonly toAnswerMs?: number | undefined;
};

/** Counts how calls came out. */
export class Tally {
  #answered = 0;
  #missed = 0;
  #elsewhere = 0;
  readonly #times: number[] = [];

  add({ outcome, toAnswerMs }: Outcome): void {
    if (outcome === 'answered') this.#answered++;
    else if (outcome === 'missed') this.#missed++;
    else this.#elsewhere++;
    if (toAnswerMs !== undefined) this.#times.push(toAnswerMs);
  }

  figures(): Figures {
    const decided = this.#answered + this.#missed;
    return {
      calls: decided + this.#elsewhere,
      answered: this.#answered,
      missed: this.#missed,
      elsewhere: this.#elsewhere,
      ...(decided === 0 ? {} : { answerRate: rounded(this.#answered / decided) }),
      ...(this.#times.length === 0 ? {} : { timeToAnswer: spread(this.#times) }),
    };
  }
}

const rounded = (rate: number): number => Math.round(rate * 1000) / 1000;

function spread(times: readonly number[]): NonNullable<Figures['timeToAnswer']> {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  const sum = sorted.reduce((total, one) => total + one, 0);
  return { mean: Math.round(sum / sorted.length), median: at(0.5), p95: at(0.95) };
}

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** What a call as a whole came to. */
const ofCall = ({ startedAt, answeredAt }: CallRecord): Outcome =>
  answeredAt === undefined
    ? { outcome: 'missed' }
    : { outcome: 'answered', toAnswerMs: answeredAt - startedAt };

export type CallReportOptions = {
  readonly by: Grouping;
  /** IANA, for hours and days. */
  readonly timeZone: string;
  readonly directory: DirectoryStore;
  /** The extension of a user: only what calls were to that one. */
  readonly user?: string;
};

/** Missed calls, answer rate and time to answer, per whatever is asked for (S2-70, S2-90). */
export class CallReport {
  readonly #options: CallReportOptions;
  readonly #tallies = new Map<string, Tally>();
  readonly #zones = new TimeZones();

  constructor(options: CallReportOptions) {
    this.#options = options;
  }

  add(record: CallRecord): void {
    const { by, user } = this.#options;
    if (by === 'user' || user !== undefined) {
      for (const rung of rungFor(record))
        if (user === undefined || rung.user === user)
          this.#count(by === 'user' ? rung.user : this.#keyOf(record), rung);
      return;
    }
    // A call that rang for nobody here went outside: how it was answered says nothing of us.
    if (record.callee === undefined && rungFor(record).length === 0 && !this.#isOurs(record)) return;
    this.#count(this.#keyOf(record), ofCall(record));
  }

  items(): readonly (Figures & { readonly key: string })[] {
    return [...this.#tallies]
      .toSorted(([a], [b]) => order(a, b))
      .map(([key, tally]) => ({ key, ...tally.figures() }));
  }

  #count(key: string | undefined, outcome: Outcome): void {
    if (key === undefined) return;
    const tally = this.#tallies.get(key) ?? new Tally();
    this.#tallies.set(key, tally);
    tally.add(outcome);
  }

  #isOurs({ domain, to }: CallRecord): boolean {
    return this.#options.directory.resolve(domain, to) !== undefined;
  }

  /** Undefined for a call that this grouping has nothing to say of. */
  #keyOf(record: CallRecord): string | undefined {
    const { by, directory } = this.#options;
    const { domain, to } = record;
    if (by === 'total') return 'total';
    if (by === 'group') return directory.group(domain, to) === undefined ? undefined : to;
    if (by === 'number') return record.number;
    return this.#timeOf(record);
  }

  #timeOf({ startedAt }: CallRecord): string | undefined {
    const { by, timeZone } = this.#options;
    const local = this.#zones.at(timeZone, startedAt);
    if (local === undefined) return undefined;
    if (by === 'hour') return String(Math.floor(local.minute / 60)).padStart(2, '0');
    if (by === 'weekday') return weekdays[local.day - 1];
    return by === 'month' ? local.date.slice(0, 7) : local.date;
  }
}

function order(a: string, b: string): number {
  const [one, other] = [weekdays.indexOf(a), weekdays.indexOf(b)];
  return one >= 0 && other >= 0 ? one - other : a < b ? -1 : 1;
}
