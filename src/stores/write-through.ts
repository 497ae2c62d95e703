import type { ColdRoute } from './cold-route-store.ts';
import type { Device, Domain, Group, Number, Trunk, User } from './directory-store.ts';
import type { CalendarSource, CallerList, Routing, RoutingPolicy, Schedule } from './routing-store.ts';

/** Everything that is kept for good and looked up from memory, by kind. */
export type KeptRecords = {
  readonly domain: Domain;
  readonly user: User;
  readonly device: Device;
  readonly group: Group;
  readonly number: Number;
  readonly trunk: Trunk;
  readonly coldRoute: ColdRoute;
  readonly routing: Routing;
  readonly schedule: Schedule;
  readonly callerList: CallerList;
  readonly calendar: CalendarSource;
  readonly policy: RoutingPolicy;
};

/** A record to be put or removed: what is there before it, and after. One of both is there. */
export type Change = {
  [K in keyof KeptRecords]: {
    readonly kind: K;
    readonly before: KeptRecords[K] | undefined;
    readonly after: KeptRecords[K] | undefined;
  };
}[keyof KeptRecords];

/** Where changes are made durable. */
export interface Durable {
  /**
   * All or none, in order. Rejects with `StoreUnavailable` when nothing was written, or with `DoubtfulOutcome` when that
   * cannot be known yet.
   */
  save(changes: readonly Change[]): Promise<void>;
}

/** What is kept cannot be written or read now. Nothing has changed, and the same can be tried again. */
export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable';
}

/** The connection broke while a change was being made final. */
export class DoubtfulOutcome extends StoreUnavailable {
  override readonly name = 'DoubtfulOutcome';
  /** Whether it was written after all; rejects while that cannot be found out. */
  readonly settle: () => Promise<boolean>;

  constructor(message: string, settle: () => Promise<boolean>, cause: unknown) {
    super(message, { cause });
    this.settle = settle;
  }
}

/** What a change comes to once it was found right: what to write, and what to do in memory when that is done. */
export type Step<T> = { readonly changes: readonly Change[]; readonly apply: () => T };

/**
 * The one way to change what is kept: looked at against memory, made durable, and only then seen in memory; one after the
 * other, so that two changes that contradict each other cannot both be found right. Without a durable place changes are
 * made at once.
 */
export class WriteThrough {
  readonly #durable: Durable | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #doubt: { readonly settle: () => Promise<boolean>; readonly apply: () => unknown } | undefined;

  constructor(durable?: Durable) {
    this.#durable = durable;
  }

  /** Rejects with what `look` throws, or with `StoreUnavailable`; nothing has changed then, or see `settle`. */
  async change<T>(look: () => Step<T>): Promise<T> {
    const durable = this.#durable;
    if (durable === undefined) return look().apply();
    return this.#inTurn(async () => {
      await this.#settle();
      const { changes, apply } = look();
      if (changes.length > 0) await this.#save(durable, changes, apply);
      return apply();
    });
  }

  /**
   * Finds out what became of a change whose outcome was in doubt, so that memory is again as what is kept. Every further
   * change waits for that, too. Rejects while it cannot be found out.
   */
  settle(): Promise<void> {
    return this.#inTurn(() => this.#settle());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #save(durable: Durable, changes: readonly Change[], apply: () => unknown): Promise<void> {
    try {
      await durable.save(changes);
    } catch (error) {
      if (error instanceof DoubtfulOutcome) this.#doubt = { settle: error.settle, apply };
      throw error;
    }
  }

  async #settle(): Promise<void> {
    if (this.#doubt === undefined) return;
    const { settle, apply } = this.#doubt;
    const written = await settle();
    this.#doubt = undefined;
    if (written) apply();
  }
}
