import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, token, until, user } from './program.ts';

const cli = join(import.meta.dirname, '../src/cli/flipswitch.ts');

/** The command line as an operator runs it. */
async function flipswitch(server: string, ...words: readonly string[]) {
  const child = spawn(process.execPath, [cli, ...words], {
    env: { ...process.env, FLIPSWITCH_SERVER: server, FLIPSWITCH_TOKEN: token },
  });
  let [out, error] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (error += data.toString()));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, out, error };
}

describe('backup and restore', function () {
  this.timeout(60_000);
  let program: Program;
  let other: Program;
  before(async () => {
    program = await Program.create({ users: [user('100', '1001'), user('200', '2001')] });
    other = await Program.create({});
  });
  after(async () => {
    await program.close();
    await other.close();
  });

  it('is made by one command while a call goes on and changes are made, and a switch starts from it', async () => {
    await program.start();
    const { admin } = program;
    const ada = await program.phone('1001');
    const ben = await program.phone('2001');
    const call = await ben.invite('100');
    await (await ada.incoming()).answer();
    await call.answered();
    const add = (extension: number) =>
      admin.post('/api/v1/users', { extension: String(extension), name: `User ${extension}`, pin: '4711' });
    for (let extension = 300; extension < 320; extension++) assert.equal((await add(extension)).status, 201);
    await admin.put('/api/v1/users/100/cold-route', { device: '1001' });
    await until(
      'the audit log',
      async () => (await admin.get('/api/v1/audit?who=administrator')).body.items.length === 21,
    );

    const file = join(program.folder, 'kept.db');
    writeFileSync(file, 'an older backup');
    const adding = (async () => {
      for (let extension = 400; extension < 420; extension++) await add(extension);
    })();
    const made = await flipswitch(program.server, 'backup', file, '--json');
    await adding;
    assert.deepEqual([made.code, made.error], [0, '']);
    assert.deepEqual(JSON.parse(made.out), { file, bytes: statSync(file).size });
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(
      readdirSync(program.data).filter((name) => name.endsWith('.tmp')),
      [],
    );
    assert.equal(call.state, 'answered', 'the call has gone on');
    await call.hangup();

    // As docs/operations.md says: the file in an empty data folder.
    mkdirSync(other.data, { recursive: true });
    copyFileSync(file, join(other.data, 'flipswitch.db'));
    await other.start();
    const extensions = (await other.admin.get('/api/v1/users')).body.items.map((item) => item['extension']);
    for (let extension = 300; extension < 320; extension++) assert.ok(extensions.includes(String(extension)));
    assert.equal((await other.admin.get('/api/v1/users/100/cold-route')).body['device'], '1001');
    const session = await other.admin.post('/api/v1/sessions', { extension: '310', pin: '4711' });
    assert.equal(session.status, 201);
    const audited = (await other.admin.get('/api/v1/audit?who=administrator')).body.items.map(
      (entry) => entry['what'],
    );
    assert.ok(audited.includes('users/319') && audited.includes('users/100/cold-route'));
  });

  it('that cannot be had leaves the file of that name as it was, and says why', async () => {
    const file = join(program.folder, 'kept.db');
    const before = statSync(file);
    const away = await flipswitch('http://127.0.0.1:1', 'backup', file);
    assert.equal(away.code, 1);
    assert.match(away.error, /ECONNREFUSED|fetch failed/);
    assert.deepEqual([statSync(file).size, statSync(file).mtimeMs], [before.size, before.mtimeMs]);
    assert.ok(!existsSync(`${file}.part`));
  });
});
