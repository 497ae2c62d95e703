import { sql, type Kysely, type Transaction } from 'kysely';
import type { Clock, Random } from '../../base/index.ts';
import {
  DoubtfulOutcome,
  StoreUnavailable,
  type Change,
  type Durable,
  type KeptRecords,
} from '../write-through.ts';
import type { Database } from './database.ts';
import { keptTables, rowChangesOf, type RowChange } from './kept-tables.ts';
import type { Engine } from './migrations.ts';
import type { Tables } from './schema.ts';

export type KeptContents = { readonly [K in keyof KeptRecords]: readonly KeptRecords[K][] };

export type KeptOptions = {
  readonly database: Database;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  /** Does what has to do with the database, and learns how that went. */
  readonly watch?: <T>(work: () => Promise<T>) => Promise<T>;
};

/** The name of the note that says which change was the last one that was written. */
const lastChange = 'last change';
/** A file that somebody else is writing to is asked so often, after so many milliseconds each. */
const lockedTries = 8;
const lockedPauseMs = 100;

/** The directory, routing and cold routes in a database: read once, at the start, and written with every change. */
export class KeptDatabase implements Durable {
  readonly #options: KeptOptions;
  #gathered: Change[] | undefined;

  constructor(options: KeptOptions) {
    this.#options = options;
  }

  /** Everything that is kept. Rejects when a table is damaged or holds what is no JSON. */
  async load(): Promise<KeptContents> {
    const contents: Partial<Record<keyof KeptRecords, readonly unknown[]>> = {};
    for (const [kind, { table, record, order }] of Object.entries(keptTables)) {
      // oxlint-disable-next-line no-await-in-loop -- one connection, one statement after the other
      if (this.#options.engine === 'sqlite') await this.#refuseDamaged(table);
      const all = this.#options.database.selectFrom(table as 'notes').selectAll();
      const inOrder = order.reduce((query, column) => query.orderBy(sql.ref(column)), all);
      // oxlint-disable-next-line no-await-in-loop -- one connection, one statement after the other
      const rows = await inOrder.execute();
      contents[kind as keyof KeptRecords] = rows.map((row) => record(row as never));
    }
    return contents as KeptContents;
  }

  /** A page that was damaged on the disk may still be read as something, and is better found now than in a month. */
  async #refuseDamaged(table: string): Promise<void> {
    const { rows } = await sql<{
      readonly quick_check: string;
    }>`PRAGMA quick_check(${sql.raw(table)})`.execute(this.#options.database);
    const found = rows[0]?.quick_check;
    if (found !== 'ok') throw new Error(`database disk image is malformed: ${found}`);
  }

  async save(changes: readonly Change[]): Promise<void> {
    if (this.#gathered !== undefined) this.#gathered.push(...changes);
    else await this.#write(changes);
  }

  /** What `work` changes is written when it is done, all of it or nothing. Only for a start: who reads sees it before. */
  async together<T>(work: () => Promise<T>): Promise<T> {
    const gathered: Change[] = [];
    this.#gathered = gathered;
    let done: T;
    try {
      done = await work();
    } finally {
      this.#gathered = undefined;
    }
    if (gathered.length > 0) await this.#write(gathered);
    return done;
  }

  async note(name: string): Promise<string | undefined> {
    const row = await this.#options.database
      .selectFrom('notes')
      .select('value')
      .where('name', '=', name)
      .executeTakeFirst();
    return row?.value;
  }

  /** Writes something down that the next start will ask for. */
  async putNote(name: string, value: string): Promise<void> {
    await this.#lasting((transaction) => putNote(transaction, name, value));
  }

  async #write(changes: readonly Change[]): Promise<void> {
    const { random, watch = (work) => work() } = this.#options;
    const rows = changes.flatMap(rowChangesOf);
    const id = random.hex(12);
    const work = async (transaction: Transaction<Tables>) => {
      for (const row of rows)
        // oxlint-disable-next-line no-await-in-loop -- in their order
        await change(transaction, row);
      await putNote(transaction, lastChange, id);
    };
    await watch(() => this.#lasting(work, () => this.#wasWritten(id)));
  }

  /** A transaction that is on the disk when it resolves. */
  async #lasting(
    work: (transaction: Transaction<Tables>) => Promise<void>,
    settle: () => Promise<boolean> = async () => false,
  ): Promise<void> {
    for (let tries = lockedTries; ; tries--) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        return await this.#transaction(work, settle);
      } catch (error) {
        if (tries <= 1 || !isLocked(error)) throw error;
        // oxlint-disable-next-line no-await-in-loop -- likewise
        await new Promise<void>((done) => this.#options.clock.after(lockedPauseMs, done));
      }
    }
  }

  async #transaction(
    work: (transaction: Transaction<Tables>) => Promise<void>,
    settle: () => Promise<boolean>,
  ): Promise<void> {
    let complete = false;
    try {
      await this.#synchronously((connection) =>
        connection.transaction().execute(async (transaction) => {
          await work(transaction);
          complete = true;
        }),
      );
    } catch (error) {
      const message = `not saved: ${error instanceof Error ? error.message : String(error)}`;
      throw complete && !isLocked(error)
        ? new DoubtfulOutcome(message, settle, error)
        : new StoreUnavailable(message, { cause: error });
    }
  }

  /** SQLite flushes these to the disk itself, and not call records: those can wait, and calls cannot. */
  #synchronously<T>(work: (connection: Kysely<Tables>) => Promise<T>): Promise<T> {
    const { database, engine } = this.#options;
    if (engine === 'postgresql') return work(database);
    return database.connection().execute(async (connection) => {
      await sql`PRAGMA synchronous = FULL`.execute(connection);
      try {
        return await work(connection);
      } finally {
        await sql`PRAGMA synchronous = NORMAL`.execute(connection);
      }
    });
  }

  /** Waits for whoever may still be writing the note, which lasts as long as that transaction does. */
  async #wasWritten(id: string): Promise<boolean> {
    const { database, engine } = this.#options;
    try {
      const row = await database
        .selectFrom('notes')
        .select('value')
        .where('name', '=', lastChange)
        .$if(engine === 'postgresql', (query) => query.forUpdate())
        .executeTakeFirst();
      return row?.value === id;
    } catch (error) {
      throw new StoreUnavailable(`not known: ${String(error)}`, { cause: error });
    }
  }
}

async function putNote(transaction: Transaction<Tables>, name: string, value: string): Promise<void> {
  await transaction
    .insertInto('notes')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** The tables differ, and what is done to them does not: kysely is told of one of them. */
async function change(transaction: Transaction<Tables>, row: RowChange): Promise<void> {
  const table = row.table as 'notes';
  if (row.do === 'put') {
    await transaction
      .insertInto(table)
      .values({ ...row.key, ...row.rest } as never)
      .onConflict((conflict) => conflict.columns(Object.keys(row.key) as 'name'[]).doUpdateSet(row.rest))
      .execute();
    return;
  }
  let removing = transaction.deleteFrom(table);
  for (const [column, value] of Object.entries(row.where))
    removing = removing.where(column as 'name', '=', value as string);
  await removing.execute();
}

/** SQLITE_BUSY and SQLITE_LOCKED: another program has the file, and nothing was written. */
function isLocked(error: unknown): boolean {
  const { cause, errcode } = error as { readonly cause?: unknown; readonly errcode?: unknown };
  if (typeof errcode === 'number') return [5, 6].includes(errcode & 0xff);
  return cause !== undefined && isLocked(cause);
}
