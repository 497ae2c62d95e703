import type { Clock } from '../base/index.ts';

/** Things remembered by key, the longest unused forgotten beyond `most`. */
function touch<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}

/** How many requests a second one address may make, and how many at once. */
export class RequestRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #most: number;
  readonly #buckets = new Map<string, { readonly tokens: number; readonly at: number }>();

  constructor(options: {
    readonly clock: Clock;
    readonly perSecond: number;
    readonly burst: number;
    /** Addresses remembered. */
    readonly most?: number;
  }) {
    this.#clock = options.clock;
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#most = options.most ?? 10_000;
  }

  /** Yields 0, or after how many seconds to come again. */
  take(source: string): number {
    const now = this.#clock.now();
    const { tokens, at } = this.#buckets.get(source) ?? { tokens: this.#burst, at: now };
    const left = Math.min(this.#burst, tokens + ((now - at) / 1000) * this.#perSecond);
    const granted = left >= 1;
    touch(this.#buckets, source, { tokens: granted ? left - 1 : left, at: now }, this.#most);
    return granted ? 0 : Math.max(1, Math.ceil((1 - left) / this.#perSecond));
  }
}

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
    touch(this.#counts, key, entry, this.#most);
  }

  succeeded(key: string): void {
    this.#counts.delete(key);
  }
}
