import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminToken, ApiWorld } from '../http/fixture.test.ts';
import { domain } from '../switch/testing/world.ts';
import { runCommand } from './run-command.ts';

describe('flipswitch route and explain', () => {
  let api: ApiWorld;
  let folder: string;
  let said: string;
  beforeEach(async () => {
    api = await ApiWorld.start();
    folder = mkdtempSync(join(tmpdir(), 'rules-'));
  });
  afterEach(async () => {
    await api.close();
    rmSync(folder, { recursive: true });
  });

  const run = async (...argv: readonly string[]): Promise<number> => {
    said = '';
    return runCommand(argv, {
      environment: { FLIPSWITCH_SERVER: `http://127.0.0.1:${api.server.port}`, FLIPSWITCH_TOKEN: adminToken },
      out: (text) => (said += text),
      error: (text) => (said += text),
      signal: new AbortController().signal,
    });
  };
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const rule = {
    name: 'Backup',
    when: [{ kind: 'not', condition: { kind: 'presence', is: ['meeting', 'in-call'] } }],
    then: { kind: 'forward', to: '200' },
  };

  it('shows, replaces and removes rules; what --json says can be set again', async () => {
    assert.equal(await run('route', 'set', '100', write('list.json', JSON.stringify([rule]))), 0, said);
    assert.equal(await run('route', '100'), 0, said);
    assert.match(said, /^rule +name +on +profiles +when +then +by\n/);
    assert.match(
      said,
      /Backup +yes +- +not condition=\(presence is=meeting,in-call\) +forward to=200 +administrator\n/,
    );
    await run('route', '100', '--json');
    const { id } = JSON.parse(said) as { id: string };
    assert.equal(await run('route', 'set', 'user:100', write('lines.json', said)), 0, said);
    assert.match(said, new RegExp(id));
    assert.equal(await run('route', 'remove', '100', id), 0);
    assert.equal(await run('route', 'remove', '100', id), 1);
    assert.match(said, /No such rule/);
    assert.equal(await run('route', 'set', '100', join(folder, 'none.json')), 1);
  });

  it('knows groups and numbers, and draws their trees', async () => {
    await api.world.directory.putNumber({ domain, number: '+15550100', target: '100' });
    assert.equal(
      await run('route', 'set', 'number:+15550100', write('list.json', JSON.stringify([rule]))),
      0,
      said,
    );
    assert.equal(await run('route', 'tree', 'number:+15550100'), 0);
    assert.match(said, /^flowchart TD\n/);
    assert.equal(await run('route', 'group:500'), 1);
    assert.match(said, /No such group/);
  });

  it('S2-53 switches profiles', async () => {
    assert.equal(await run('profile', '100', 'travel'), 0, said);
    await run('profile', '100');
    assert.match(said, /profile +travel\n/);
    await run('profile', '100', 'none');
    assert.match(said, /profile +-\n/);
    assert.equal(await run('profile', '100', 'moon'), 1);
  });

  it('S2-71 explains a call that has not happened', async () => {
    await run('route', 'set', '100', write('list.json', JSON.stringify([rule])));
    assert.equal(
      await run('explain', '--from', '200', '--to', '100', '--at', '2026-03-03T19:00Z', '--results', 'busy'),
      0,
      said,
    );
    assert.match(said, /100 +forward +200 +Backup +60 +- +Backup taken: not wanted: 100 is available/);
    assert.match(said, /200 +ring +2001 2002 2003 +- +60 +busy/);
    assert.match(said, /100 +end/);
    assert.equal(await run('explain', '--from', '200'), 1);
    assert.match(said, /--to says who is called/);
    assert.equal(await run('explain', '--to', '100', '--at', 'teatime'), 1);
    await run('explain', '--to', '100', '--json');
    const [first] = said.trim().split('\n');
    assert.equal((JSON.parse(first ?? '') as { owner: string }).owner, '100');
  });
});
