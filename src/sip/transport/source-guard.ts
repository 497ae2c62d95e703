import type { Clock } from '../../base/index.ts';

type Strikes = { count: number; since: number };

/** Counts what each source sends that is no SIP, so that a flood of it costs neither answers nor log lines. */
export class SourceGuard {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #capacity: number;
  readonly #sources = new Map<string, Strikes>();

  constructor(clock: Clock, options: { limit: number; windowMs: number; capacity?: number }) {
    this.#clock = clock;
    this.#limit = options.limit;
    this.#windowMs = options.windowMs;
    this.#capacity = options.capacity ?? 10_000;
  }

  get size(): number {
    return this.#sources.size;
  }

  /** Whether the source has had its share for now. */
  isMuted(source: string): boolean {
    if (this.#sources.size === 0) return false;
    const strikes = this.#sources.get(source);
    return strikes !== undefined && strikes.count > this.#limit && !this.#isOver(strikes);
  }

  /** Counts one more; false when the source is over its limit. */
  strike(source: string): boolean {
    const known = this.#sources.get(source);
    if (known !== undefined && !this.#isOver(known)) return ++known.count <= this.#limit;
    this.#sources.delete(source);
    if (this.#sources.size >= this.#capacity) this.#makeRoom();
    this.#sources.set(source, { count: 1, since: this.#clock.now() });
    return this.#limit > 0;
  }

  #isOver(strikes: Strikes): boolean {
    return this.#clock.now() - strikes.since > this.#windowMs;
  }

  /** Forgets those whose window is over, and the oldest tenth if that is not enough. */
  #makeRoom(): void {
    for (const [source, strikes] of this.#sources) if (this.#isOver(strikes)) this.#sources.delete(source);
    let surplus = this.#sources.size - Math.floor(this.#capacity * 0.9);
    for (const source of this.#sources.keys()) {
      if (surplus-- <= 0) break;
      this.#sources.delete(source);
    }
  }
}
