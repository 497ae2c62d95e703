import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from '../src/testing/http-client.ts';
import { Phone } from '../src/testing/phone.ts';

const main = join(import.meta.dirname, '../src/main.ts');
const token = 'a-token-for-this-test';

type Ready = { readonly http: string; readonly signaling: readonly string[] };

/** The program, in a process that can be killed. */
class Program {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stdout = '';

  constructor(config: string) {
    this.#child = spawn(process.execPath, [main, '--config', config], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child.stdout?.on('data', (data: Buffer) => (this.#stdout += data.toString()));
    this.#exited = new Promise((done) => this.#child.once('close', done));
  }

  get log(): string {
    return this.#stdout;
  }

  async ready(): Promise<Ready> {
    await until('ready', async () => this.#stdout.includes('"msg":"ready"') || this.#child.exitCode !== null);
    const line = this.#stdout.split('\n').find((text) => text.includes('"msg":"ready"'));
    assert.ok(line, `it ended: ${this.#stdout}`);
    return JSON.parse(line) as Ready;
  }

  kill(): Promise<unknown> {
    this.#child.kill('SIGKILL');
    return this.#exited;
  }
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await look())) {
    assert.ok(performance.now() < end, `never came true: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe('call records and the audit log of the program', function () {
  this.timeout(60_000);
  let folder: string;
  let program: Program;
  const phones: Phone[] = [];
  before(() => (folder = mkdtempSync(join(tmpdir(), 'flipswitch-records-'))));
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
    await program.kill();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = async () => {
    const file = join(folder, 'flipswitch.json');
    const user = (extension: string, device: string) => ({
      extension,
      name: extension,
      devices: [{ extension: device, name: device, password: `secret-${device}` }],
    });
    const config = {
      domain: 'pbx.test',
      data: join(folder, 'data'),
      signaling: { listen: ['udp:127.0.0.1:0'] },
      media: { address: '127.0.0.1', ports: [43_000, 43_999] },
      http: { listen: '127.0.0.1:0', adminToken: token },
      users: [user('100', '1001'), user('200', '2001')],
    };
    writeFileSync(file, JSON.stringify(config));
    program = new Program(file);
    const ready = await program.ready();
    const port = Number(/udp:127\.0\.0\.1:(\d+)/.exec(ready.signaling.join())?.[1]);
    return { admin: new Client(`http://${ready.http}`, token), port };
  };
  const phone = async (name: string, port: number) => {
    const made = await Phone.open({
      name,
      password: `secret-${name}`,
      domain: 'pbx.test',
      server: { address: '127.0.0.1', port },
      rtp: true,
    });
    phones.push(made);
    await made.register();
    return made;
  };
  const oneCall = async (caller: Phone, callee: Phone) => {
    const out = await caller.invite('100');
    const incoming = await callee.incoming();
    await incoming.answer();
    await out.answered();
    await out.media.rtp.hears(5, '1001');
    await out.hangup();
    await incoming.ended();
  };
  const records = async (admin: Client) => (await admin.get('/api/v1/records')).body.items;

  it('S1-27 calls go on while the file is locked; what could not be written is made up for, and survives kill -9', async () => {
    const { admin, port } = await start();
    const [ada, bob] = [await phone('1001', port), await phone('2001', port)];
    await oneCall(bob, ada);
    await until('the first record', async () => (await records(admin)).length === 1);
    const locked = new DatabaseSync(join(folder, 'data/flipswitch.db'));
    locked.exec('BEGIN EXCLUSIVE');
    await oneCall(bob, ada);
    const refused = await admin.post('/api/v1/users', { extension: '300', name: 'Cleo' });
    assert.equal(refused.status, 503);
    assert.equal((await admin.get('/api/v1/users/300')).status, 404);
    assert.equal((await admin.get('/healthz')).body['store'], 'failing');
    // A code that cannot be kept is not confirmed.
    const code = await ada.invite('*50');
    await code.ended();
    assert.equal(code.finalStatus, 500);
    await oneCall(bob, ada);
    await until('it is said', async () => program.log.includes('cannot be written; kept in memory'));
    const loudly = program.log.split('\n').filter((line) => line.includes('nothing can be kept'));
    assert.equal(loudly.length, 1, 'once');
    assert.match(loudly[0] ?? '', /no other program holds it/);
    const waiting = async () =>
      Number(/^flipswitch_records_unwritten (\d+)$/m.exec((await admin.get('/metrics')).text)?.[1]);
    await until('two wait', async () => (await waiting()) === 2);
    assert.equal((await records(admin)).length, 1);
    locked.exec('COMMIT');
    locked.close();
    await until('all are written', async () => (await waiting()) === 0);
    assert.equal((await admin.get('/healthz')).body['store'], 'writable');
    assert.equal((await admin.post('/api/v1/users', { extension: '300', name: 'Cleo' })).status, 201);
    await until(
      'the audit entry',
      async () => (await admin.get('/api/v1/audit?who=administrator')).body.items.length === 1,
    );
    const before = await records(admin);
    assert.equal(before.length, 3);
    for (const phone of phones.splice(0)) await phone.close();
    await program.kill();

    const again = await start();
    assert.equal((await again.admin.get('/api/v1/users/300')).body['name'], 'Cleo');
    assert.deepEqual(await records(again.admin), before);
    const audited = (await again.admin.get('/api/v1/audit?who=administrator')).body.items;
    assert.deepEqual(
      audited.map((entry) => entry['what']),
      ['users/300'],
    );
  });
});
