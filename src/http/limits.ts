import type { Clock } from '../base/index.ts';

/** Counts what went wrong by key, within a window; who has had too many is to wait. */
export class Failures {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #most: number;
  readonly #counts = new Map<string, { readonly count: number; readonly until: number }>();

  constructor(options: {
    readonly clock: Clock;
    readonly limit: number;
    readonly windowMs: number;
    readonly most?: number;
  }) {
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#windowMs = options.windowMs;
    this.#most = options.most ?? 10_000;
  }

  /** 0, or after how many seconds to come again. */
  wait(key: string): number {
    const entry = this.#counts.get(key);
    const left = (entry?.until ?? 0) - this.#clock.now();
    if (entry === undefined || left <= 0 || entry.count < this.#limit) return 0;
    return Math.max(1, Math.ceil(left / 1000));
  }

  failed(key: string): void {
    const now = this.#clock.now();
    const before = this.#counts.get(key);
    const entry =
      before === undefined || before.until <= now
        ? { count: 1, until: now + this.#windowMs }
        : { count: before.count + 1, until: before.until };
    // The longest unused is forgotten: the map is in order of use.
    this.#counts.delete(key);
    this.#counts.set(key, entry);
    const [oldest] = this.#counts.size > this.#most ? this.#counts.keys() : [];
    if (oldest !== undefined) this.#counts.delete(oldest);
  }

  succeeded(key: string): void {
    this.#counts.delete(key);
  }
}
