import { Emitter, type Clock, type Logger, type Timer } from '../base/index.ts';
import { StoreUnavailable } from './write-through.ts';

export type StoreHealthOptions = {
  /** Writes something small; rejects while that cannot be done. */
  readonly probe: () => Promise<void>;
  /** What an operator should look at. */
  readonly advice: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly probeMs?: number;
};

export type StoreState = { readonly ok: boolean; readonly reason?: string; readonly since?: number };

/**
 * Whether what is kept can be written. It learns that from what is written anyway; when that fails it is said once, with
 * what to do, and tried again until it works, which is said too.
 */
export class StoreHealth {
  /** `writable` again, after it was not. */
  readonly events = new Emitter<{ writable: undefined }>();
  readonly #options: StoreHealthOptions;
  #state: StoreState = { ok: true };
  #timer: Timer | undefined;
  #probing = false;
  #closed = false;

  constructor(options: StoreHealthOptions) {
    this.#options = options;
  }

  /** `since` is wall-clock milliseconds. */
  get state(): StoreState {
    return this.#state;
  }

  /** Does what has to do with the database. Rejects with `StoreUnavailable` where that is the reason. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      this.#worked();
      return done;
    } catch (error) {
      this.#failed(error);
      throw error instanceof StoreUnavailable ? error : new StoreUnavailable(textOf(error), { cause: error });
    }
  }

  /** A store whose every call is watched. */
  guard<T extends object>(store: T): T {
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          this.watch(async () => (await Reflect.apply(value, target, args)) as unknown);
      },
    });
  }

  /** Something hints that it may not work any more. */
  suspect(): void {
    void this.#probe();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #worked(): void {
    if (this.#state.ok) return;
    const { log, clock } = this.#options;
    const seconds = Math.round((clock.wall() - (this.#state.since ?? 0)) / 1000);
    this.#state = { ok: true };
    this.#timer?.cancel();
    this.#timer = undefined;
    log.warn({ seconds }, 'what is kept can be written again');
    this.events.emit('writable', undefined);
  }

  #failed(error: unknown): void {
    const { log, clock, advice } = this.#options;
    const reason = textOf(error);
    if (this.#state.ok) {
      this.#state = { ok: false, reason, since: clock.wall() };
      log.error(
        { error: reason, advice },
        'nothing can be kept: calls go on with what is in memory, changes are refused, records wait',
      );
    }
    this.#later();
  }

  #later(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#options.clock.after(this.#options.probeMs ?? 5000, () => {
      this.#timer = undefined;
      if (!this.#state.ok) void this.#probe();
    });
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#closed) return;
    this.#probing = true;
    try {
      await this.watch(() => this.#options.probe());
    } catch {
      // It has been said, and will be tried again.
    } finally {
      this.#probing = false;
    }
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
