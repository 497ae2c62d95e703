import type { Transaction } from 'kysely';
import { pageOf, parseCursor } from '../cursor.ts';
import {
  numbersIn,
  type CallRecord,
  type Page,
  type RecordQuery,
  type RecordStore,
} from '../records-store.ts';
import type { Database } from './database.ts';
import { olderThan } from './older-than.ts';
import type { Tables } from './schema.ts';

const rowOf = (record: CallRecord) => ({
  id: record.id,
  domain: record.domain,
  started_at: record.startedAt,
  answered: record.answeredAt === undefined ? 0 : 1,
  caller: record.from,
  callee: record.to,
  body: JSON.stringify(record),
});

const numbersOf = (record: CallRecord) =>
  numbersIn(record).map((number) => ({ record_id: record.id, number }));

const recordOf = ({ body }: { readonly body: string }) => JSON.parse(body) as CallRecord;

/** Records in one statement: below the fewest parameters that a database takes, SQLite's 32,766. */
const rowsAtOnce = 100;

/** A statement may change a row once only: of records with one id the last counts. */
const latest = (records: readonly CallRecord[]): readonly CallRecord[] => [
  ...new Map(records.map((record) => [record.id, record])).values(),
];

async function addRows(transaction: Transaction<Tables>, records: readonly CallRecord[]): Promise<void> {
  await transaction
    .insertInto('call_records')
    .values(records.map(rowOf))
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((was) => ({
        domain: was.ref('excluded.domain'),
        started_at: was.ref('excluded.started_at'),
        answered: was.ref('excluded.answered'),
        caller: was.ref('excluded.caller'),
        callee: was.ref('excluded.callee'),
        body: was.ref('excluded.body'),
      })),
    )
    .execute();
  const ids = records.map(({ id }) => id);
  await transaction.deleteFrom('call_record_users').where('record_id', 'in', ids).execute();
  const owners = records.flatMap(({ id, userIds }) =>
    [...new Set(userIds)].map((userId) => ({ record_id: id, user_id: userId })),
  );
  if (owners.length > 0) await transaction.insertInto('call_record_users').values(owners).execute();
  const numbers = records.flatMap(numbersOf);
  if (numbers.length === 0) return;
  await transaction
    .insertInto('call_record_numbers')
    .values(numbers)
    .onConflict((conflict) => conflict.columns(['number', 'record_id']).doNothing())
    .execute();
}

/** Call records in a database; who owns the database closes it. */
export class SqlRecordStore implements RecordStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(records: readonly CallRecord[]): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      for (let i = 0; i < records.length; i += rowsAtOnce)
        // oxlint-disable-next-line no-await-in-loop -- one connection, one statement after the other
        await addRows(transaction, latest(records.slice(i, i + rowsAtOnce)));
    });
  }

  async get(domain: string, id: string): Promise<CallRecord | undefined> {
    const row = await this.#database
      .selectFrom('call_records')
      .select('body')
      .where('id', '=', id)
      .where('domain', '=', domain)
      .executeTakeFirst();
    return row === undefined ? undefined : recordOf(row);
  }

  async list(query: RecordQuery): Promise<Page<CallRecord>> {
    const { domain, userId, number, answered, since, until, limit } = query;
    const cursor = parseCursor(query.after);
    const rows = await this.#database
      .selectFrom('call_records')
      .select('body')
      .where('domain', '=', domain)
      .$if(userId !== undefined, (q) =>
        q.where('id', 'in', (inner) =>
          inner
            .selectFrom('call_record_users')
            .select('record_id')
            .where('user_id', '=', userId ?? ''),
        ),
      )
      .$if(number !== undefined, (q) =>
        q.where((is) =>
          is.or([
            is('caller', '=', number ?? ''),
            is('callee', '=', number ?? ''),
            is('id', 'in', (inner) =>
              inner
                .selectFrom('call_record_numbers')
                .select('record_id')
                .where('number', '=', number ?? ''),
            ),
          ]),
        ),
      )
      .$if(answered !== undefined, (q) => q.where('answered', '=', Number(answered)))
      .$if(since !== undefined, (q) => q.where('started_at', '>=', since ?? 0))
      .$if(until !== undefined, (q) => q.where('started_at', '<', until ?? 0))
      .where(olderThan('started_at', cursor))
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return pageOf(rows.map(recordOf), limit, ({ startedAt, id }) => ({ at: startedAt, id }));
  }

  async removeBefore(startedAt: number): Promise<number> {
    return this.#database.transaction().execute(async (transaction) => {
      for (const table of ['call_record_users', 'call_record_numbers'] as const)
        // oxlint-disable-next-line no-await-in-loop -- one connection, one statement after the other
        await transaction
          .deleteFrom(table)
          .where('record_id', 'in', (inner) =>
            inner.selectFrom('call_records').select('id').where('started_at', '<', startedAt),
          )
          .execute();
      const { numDeletedRows } = await transaction
        .deleteFrom('call_records')
        .where('started_at', '<', startedAt)
        .executeTakeFirst();
      return Number(numDeletedRows);
    });
  }

  async close(): Promise<void> {}
}
