import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { SqliteDialect, type SqliteDatabase } from 'kysely';

/**
 * Kysely's SQLite dialect over Node's own SQLite. Statements run on the calling thread, so a locked file is waited for
 * shortly only: who writes has to be ready to try again. Throws when the file cannot be opened or is no database.
 */
export function sqliteDialect(file: string): SqliteDialect {
  // It holds what is kept of passwords: a new one is its owner's alone, and SQLite makes its other files like it.
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file);
  try {
    // WAL survives the death of the process at any point; NORMAL leaves the disk to flush in its own time.
    database.exec('PRAGMA busy_timeout = 50; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  } catch (error) {
    database.close();
    throw error;
  }
  return new SqliteDialect({ database: asDriver(database) });
}

/** Statements that were prepared lately; the same few come again and again. */
const keptStatements = 100;

const nothing = { changes: 0, lastInsertRowid: 0 };

function asDriver(database: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, ReturnType<SqliteDatabase['prepare']>>();
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const known = kept.get(sql);
      if (known !== undefined) return known;
      const statement = database.prepare(sql);
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
      const made = {
        // Statements that yield rows have columns.
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => statement.all(...values(parameters)),
        run: (parameters: readonly unknown[]) =>
          // A full disk has rolled back by itself; what went wrong is to be told, and not that there is nothing left to do.
          sql === 'rollback' && !database.isTransaction ? nothing : statement.run(...values(parameters)),
        iterate: (parameters: readonly unknown[]) => statement.iterate(...values(parameters)),
      };
      if (kept.size >= keptStatements) kept.clear();
      kept.set(sql, made);
      return made;
    },
  };
}
