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

/** A record to be put or removed, and what is there before it: a write of doubtful outcome can be taken back. */
export type Change = {
  [K in keyof KeptRecords]: {
    readonly kind: K;
    readonly before: KeptRecords[K] | undefined;
    readonly after: KeptRecords[K] | undefined;
  };
}[keyof KeptRecords];

/** Where changes are made durable. */
export interface Durable {
  /** All or none, in order; rejects when they could not be written. */
  save(changes: readonly Change[]): Promise<void>;
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

  constructor(durable?: Durable) {
    this.#durable = durable;
  }

  /** Rejects with what `look` throws, or with what kept the change from being written; nothing has changed then. */
  async change<T>(look: () => Step<T>): Promise<T> {
    const durable = this.#durable;
    if (durable === undefined) return look().apply();
    const turn = this.#last.then(async () => {
      const { changes, apply } = look();
      if (changes.length > 0) await durable.save(changes);
      return apply();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
