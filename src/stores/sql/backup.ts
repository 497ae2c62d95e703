import { closeSync, openSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';

/** SQLite copies so many pages at once: all of them, so that it is one moment's content and writers do not delay it. */
const allPages = 2 ** 31 - 1;

/**
 * Copies an SQLite file that is in use, on another thread. The copy is what was there at one moment, complete in one file
 * that the owner alone may read. Rejects when it cannot be written; what was begun is left.
 */
export async function copyDatabase(file: string, to: string): Promise<void> {
  closeSync(openSync(to, 'wx', 0o600));
  const source = new DatabaseSync(file, { readOnly: true });
  try {
    await backup(source, to, { rate: allPages });
  } finally {
    source.close();
  }
}
