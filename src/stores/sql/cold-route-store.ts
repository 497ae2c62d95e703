import { DatabaseSync } from 'node:sqlite';
import type { ColdRoute, ColdRouteStore } from '../cold-route-store.ts';
import { MemoryColdRouteStore } from '../memory/cold-route-store.ts';

const table = `CREATE TABLE IF NOT EXISTS cold_routes (
  user_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  set_by TEXT NOT NULL
) STRICT`;

/**
 * Cold routes in an SQLite file: what was acknowledged is there after the process or the machine died. Throws when the
 * file cannot be opened or is damaged.
 */
export function openColdRouteStore(file: string): ColdRouteStore {
  const database = new DatabaseSync(file);
  try {
    // WAL with full synchronisation: one fsync a change, and a reader is never in the way.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000');
    database.exec(table);
    return storeOver(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function storeOver(database: DatabaseSync): ColdRouteStore {
  const known = database
    .prepare(
      'SELECT user_id AS userId, device_id AS deviceId, set_at AS setAt, set_by AS setBy FROM cold_routes',
    )
    .all() as ColdRoute[];
  const put = database.prepare(
    'INSERT OR REPLACE INTO cold_routes (user_id, device_id, set_at, set_by) VALUES (?, ?, ?, ?)',
  );
  const remove = database.prepare('DELETE FROM cold_routes WHERE user_id = ?');
  return new MemoryColdRouteStore(
    known.map((row) => ({ ...row })),
    {
      set: ({ userId, deviceId, setAt, setBy }) => void put.run(userId, deviceId, setAt, setBy),
      clear: (userId) => void remove.run(userId),
      close: () => database.close(),
    },
  );
}
