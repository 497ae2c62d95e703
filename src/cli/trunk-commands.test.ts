import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminToken, ApiWorld } from '../http/fixture.test.ts';
import { runCommand } from './run-command.ts';

describe('flipswitch: groups, numbers and trunks', () => {
  let api: ApiWorld;
  let folder = '';
  beforeEach(async () => {
    api = await ApiWorld.start();
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-'));
  });
  afterEach(async () => {
    await api.close();
    rmSync(folder, { recursive: true });
  });

  const run = async (...line: readonly string[]) => {
    let [out, error] = ['', ''];
    const code = await runCommand(line, {
      environment: {
        FLIPSWITCH_SERVER: `http://127.0.0.1:${api.server.port}`,
        FLIPSWITCH_TOKEN: adminToken,
        INIT_CWD: folder,
      },

      out: (text) => (out += text),
      error: (text) => (error += text),
      signal: new AbortController().signal,
    });
    assert.equal(error, '');
    assert.equal(code, 0);
    return out;
  };

  it('makes a group, gives it other members, and removes it', async () => {
    await run('groups', 'add', '500', 'Support', '100,200', '--ring', 'order');
    assert.match(await run('groups'), /^500 +Support +order +100 200$/m);
    await run('groups', 'members', '500', '200,100');
    assert.match(await run('groups', 'show', '500'), /^members +200 100$/m);
    const [line = ''] = (await run('groups', '--json')).split('\n');
    assert.deepEqual(JSON.parse(line), {
      extension: '500',
      name: 'Support',
      ring: 'order',
      members: ['200', '100'],
    });
    assert.equal(await run('groups', 'remove', '500'), 'group 500 removed\n');
    assert.equal(await run('groups', '--json'), '');
  });

  it('S2-34 gives a number to somebody else in one step', async () => {
    await run('numbers', 'set', '+15550100', '100');
    assert.match(await run('numbers'), /^\+15550100 +100 +-$/m);
    assert.match(await run('numbers', 'set', '+15550100', '200'), /^target +200$/m);
    assert.match(await run('numbers'), /^\+15550100 +200 +-$/m);
    await run('numbers', 'remove', '+15550100');
    assert.equal(await run('numbers', '--json'), '');
  });

  it('makes a trunk of a file, changes it, and says how it stands', async () => {
    const file = (trunk: object) => writeFileSync(join(folder, 'trunk.json'), JSON.stringify(trunk));
    file({ host: 'sip.carrier.example', register: true, username: 'a', password: 'secret of it' });
    await run('trunks', 'set', 'carrier', 'trunk.json');
    await run('numbers', 'set', '+15550100', '100', '--trunk', 'carrier');
    file({ host: 'sip.carrier.example', username: 'a', register: true, more: ['b.example:5070'] });
    await run('trunks', 'set', 'carrier', 'trunk.json');
    const line = /^carrier +udp +(\S+) +sip\.carrier\.example \(\w+\) b\.example:5070 \(\w+\)$/m;
    assert.match(await run('trunks'), line);
    const shown = await run('trunks', 'show', 'carrier', '--json');
    assert.equal((JSON.parse(shown) as { hasPassword: boolean }).hasPassword, true);
    assert.doesNotMatch(shown, /secret/);
    await run('numbers', 'set', '+15550100', '200');
    assert.match(await run('numbers'), /^\+15550100 +200 +carrier$/m, 'it comes in where it did');
    assert.equal(await run('trunks', 'remove', 'carrier'), 'trunk carrier removed\n');
  });
});
