import assert from 'node:assert/strict';
import { adminToken, ApiWorld } from '../http/fixture.test.ts';
import { settle } from '../switch/testing/world.ts';
import { runCommand } from './run-command.ts';
import { table } from './table.ts';

describe('flipswitch, the command line over the API', () => {
  let api: ApiWorld;
  beforeEach(async () => {
    api = await ApiWorld.start();
  });
  afterEach(() => api.close());

  /** One run: exit code, standard output and standard error. */
  const run = async (line: string, environment: Record<string, string> = {}, signal?: AbortSignal) => {
    let [out, error] = ['', ''];
    const code = await runCommand(
      line.split(' ').filter((word) => word !== ''),
      {
        environment: {
          FLIPSWITCH_SERVER: `http://127.0.0.1:${api.server.port}/`,
          FLIPSWITCH_TOKEN: adminToken,
          ...environment,
        },
        out: (text) => (out += text),
        error: (text) => (error += text),
        signal: signal ?? new AbortController().signal,
      },
    );
    return { code, out, error };
  };
  const talking = async () => {
    const far = await api.world.dial('2001', '100');
    const desk = api.world.at('1001').answer();
    await settle();
    return { far, desk };
  };

  /** It rang for the call as well, and was told that another had answered. */
  const rings = async (extension: string) => {
    while (api.world.at(extension).cancelled !== undefined) await settle();
  };

  it('makes, shows and removes users and devices', async () => {
    const made = await run('users add 300 Cleo', { FLIPSWITCH_PIN: '3000' });
    assert.deepEqual([made.code, made.error], [0, '']);
    assert.match(made.out, /^extension +300$/m);
    const device = await run('devices add 3001 300 Desk --kind desk --json');
    const { password, kind } = JSON.parse(device.out) as Record<string, string>;
    assert.deepEqual([kind, (password ?? '').length], ['desk', 16]);
    const { out } = await run('users');
    assert.match(out, /^extension +name +devices\n/);
    assert.match(out, /^300 +Cleo +3001$/m);
    assert.match((await run('devices 300')).out, /^3001 +300 +Desk +desk +true +false$/m);
    assert.equal((await run('devices remove 3001')).out, 'device 3001 removed\n');
    assert.equal((await run('users remove 300')).code, 0);
    assert.deepEqual(await run('users show 300'), { code: 1, out: '', error: 'No such user\n' });
  });

  it('lists, flips and ends calls; the beginning of an id is enough', async () => {
    const { far, desk } = await talking();
    const [line = ''] = (await run('calls')).out.split('\n').slice(1);
    const [, id = ''] = /^(\S+) +talking +200 +2001 +100 +1001/.exec(line) ?? [];
    assert.equal(id.length, 8, line);
    const begun = await run(`flip ${id} 1002 --json`);
    assert.equal((JSON.parse(begun.out) as { result: string }).result, 'ringing');
    await settle();
    assert.equal((await run(`flip-cancel ${id}`)).out, 'cancelled\n');
    await settle();
    const waiting = run(`flip ${id} 1003 --wait`);
    await rings('1003');
    api.world.at('1003').answer();
    assert.match((await waiting).out, /^result +moved$/m);
    assert.ok(far.dialog.up && !desk.up);
    assert.equal((await run(`calls end ${id}`)).code, 0);
    assert.ok(!far.dialog.up);
  });

  it('says why a flip failed', async () => {
    await talking();
    const [call] = (await run('calls --json')).out.split('\n');
    const { id } = JSON.parse(call ?? '') as { id: string };
    assert.deepEqual(await run(`flip ${id} 999`), { code: 1, out: '', error: 'No such device\n' });
    const waiting = run(`flip ${id} 1002 --wait`);
    await rings('1002');
    api.world.at('1002').fail(486);
    const { code, error } = await waiting;
    assert.equal(code, 1);
    assert.match(error, /^not moved: \S/);
  });

  it('sets, shows and takes back a cold route', async () => {
    assert.match((await run('cold-route 100 1002')).out, /^device +1002$/m);
    assert.match((await run('cold-route 100')).out, /^device +1002$/m);
    assert.match((await run('cold-route 100 all')).out, /^device +-$/m);
    assert.match(
      (await run('audit --what users/100')).out,
      /administrator +127\.0\.0\.1 +change +users\/100\/cold-route/,
    );
  });

  it('shows records, as a table, JSON and CSV', async () => {
    await api.records.add([
      {
        id: 'abcdef0123456789',
        domain: 'pbx.test',
        from: '200',
        to: '100',
        user: '100',
        userIds: ['u100'],
        users: ['100'],
        startedAt: 0,
        answeredAt: 5000,
        endedAt: 65_000,
        endedBy: 'caller',
        ended: { cause: 200, text: 'Call ended' },
        legs: [],
        flips: [],
        decisions: [],
      },
    ]);
    assert.match(
      (await run('records')).out,
      /^abcdef01 +1970-01-01 00:00:00 +200 +100 +100 +60 s +0 +caller$/m,
    );
    assert.match((await run('records --csv --user 100')).out, /^abcdef0123456789,1970/m);
    assert.match((await run('records show abcdef0123456789')).out, /^endedBy +caller$/m);
    assert.equal((await run('records --since 1970-01-02')).out.split('\n').length, 2);
    assert.match((await run('records --since yesterday')).error, /is no time/);
  });

  it('logs in as a user, who sees the own calls alone', async () => {
    const { out } = await run('login 100 --json', { FLIPSWITCH_PIN: '1000', FLIPSWITCH_TOKEN: '' });
    const { token = '' } = JSON.parse(out) as { token?: string };
    const users = await run('users', { FLIPSWITCH_TOKEN: token });
    assert.equal(users.out.trim().split('\n').length, 2);
    assert.equal((await run('audit', { FLIPSWITCH_TOKEN: token })).code, 1);
  });

  it('prints what happens until it is interrupted', async () => {
    const abort = new AbortController();
    let seen = '';
    const running = runCommand(['events', '--json'], {
      environment: { FLIPSWITCH_TOKEN: adminToken, FLIPSWITCH_SERVER: `http://127.0.0.1:${api.server.port}` },
      out: (text) => {
        seen += text;
        if (text.includes('call.created')) abort.abort();
      },
      error: (text) => assert.fail(text),
      signal: abort.signal,
    });
    // The stream may open after the first of them.
    while (!abort.signal.aborted) {
      await talking();
      await new Promise((done) => setImmediate(done));
    }
    assert.equal(await running, 0);
    assert.equal((JSON.parse(seen.split('\n')[0] ?? '') as { event: string }).event.split('.')[0], 'call');
  });

  it('says what it did not understand, and ends with 2', async () => {
    for (const line of [
      '',
      'nonsense',
      'users add 300',
      'users show',
      'calls --nonsense',
      'calls --kind desk',
      'records show a b',
    ])
      assert.equal((await run(line)).code, 2, line);
    assert.match((await run('users add 300')).error, /^usage: flipswitch users add EXT NAME$/m);
    assert.equal((await run('--help')).code, 0);
  });

  it('says what is in the way: no switch there, no token', async () => {
    const nowhere = await run('calls', { FLIPSWITCH_SERVER: 'http://127.0.0.1:1' });
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.error, /fetch failed/);
    assert.match((await run('calls', { FLIPSWITCH_TOKEN: 'wrong' })).error, /FLIPSWITCH_TOKEN/);
  });

  it('lets nothing from outside steer the terminal', () => {
    assert.equal(table([['name', (row) => row['name']]], [{ name: 'a\u001b[2Jb\u202e' }]), 'name\na?[2Jb?\n');
  });
});
