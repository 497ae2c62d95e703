import type { Clock } from './clock.ts';

/** A token bucket for each source address. Beyond `most` sources the one that was idle longest is forgotten. */
export class SourceRate {
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

  /** Takes one from the allowance of a source. Yields 0, or after how many seconds to come again. */
  take(source: string): number {
    const now = this.#clock.now();
    const { tokens, at } = this.#buckets.get(source) ?? { tokens: this.#burst, at: now };
    const left = Math.min(this.#burst, tokens + ((now - at) / 1000) * this.#perSecond);
    const granted = left >= 1;
    // Set anew, so that the map stays in order of use.
    this.#buckets.delete(source);
    this.#buckets.set(source, { tokens: granted ? left - 1 : left, at: now });
    const [oldest] = this.#buckets.size > this.#most ? this.#buckets.keys() : [];
    if (oldest !== undefined) this.#buckets.delete(oldest);
    return granted ? 0 : Math.max(1, Math.ceil((1 - left) / this.#perSecond));
  }
}
