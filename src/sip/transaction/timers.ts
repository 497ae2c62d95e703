import type { Clock, Timer } from '../../base/index.ts';
import { firstInterval, type TimerEvent, type TimerName } from './machine.ts';
import type { TimerValues } from './types.ts';

/** RFC 3261 Table 4; 100 goes out at once, since whoever decides on the INVITE is behind a connection. */
export const defaultTimers: TimerValues = Object.freeze({
  t1: 500,
  t2: 4_000,
  t4: 5_000,
  c: 185_000,
  d: 32_000,
  trying: 0,
});

// Made once, so that an event is never put together on the way.
const eventOf: { readonly [T in TimerName]: TimerEvent } = Object.freeze({
  A: 'timer A',
  B: 'timer B',
  C: 'timer C',
  D: 'timer D',
  E: 'timer E',
  F: 'timer F',
  G: 'timer G',
  H: 'timer H',
  I: 'timer I',
  J: 'timer J',
  K: 'timer K',
  L: 'timer L',
  M: 'timer M',
  P: 'timer P',
  T: 'timer T',
  U: 'timer U',
  X: 'timer X',
});

type Live = { readonly name: TimerName; readonly timer: Timer; readonly interval: number };

/** The running timers of one transaction; there are never more than three. */
export class Timers {
  readonly #clock: Clock;
  readonly #values: TimerValues;
  readonly #fire: (event: TimerEvent) => void;
  #live: Live[] = [];
  /** The interval of the timer that fired last, for the step that starts it again. */
  #lastInterval = 0;

  constructor(clock: Clock, values: TimerValues, fire: (event: TimerEvent) => void) {
    this.#clock = clock;
    this.#values = values;
    this.#fire = fire;
  }

  start(name: TimerName): void {
    this.#run(name, firstInterval[name](this.#values));
  }

  /** Starts it again with twice its last interval: without end for A, up to T2 for the others. */
  backOff(name: TimerName): void {
    const doubled = this.#lastInterval * 2;
    this.#run(name, name === 'A' ? doubled : Math.min(doubled, this.#values.t2));
  }

  hold(name: TimerName): void {
    this.#run(name, this.#values.t2);
  }

  stop(name: TimerName): void {
    const index = this.#live.findIndex((live) => live.name === name);
    if (index < 0) return;
    this.#live[index]?.timer.cancel();
    this.#live.splice(index, 1);
  }

  stopAll(): void {
    for (const { timer } of this.#live) timer.cancel();
    this.#live = [];
  }

  #run(name: TimerName, interval: number): void {
    this.stop(name);
    const timer = this.#clock.after(interval, () => {
      this.#live = this.#live.filter((live) => live.name !== name);
      this.#lastInterval = interval;
      this.#fire(eventOf[name]);
    });
    this.#live.push({ name, timer, interval });
  }
}
