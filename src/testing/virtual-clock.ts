import type { Clock, Timer } from '../base/index.ts';

type Pending = { readonly at: number; readonly order: number; readonly action: () => void };

/** A clock that moves only when told to. Timers fire in order of due time, then of creation. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #epoch: number;
  readonly #pending = new Set<Pending>();

  constructor(epoch = Date.UTC(2026, 0, 5, 9, 0, 0)) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#epoch + this.#now;
  }

  after(ms: number, action: () => void): Timer {
    const entry: Pending = { at: this.#now + Math.max(0, ms), order: this.#order++, action };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  /** Timers that have not fired; a test that ends with any has leaked them. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Moves time forward, firing what falls due on the way, timers set by timers included. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = next.at;
      this.#pending.delete(next);
      next.action();
    }
    this.#now = end;
  }

  #next(end: number): Pending | undefined {
    let best: Pending | undefined;
    for (const entry of this.#pending) {
      if (entry.at > end) continue;
      if (best === undefined || entry.at < best.at || (entry.at === best.at && entry.order < best.order))
        best = entry;
    }
    return best;
  }
}
