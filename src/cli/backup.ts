import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from './commands.ts';

const beginning = Buffer.from('SQLite format 3\0');

/**
 * Writes what comes to a file that its owner alone may read. The file appears when it is whole and on the disk: one of that
 * name that was there before is good until then.
 */
async function write(file: string, content: ReadableStream<Uint8Array>): Promise<number> {
  const part = `${file}.part`;
  const handle = await open(part, 'w+', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of content) {
      await handle.writeFile(chunk);
      bytes += chunk.length;
    }
    const { buffer } = await handle.read(Buffer.alloc(beginning.length), 0, beginning.length, 0);
    if (!buffer.equals(beginning)) throw new Error('what came is no database');
    await handle.sync();
    await handle.close();
    await rename(part, file);
    return bytes;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(part, { force: true });
    throw error;
  }
}

export const backup: Command = {
  usage: 'backup FILE',
  help: 'writes all that is kept to a file, while calls go on; docs/operations.md says how to restore it',
  run: async ({ api, args: [name = ''], folder }) => {
    const file = resolve(folder, name);
    const bytes = await write(file, await api.download('POST', '/backup'));
    return { kind: 'one', thing: { file, bytes } };
  },
};
