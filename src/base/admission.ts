import type { Clock } from './clock.ts';

export type AdmissionOptions = {
  readonly clock: Clock;
  /** Milliseconds that everything may be late before less is let in. */
  readonly targetMs: number;
  /** Milliseconds between two looks at the delay. */
  readonly intervalMs?: number;
  /** What is let in at any rate, a second. */
  readonly floor?: number;
  /** No interval is judged by fewer than this: one that was late by chance says nothing. */
  readonly fewest?: number;
};

/** Intervals without anything refused after which no limit is needed any more. */
const calmIntervals = 10;
/** Milliseconds after which an interval ends however little came. */
const longestIntervalMs = 1000;
/** How much more than is kept further on is let in: who keeps it finds out there what the limit is. */
const excess = 1.1;
/** The share by which the limit rises in an interval at most. */
const fastestRise = 0.1;
/** Milliseconds up to which a queue that shrinks by itself is let be: phones repeat what is not answered in 500. */
const bearableMs = 400;
/** A queue shrinks when the least late of an interval is less than this share of the one before. */
const shrinking = 0.98;
/** The longest that is waited for the effect of a lower limit before it is lowered again. */
const longestDrainMs = 500;

/**
 * Lets as much in as is served in time (RFC 6357, RFC 7415 in spirit). It is told how late each arrival was; when even
 * the least late of an interval was too late, and not less so than in the interval before, a queue stands, and the rate that is
 * let in is lowered until it is gone; then it rises again. While nothing is late there is no limit at all. Runs no timers: it looks when it is asked.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #targetMs: number;
  readonly #intervalMs: number;
  readonly #floor: number;
  readonly #fewest: number;
  /** What is let in a second; Infinity while there is no limit. */
  #limit = Number.POSITIVE_INFINITY;
  #tokens = 0;
  #filledAt: number;
  #intervalAt: number;
  #least = Number.POSITIVE_INFINITY;
  /** The least late of the last interval in which anything came. */
  #leastBefore = 0;
  #samples = 0;
  #admitted = 0;
  #refused = 0;
  #beyond = 0;
  /** What was let in a second and kept, smoothed; undefined while nothing was refused further on. */
  #kept: number | undefined;
  #calm = 0;
  /** Until then, what comes out late was let in before the limit was lowered last. */
  #drainedAt = 0;
  #lastArrival: number;

  constructor({ clock, targetMs, intervalMs = 100, floor = 10, fewest = 8 }: AdmissionOptions) {
    this.#clock = clock;
    this.#targetMs = targetMs;
    this.#intervalMs = intervalMs;
    this.#floor = floor;
    this.#fewest = fewest;
    const now = clock.now();
    this.#filledAt = now;
    this.#intervalAt = now;
    this.#lastArrival = now;
  }

  /** What is let in a second at most; Infinity when nothing is held back. */
  get limit(): number {
    return this.#limit;
  }

  /** Something was this late, in milliseconds, when its turn came. */
  late(ms: number): void {
    this.#look();
    this.#samples += 1;
    this.#least = Math.min(this.#least, ms);
  }

  /** What was let in was refused further on, by somebody who knows better: little more than is kept there is let in. */
  refusedBeyond(): void {
    this.#look();
    this.#beyond += 1;
  }

  /**
   * Whether one more is let in. `begun` is for what has been worked on before, such as an INVITE that comes back with
   * its credentials: it goes before what is new.
   */
  admit(begun: boolean): boolean {
    this.#look();
    const now = this.#clock.now();
    this.#lastArrival = now;
    if (this.#limit === Number.POSITIVE_INFINITY) {
      this.#admitted += 1;
      return true;
    }
    const reserve = this.#limit / 5;
    this.#tokens = Math.min(
      Math.max(5, this.#limit / 10),
      this.#tokens + ((now - this.#filledAt) / 1000) * this.#limit,
    );
    this.#filledAt = now;
    if (this.#tokens < (begun ? 1 - reserve : 1)) {
      this.#refused += 1;
      return false;
    }
    this.#tokens -= 1;
    this.#admitted += 1;
    return true;
  }

  #look(): void {
    const now = this.#clock.now();
    const passed = now - this.#intervalAt;
    if (passed < this.#intervalMs) return;
    // Where little comes, a longer time is judged: a short stall is nothing to refuse calls for.
    const tooFew = this.#samples > 0 && this.#samples < this.#fewest && this.#least > this.#targetMs;
    if (tooFew && passed < longestIntervalMs) return;
    // Nobody came for a while: whatever stood is gone.
    if (now - this.#lastArrival > this.#intervalMs * calmIntervals) this.#open();
    else {
      this.#judge(now, passed);
      if (this.#samples > 0) this.#leastBefore = this.#least;
    }
    this.#intervalAt = now;
    this.#least = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    this.#admitted = 0;
    this.#refused = 0;
    this.#beyond = 0;
  }

  #judge(now: number, passed: number): void {
    const late = this.#samples >= this.#fewest && this.#least > this.#targetMs;
    const rate = (this.#admitted * 1000) / passed;
    if (late) {
      this.#calm = 0;
      if (now < this.#drainedAt || this.#passes()) return;
      const share = Math.max(0.6, Math.min(0.9, this.#targetMs / this.#least));
      this.#lower(Math.min(this.#limit, rate) * share);
      this.#drainedAt = now + Math.min(this.#least, longestDrainMs) + this.#intervalMs;
    } else if (this.#beyond > 0) {
      const kept = rate - (this.#beyond * 1000) / passed;
      this.#kept = this.#kept === undefined ? kept : this.#kept + (kept - this.#kept) / 4;
      this.#calm = 0;
      this.#lower(Math.min(this.#limit, this.#kept * excess));
    } else this.#rise();
  }

  /**
   * Whether what stands has only just come, or is being worked off: a stall leaves a queue behind that is gone sooner than
   * callers who were refused would be back. A load that is too high makes it grow.
   */
  #passes(): boolean {
    if (this.#least > bearableMs) return false;
    return this.#leastBefore <= this.#targetMs || this.#least < this.#leastBefore * shrinking;
  }

  #lower(limit: number): void {
    if (this.#limit === Number.POSITIVE_INFINITY) this.#filledAt = this.#clock.now();
    this.#limit = Math.max(this.#floor, limit);
    this.#tokens = Math.min(this.#tokens, 1);
  }

  #rise(): void {
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    this.#calm = this.#refused === 0 ? this.#calm + 1 : 0;
    if (this.#calm >= calmIntervals) return this.#open();
    // The nearer to being late, the slower.
    const room = this.#samples < this.#fewest ? 1 : 1 - this.#least / this.#targetMs;
    this.#limit += (this.#limit * fastestRise + 1) * Math.max(0.1, Math.min(1, room));
  }

  #open(): void {
    this.#limit = Number.POSITIVE_INFINITY;
    this.#tokens = 0;
    this.#calm = 0;
    this.#leastBefore = 0;
    this.#kept = undefined;
  }
}
