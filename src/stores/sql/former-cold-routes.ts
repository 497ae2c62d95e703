import { existsSync, renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { ColdRoute } from '../cold-route-store.ts';

/**
 * Cold routes once had a file of their own: yields what is in it, and what puts it aside once that is kept elsewhere.
 * Undefined when there is none. Throws when it is damaged.
 */
export function formerColdRoutes(
  file: string,
): { readonly routes: readonly ColdRoute[]; readonly putAside: () => void } | undefined {
  if (!existsSync(file)) return undefined;
  const database = new DatabaseSync(file);
  try {
    const routes = database
      .prepare(
        'SELECT user_id AS userId, device_id AS deviceId, set_at AS setAt, set_by AS setBy FROM cold_routes',
      )
      .all() as ColdRoute[];
    return { routes: routes.map((row) => ({ ...row })), putAside: () => renameSync(file, `${file}.old`) };
  } finally {
    database.close();
  }
}
