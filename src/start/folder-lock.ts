import { createServer, connect } from 'node:net';
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { at } from './failure.ts';

/** The longest path that every system takes for a local socket (108 bytes with its end, on macOS 104). */
const longest = 103;

const answers = (path: string): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(path, () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });

/**
 * Makes sure that no other switch has the data folder: two would spoil each other's journals. It is held by a local socket
 * and not by a file, because a socket that a killed process left behind answers nobody, and is taken over.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const whole = join(folder, 'in-use.sock');
  const path = Buffer.byteLength(whole) <= longest ? whole : relative(process.cwd(), whole);
  // Node would cut a longer one short, and then two folders may have one name.
  if (Buffer.byteLength(path) > longest) return async () => undefined;
  return at('data', async () => {
    if (await answers(path)) throw new Error(`${folder} is in use by another switch; give each its own`);
    rmSync(path, { force: true });
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(path, done);
    });
    server.unref();
    return () => new Promise<void>((done) => server.close(() => done()));
  });
}
