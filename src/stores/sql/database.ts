import { Kysely, type Dialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrationsFor, type Engine } from './migrations.ts';
import type { Tables } from './schema.ts';
import { sqliteDialect } from './sqlite.ts';
import { WithoutNul } from './without-nul.ts';

/** A database with its tables as this version wants them. */
export type Database = Kysely<Tables>;

/** Opens an SQLite file and brings its tables up to date. Rejects when it cannot be opened, or is no database. */
export async function openDatabase(file: string): Promise<Database> {
  return upToDate(sqliteDialect(file), 'sqlite');
}

/**
 * Connects to PostgreSQL and brings the tables up to date. Rejects within seconds when it is not there. `lost` hears of
 * connections that break.
 */
export async function connectDatabase(
  url: string,
  lost: (error: Error) => void = () => undefined,
): Promise<Database> {
  // The client is loaded where it is wanted only: it would take a share of every start.
  const { postgresDialect } = await import('./postgres.ts');
  return upToDate(postgresDialect(url, lost), 'postgresql');
}

async function upToDate(dialect: Dialect, engine: Engine): Promise<Database> {
  const plugins = engine === 'postgresql' ? [new WithoutNul()] : [];
  const database = new Kysely<Tables>({ dialect, plugins });
  try {
    const migrator = new Migrator({
      db: database,
      provider: { getMigrations: async () => migrationsFor(engine) },
    });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    return database;
  } catch (error) {
    await database.destroy();
    throw error;
  }
}
