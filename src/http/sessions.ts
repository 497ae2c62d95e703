import { createHash } from 'node:crypto';
import type { Clock, Random } from '../base/index.ts';

/** One user's leave to use the API until `expiresAt` (wall-clock milliseconds). */
export type Session = { readonly userId: string; readonly expiresAt: number };

export type SessionOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly lifetimeMs: number;
  /** Of all users, and of one: beyond that the oldest ends. */
  readonly most?: number;
  readonly mostOfUser?: number;
};

const keyOf = (token: string) => createHash('sha256').update(token).digest('hex');

/** Users' sessions, in memory. A token is known by its hash alone, and nothing can be learned from how long it takes. */
export class Sessions {
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #ofUser = new Map<string, Set<string>>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(userId: string): { readonly token: string; readonly session: Session } {
    const { random, clock, lifetimeMs, most = 10_000, mostOfUser = 20 } = this.#options;
    const token = random.hex(32);
    const key = keyOf(token);
    const session = { userId, expiresAt: clock.wall() + lifetimeMs };
    const own = this.#ofUser.get(userId) ?? new Set<string>();
    this.#sessions.set(key, session);
    this.#ofUser.set(userId, own.add(key));
    const [oldestOwn] = own;
    if (own.size > mostOfUser && oldestOwn !== undefined) this.#remove(oldestOwn);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > most && oldest !== undefined) this.#remove(oldest);
    return { token, session };
  }

  find(token: string): Session | undefined {
    const key = keyOf(token);
    const session = this.#sessions.get(key);
    if (session === undefined || session.expiresAt > this.#options.clock.wall()) return session;
    this.#remove(key);
    return undefined;
  }

  close(token: string): void {
    this.#remove(keyOf(token));
  }

  /** All of a user's: the PIN was changed, or the user is gone. */
  closeOf(userId: string): void {
    for (const key of this.#ofUser.get(userId) ?? []) this.#remove(key);
  }

  #remove(key: string): void {
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    if (session === undefined) return;
    const own = this.#ofUser.get(session.userId);
    own?.delete(key);
    if (own?.size === 0) this.#ofUser.delete(session.userId);
  }
}
