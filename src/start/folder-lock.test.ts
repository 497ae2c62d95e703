import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFolder } from './folder-lock.ts';

describe('a data folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('belongs to one switch, and to the next when that has ended', async () => {
    const unlock = await lockFolder(folder);
    await assert.rejects(lockFolder(folder), /data: .* is in use by another switch/);
    await unlock();
    await (
      await lockFolder(folder)
    )();
  });

  it('is free after its switch was killed', async () => {
    const source = `import { lockFolder } from ${JSON.stringify(new URL('folder-lock.ts', import.meta.url).href)};
      await lockFolder(${JSON.stringify(folder)}); console.log('locked'); setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await assert.rejects(lockFolder(folder), /in use/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (
      await lockFolder(folder)
    )();
  });
});
