import { createReadStream, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from '../base/index.ts';
import type { Backup } from '../http/index.ts';
import { copyDatabase } from '../stores/index.ts';

const temporary = /^backup-[0-9a-f]+\.tmp$/;

/**
 * What makes backups of a database file, for the API to hand out: each is a copy beside the file, which is removed when it was
 * read, and at the latest at the next start. Undefined where the data lies on a server, which has means of its own.
 */
export function backups(file: string | undefined, random: Random): (() => Promise<Backup>) | undefined {
  if (file === undefined) return undefined;
  const folder = dirname(file);
  for (const name of readdirSync(folder)) if (temporary.test(name)) rmSync(join(folder, name));
  return async () => {
    const copy = join(folder, `backup-${random.hex(8)}.tmp`);
    const remove = () => rmSync(copy, { force: true });
    try {
      await copyDatabase(file, copy);
      const stream = createReadStream(copy);
      stream.once('close', remove);
      return { bytes: statSync(copy).size, stream };
    } catch (error) {
      remove();
      throw error;
    }
  };
}
