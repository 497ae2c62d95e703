import type { Clock, Logger, Timer } from '../base/index.ts';

export type OutboxOptions<T> = {
  /** Writes all or none; rejects when it could not. */
  readonly write: (batch: readonly T[]) => Promise<void>;
  /** What they are called in the log. */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Waiting ones at most; beyond that the oldest are lost, and it is said. */
  readonly limit?: number;
  /** What waits is written down elsewhere too, and the next process takes it from there. */
  readonly journalled?: boolean;
  /** How long a write collects what comes meanwhile, and how long a failed one waits at first and at most. */
  readonly pauseMs?: number;
  readonly retryMs?: readonly [number, number];
};

const batchSize = 200;

/**
 * Stands between what must not wait and a database that may: things are taken at once and written as soon as it can be.
 * While it cannot, they wait in memory, it is said loudly, and they are made up for.
 */
export class Outbox<T> {
  readonly #options: OutboxOptions<T>;
  readonly #waiting: T[] = [];
  readonly #limit: number;
  readonly #pauseMs: number;
  readonly #retryMs: readonly [number, number];
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #failures = 0;
  #lost = 0;

  constructor(options: OutboxOptions<T>) {
    this.#options = options;
    this.#limit = options.limit ?? 10_000;
    this.#pauseMs = options.pauseMs ?? 50;
    this.#retryMs = options.retryMs ?? [1000, 30_000];
  }

  /** How many have not been written. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many never will be. */
  get lost(): number {
    return this.#lost;
  }

  put(item: T): void {
    this.#waiting.push(item);
    if (this.#waiting.length > this.#limit) this.#lose();
    if (this.#timer === undefined && this.#writing === undefined) void this.#write();
  }

  /** Writes what waits now, once; resolves whether or not it could be written. */
  async flush(): Promise<void> {
    await this.#writing;
    for (let left = Infinity; this.#waiting.length > 0 && this.#waiting.length < left;) {
      left = this.#waiting.length;
      this.#rest();
      // oxlint-disable-next-line no-await-in-loop -- one batch after the other
      await this.#write();
    }
  }

  /** Stops trying; what still waits is lost, unless it is journalled, and it is said. */
  async close(): Promise<void> {
    await this.flush();
    const { log, what, journalled = false } = this.#options;
    const count = this.#waiting.length;
    if (count > 0 && journalled) log.warn({ what, count }, 'not written yet: left to the next start');
    else if (count > 0) log.error({ what, count }, 'lost: never written');
    this.#waiting.length = 0;
    this.#rest();
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #write(): Promise<void> {
    this.#writing = this.#writeBatch().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeBatch(): Promise<void> {
    const { write, log, what, clock } = this.#options;
    const batch = this.#waiting.slice(0, batchSize);
    // A full batch says that more is there than one can take.
    let pause = batch.length < batchSize ? this.#pauseMs : 0;
    try {
      await write(batch);
      const written = new Set(batch);
      // Some may have been pushed out meanwhile.
      while (this.#waiting[0] !== undefined && written.has(this.#waiting[0])) this.#waiting.shift();
      if (this.#failures > 0) log.warn({ what, failures: this.#failures }, 'written again');
      this.#failures = 0;
    } catch (error) {
      const [first, most] = this.#retryMs;
      pause = Math.min(first * 2 ** this.#failures, most);
      this.#failures++;
      log.error(
        { what, waiting: this.#waiting.length, error: String(error), retryMs: pause },
        'cannot be written; kept in memory',
      );
    }
    this.#timer = clock.after(pause, () => {
      this.#timer = undefined;
      if (this.#waiting.length > 0) void this.#write();
    });
  }

  #lose(): void {
    this.#waiting.shift();
    this.#lost++;
    // The first of them, and then each time that it has doubled.
    if ((this.#lost & (this.#lost - 1)) === 0)
      this.#options.log.error(
        { what: this.#options.what, lost: this.#lost },
        'too many wait; the oldest are lost',
      );
  }
}
