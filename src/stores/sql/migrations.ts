import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export type Engine = 'sqlite' | 'postgresql';

/**
 * What made the tables as they are, in order, for either engine. One that was released is never changed; the next one
 * changes what it made. SQLite's are not one transaction each, so that every step may find itself done already.
 */
export function migrationsFor(engine: Engine): Record<string, Migration> {
  return {
    '0001-records-and-audit': { up: (db) => recordsAndAudit(db, engine) },
    '0002-kept': { up: (db) => kept(db, engine) },
    '0003-record-numbers': { up: (db) => recordNumbers(db, engine) },
    '0004-voice-messages': { up: (db) => voiceMessages(db, engine) },
  };
}

/** Text that is compared byte by byte, as SQLite and the program itself do, whatever the database's language is. */
const textOf = (engine: Engine) => (engine === 'sqlite' ? ('text' as const) : sql`text collate "C"`);

async function recordsAndAudit(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = textOf(engine);
  await db.schema
    .createTable('call_records')
    .ifNotExists()
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('domain', text, (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('answered', 'integer', (column) => column.notNull())
    .addColumn('caller', text, (column) => column.notNull())
    .addColumn('callee', text, (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await index(db, 'call_records_by_time', 'call_records', ['domain', 'started_at', 'id']);
  await db.schema
    .createTable('call_record_users')
    .ifNotExists()
    .addColumn('record_id', text, (column) =>
      column.notNull().references('call_records.id').onDelete('cascade'),
    )
    .addColumn('user_id', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('call_record_users_key', ['user_id', 'record_id'])
    .execute();
  await index(db, 'call_record_users_by_record', 'call_record_users', ['record_id']);
  await db.schema
    .createTable('audit')
    .ifNotExists()
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('domain', text, (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('who', text, (column) => column.notNull())
    .addColumn('what', text, (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await index(db, 'audit_by_time', 'audit', ['domain', 'at', 'id']);
  await (engine === 'sqlite' ? guardInSqlite(db) : guardInPostgresql(db));
}

/** Public numbers of calls, beside who called whom. */
async function recordNumbers(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = textOf(engine);
  await db.schema
    .createTable('call_record_numbers')
    .ifNotExists()
    .addColumn('record_id', text, (column) =>
      column.notNull().references('call_records.id').onDelete('cascade'),
    )
    .addColumn('number', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('call_record_numbers_key', ['number', 'record_id'])
    .execute();
  await index(db, 'call_record_numbers_by_record', 'call_record_numbers', ['record_id']);
}

/** Messages in mailboxes; their sound is in files. */
async function voiceMessages(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = textOf(engine);
  await db.schema
    .createTable('voice_messages')
    .ifNotExists()
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('user_id', text, (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('heard', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await index(db, 'voice_messages_by_time', 'voice_messages', ['user_id', 'at', 'id']);
}

function index(db: Kysely<unknown>, name: string, table: string, columns: string[]): Promise<void> {
  return db.schema.createIndex(name).ifNotExists().on(table).columns(columns).execute();
}

async function guardInSqlite(db: Kysely<unknown>): Promise<void> {
  for (const change of ['UPDATE', 'DELETE'])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await sql`CREATE TRIGGER IF NOT EXISTS ${sql.raw(`audit_no_${change.toLowerCase()}`)} BEFORE ${sql.raw(change)} ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END`.execute(db);
}

async function guardInPostgresql(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$`.execute(db);
  await sql`CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to()`.execute(db);
}

async function kept(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const text = textOf(engine);
  /** A table of records in JSON, with the columns that they are told apart by. */
  const table = async (name: string, key: readonly string[], unique: readonly string[] = []) => {
    const columns = [...new Set([...key, ...unique])];
    let made = db.schema.createTable(name).ifNotExists();
    for (const column of columns) made = made.addColumn(column, text, (one) => one.notNull());
    if (name === 'devices')
      made = made.addColumn('user_id', text, (one) =>
        one.notNull().references('users.id').onDelete('cascade'),
      );
    made = made.addColumn('body', 'text', (one) => one.notNull());
    made = made.addPrimaryKeyConstraint(`${name}_key`, [...key] as never);
    if (unique.length > 0) made = made.addUniqueConstraint(`${name}_unique`, [...unique] as never);
    await made.execute();
  };
  await table('domains', ['name']);
  await table('users', ['id'], ['domain', 'extension']);
  await table('devices', ['id'], ['domain', 'extension']);
  await index(db, 'devices_by_user', 'devices', ['user_id']);
  await table('ring_groups', ['id'], ['domain', 'extension']);
  await table('numbers', ['domain', 'number']);
  await table('trunks', ['id'], ['domain', 'name']);
  await table('routings', ['domain', 'kind', 'owner']);
  for (const name of ['schedules', 'caller_lists', 'calendars'])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await table(name, ['domain', 'name']);
  await table('policies', ['domain']);
  await db.schema
    .createTable('cold_routes')
    .ifNotExists()
    .addColumn('user_id', text, (column) => column.primaryKey())
    .addColumn('device_id', text, (column) => column.notNull())
    .addColumn('set_at', 'bigint', (column) => column.notNull())
    .addColumn('set_by', 'text', (column) => column.notNull())
    .execute();
  await index(db, 'cold_routes_by_device', 'cold_routes', ['device_id']);
  await db.schema
    .createTable('notes')
    .ifNotExists()
    .addColumn('name', text, (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
}
