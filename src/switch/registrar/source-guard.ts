import type { Clock } from '../../base/index.ts';

export type SourceGuardOptions = {
  readonly clock: Clock;
  /** Wrong passwords from one address within `failureWindowMs` that ban it for `banMs`. */
  readonly maxFailures: number;
  readonly failureWindowMs: number;
  readonly banMs: number;
  /** Unauthenticated requests that one address may send: so many at once, refilled at so many a second. */
  readonly burst: number;
  readonly perSecond: number;
  /** Addresses that are remembered; the longest unseen is forgotten first. */
  readonly maxSources: number;
};

type Source = {
  failures: number;
  windowEnd: number;
  bannedUntil: number;
  tokens: number;
  refilledAt: number;
};

/**
 * What strangers cost: per source address, a limit on requests without valid credentials and a ban after repeated wrong
 * ones. Being challenged is not a failure; every phone is, many times a day.
 */
export class SourceGuard {
  readonly #options: SourceGuardOptions;
  readonly #sources = new Map<string, Source>();

  constructor(options: SourceGuardOptions) {
    this.#options = options;
  }

  get remembered(): number {
    return this.#sources.size;
  }

  /** Milliseconds until the ban of an address ends; 0 when it has none. */
  bannedFor(address: string): number {
    const source = this.#sources.get(address);
    return source === undefined ? 0 : Math.max(0, source.bannedUntil - this.#options.clock.now());
  }

  /** Counts a wrong password; true when this one bans the address. */
  failed(address: string): boolean {
    const { clock, maxFailures, failureWindowMs, banMs } = this.#options;
    const now = clock.now();
    const source = this.#touch(address);
    if (now >= source.windowEnd) Object.assign(source, { failures: 0, windowEnd: now + failureWindowMs });
    source.failures += 1;
    if (source.failures < maxFailures) return false;
    Object.assign(source, { failures: 0, windowEnd: 0, bannedUntil: now + banMs });
    return true;
  }

  /** Takes one unauthenticated request from the allowance of an address; false when it has none left. */
  admit(address: string): boolean {
    const { clock, burst, perSecond } = this.#options;
    const now = clock.now();
    const source = this.#touch(address);
    source.tokens = Math.min(burst, source.tokens + ((now - source.refilledAt) / 1000) * perSecond);
    source.refilledAt = now;
    if (source.tokens < 1) return false;
    source.tokens -= 1;
    return true;
  }

  /** Gives back what the challenge of a phone that then knew its password has cost. */
  succeeded(address: string): void {
    const source = this.#sources.get(address);
    if (source !== undefined) source.tokens = Math.min(this.#options.burst, source.tokens + 1);
  }

  /** Addresses that are banned now, for operators. */
  banned(): readonly string[] {
    return [...this.#sources.keys()].filter((address) => this.bannedFor(address) > 0);
  }

  /** Lifts a ban. */
  pardon(address: string): void {
    this.#sources.delete(address);
  }

  #touch(address: string): Source {
    const { clock, burst, maxSources } = this.#options;
    const known = this.#sources.get(address);
    const source: Source = known ?? {
      failures: 0,
      windowEnd: 0,
      bannedUntil: 0,
      tokens: burst,
      refilledAt: clock.now(),
    };
    this.#sources.delete(address);
    this.#sources.set(address, source);
    if (this.#sources.size > maxSources) this.#forgetOne();
    return source;
  }

  /** The longest unseen that is not banned, else the longest unseen: a flood of addresses must not lift bans cheaply. */
  #forgetOne(): void {
    let victim: string | undefined;
    let looked = 0;
    for (const address of this.#sources.keys()) {
      victim ??= address;
      if (this.bannedFor(address) === 0) {
        victim = address;
        break;
      }
      if (++looked >= 64) break;
    }
    if (victim !== undefined) this.#sources.delete(victim);
  }
}
