import type { Clock } from '../base/index.ts';

/** Below this share of its time the thread has nothing standing in front of it, whatever the clocks say. */
const busyShare = 0.9;
/** Clocks of two machines in different time zones agree on the minutes and seconds within a quarter of an hour. */
const wrapMs = 900_000;
/** How long the least difference of the two clocks is believed, in milliseconds. */
const baselineMs = 60_000;

/** Milliseconds since midnight of `HH:MM:SS.uuuuuu`; undefined for anything else. */
function timeOfDay(stamp: string): number | undefined {
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d(?:\.\d+)?)$/.exec(stamp) ?? [];
  if (hours === undefined) return undefined;
  return (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000;
}

/** How long `stamp` is ago, wrapped to what clocks of different zones agree on. */
const ageOf = (at: number, wall: number): number => {
  const age = (((wall - at) % wrapMs) + wrapMs) % wrapMs;
  return age > wrapMs / 2 ? age - wrapMs : age;
};

/** The least of the last one to two minutes: what two clocks differ by when nothing waits. */
export class Baseline {
  #least = Number.POSITIVE_INFINITY;
  #before = Number.POSITIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;

  above(age: number, now: number): number {
    if (now - this.#since > baselineMs) {
      this.#before = this.#least;
      this.#least = Number.POSITIVE_INFINITY;
      this.#since = now;
    }
    this.#least = Math.min(this.#least, age);
    return age - Math.min(this.#least, this.#before);
  }
}

export type LatenessParts = {
  readonly clock: Clock;
  /** The share of its time that this thread is busy, 0 to 1. */
  readonly busy: () => number;
};

/** How long requests have waited for this thread since the signaling engine received them, by the stamp it gave them. */
export class Lateness {
  readonly #clock: Clock;
  readonly #busy: () => number;
  readonly #baseline = new Baseline();

  constructor({ clock, busy }: LatenessParts) {
    this.#clock = clock;
    this.#busy = busy;
  }

  /** Milliseconds; undefined when the stamp is none. */
  of(stamp: string): number | undefined {
    const at = timeOfDay(stamp);
    if (at === undefined) return undefined;
    const late = this.#baseline.above(ageOf(at, this.#clock.wall()), this.#clock.now());
    return this.#busy() < busyShare ? 0 : late;
  }
}
