import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What made the tables as they are, in order. One that was released is never changed; the next one changes what it made. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-records-and-audit': { up: recordsAndAudit },
};

async function recordsAndAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('call_records')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('domain', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('answered', 'integer', (column) => column.notNull())
    .addColumn('caller', 'text', (column) => column.notNull())
    .addColumn('callee', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('call_records_by_time')
    .on('call_records')
    .columns(['domain', 'started_at', 'id'])
    .execute();
  await db.schema
    .createTable('call_record_users')
    .addColumn('record_id', 'text', (column) =>
      column.notNull().references('call_records.id').onDelete('cascade'),
    )
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('call_record_users_key', ['user_id', 'record_id'])
    .execute();
  await db.schema
    .createIndex('call_record_users_by_record')
    .on('call_record_users')
    .column('record_id')
    .execute();
  await db.schema
    .createTable('audit')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('domain', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('who', 'text', (column) => column.notNull())
    .addColumn('what', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('audit_by_time').on('audit').columns(['domain', 'at', 'id']).execute();
  for (const change of ['UPDATE', 'DELETE'])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await sql`CREATE TRIGGER ${sql.raw(`audit_no_${change.toLowerCase()}`)} BEFORE ${sql.raw(change)} ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END`.execute(db);
}
