import type { Clock } from './clock.ts';

export type AdmissionOptions = {
  readonly clock: Clock;
  /** Milliseconds that everything may be late before less is let in. */
  readonly targetMs: number;
  /** Milliseconds between two looks at the delay. */
  readonly intervalMs?: number;
  /** What is let in at any rate, a second. */
  readonly floor?: number;
};

/** No interval is judged by fewer arrivals than this: one that was late by chance says nothing. */
const fewest = 3;
/** Intervals without anything refused after which no limit is needed any more. */
const calmIntervals = 10;
/** The longest that is waited for the effect of a lower limit before it is lowered again. */
const longestDrainMs = 500;

/**
 * Lets as much in as is served in time (RFC 6357, RFC 7415 in spirit). It is told how late each arrival was; when even
 * the least late of an interval was too late, a queue stands, and the rate that is let in is lowered until it is gone;
 * then it rises again. While nothing is late there is no limit at all. Runs no timers: it looks when it is asked.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #targetMs: number;
  readonly #intervalMs: number;
  readonly #floor: number;
  /** What is let in a second; Infinity while there is no limit. */
  #limit = Number.POSITIVE_INFINITY;
  #tokens = 0;
  #filledAt: number;
  #intervalAt: number;
  #least = Number.POSITIVE_INFINITY;
  #samples = 0;
  #admitted = 0;
  #refused = 0;
  #calm = 0;
  /** Until then, what comes out late was let in before the limit was lowered last. */
  #drainedAt = 0;
  #lastArrival: number;

  constructor({ clock, targetMs, intervalMs = 100, floor = 10 }: AdmissionOptions) {
    this.#clock = clock;
    this.#targetMs = targetMs;
    this.#intervalMs = intervalMs;
    this.#floor = floor;
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
      Math.max(2, this.#limit / 20),
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
    // Nobody came for a while: whatever stood is gone.
    if (now - this.#lastArrival > this.#intervalMs * calmIntervals) this.#open();
    else this.#judge(now, passed);
    this.#intervalAt = now;
    this.#least = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    this.#admitted = 0;
    this.#refused = 0;
  }

  #judge(now: number, passed: number): void {
    const late = this.#samples >= fewest && this.#least > this.#targetMs;
    if (late) {
      this.#calm = 0;
      if (now < this.#drainedAt) return;
      const rate = (this.#admitted * 1000) / passed;
      const share = Math.max(0.6, Math.min(0.9, this.#targetMs / this.#least));
      if (this.#limit === Number.POSITIVE_INFINITY) this.#filledAt = now;
      this.#limit = Math.max(this.#floor, Math.min(this.#limit, rate) * share);
      this.#tokens = Math.min(this.#tokens, 1);
      this.#drainedAt = now + Math.min(this.#least, longestDrainMs) + this.#intervalMs;
      return;
    }
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    this.#calm = this.#refused === 0 ? this.#calm + 1 : 0;
    if (this.#calm >= calmIntervals) this.#open();
    // The nearer to being late, the slower.
    else if (this.#least < this.#targetMs / 2 || this.#samples < fewest) this.#limit = this.#limit * 1.05 + 1;
  }

  #open(): void {
    this.#limit = Number.POSITIVE_INFINITY;
    this.#tokens = 0;
    this.#calm = 0;
  }
}
