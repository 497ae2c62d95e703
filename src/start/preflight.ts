import { createServer } from 'node:net';
import { splitHostPort } from '../config/index.ts';
import type { Opened } from './closing.ts';
import { at } from './failure.ts';
import { lockFolder } from './folder-lock.ts';
import type { Settings } from './settings.ts';

/**
 * Takes the data folder, and looks at the HTTP port before the engines are started, which take most of a start's time: a port that is taken is
 * told within a second. Between this look and the listening somebody may still take it, and that is told then.
 */
export async function preflight(
  { settings: { http }, folder }: { readonly settings: Settings; readonly folder: string },
  opened: Opened,
): Promise<void> {
  opened.add('data folder', await lockFolder(folder));
  const { host, port } = splitHostPort(http.listen);
  await at(`http.listen ${http.listen}`, async () => {
    const server = createServer();
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(port, host, done);
    });
    await new Promise((done) => server.close(done));
  });
}
