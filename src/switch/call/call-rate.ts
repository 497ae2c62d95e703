import type { Clock } from '../../base/index.ts';

type Bucket = { tokens: number; at: number };

/** A token bucket for each source address. Sources beyond `maxSources` push the one out that was idle longest. */
export class CallRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #maxSources: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: {
    readonly clock: Clock;
    readonly perSecond: number;
    readonly burst: number;
    readonly maxSources?: number;
  }) {
    this.#clock = options.clock;
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#maxSources = options.maxSources ?? 10_000;
  }

  /** Whether one more call from this address is within its rate. */
  admit(source: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(source) ?? { tokens: this.#burst, at: now };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    // Set anew, so that the map stays in order of use.
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (this.#buckets.size > this.#maxSources) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
