import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { silentLogger } from '../base/index.ts';
import type { DirectorySeed } from '../switch/directory/index.ts';
import { needPostgres, Postgres } from '../testing/index.ts';
import { Opened } from './closing.ts';
import { openStores, type Stores } from './stores.ts';

const domain = 'pbx.test';
const device = (extension: string, password = `secret-${extension}`) =>
  ({ extension, name: extension, kind: 'desk', trusted: true, password }) as const;
const ada = { extension: '100', name: 'Ada', devices: [device('1001'), device('1002')] };
const ben = { extension: '200', name: 'Ben', devices: [device('2001')] };
const support = { extension: '500', name: 'Support', ring: 'all', members: ['100', '200'] } as const;
const lab = {
  name: 'lab',
  host: '192.0.2.9',
  port: 5090,
  transport: 'udp',
  register: false,
  numbers: { '+15550100': '500', '+15550101': '100' },
} as const;
const empty: DirectorySeed = { domain, aliases: [], users: [], groups: [], trunks: [] };
const seed: DirectorySeed = { ...empty, users: [ada, ben], groups: [support], trunks: [lab] };

/** One start of the program's stores after the other, over the same data. */
function suite(storeOf: () => Promise<{ engine: 'sqlite' } | { engine: 'postgresql'; url: string }>): void {
  let folder: string;
  let store: Awaited<ReturnType<typeof storeOf>>;
  let opened: Opened;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'start-stores-'));
    store = await storeOf();
    opened = new Opened();
  });
  afterEach(async () => {
    await opened.close(silentLogger);
    rmSync(folder, { recursive: true, force: true });
  });
  const start = async (laid: DirectorySeed): Promise<Stores> => {
    await opened.close(silentLogger);
    return openStores({ data: folder, store, records: { days: 0 } }, laid, opened, silentLogger);
  };
  const known = ({ directory }: Stores) =>
    ['100', '1001', '1002', '200', '2001', '500', '+15550100', '+15550101', '300'].filter(
      (extension) => directory.resolve(domain, extension) !== undefined,
    );

  it('S0-69 what the API made stays, with its cold routes and rules', async () => {
    const first = await start(seed);
    await first.directory.putUser({ id: 'made', domain, extension: '300', name: 'Cleo' });
    const owner = { domain, kind: 'user', id: 'made' } as const;
    await first.routing.putRouting({ owner, rules: [], profiles: ['travel'], profile: 'travel' });
    const adaId = first.directory.user(domain, '100')?.id ?? '';
    await first.coldRoutes.set({ userId: adaId, deviceId: '1002@pbx.test', setAt: 1, setBy: '1002' });
    const second = await start(seed);
    assert.equal(second.directory.user(domain, '300')?.name, 'Cleo');
    assert.equal(second.routing.routing(owner)?.profile, 'travel');
    assert.equal(second.coldRoutes.of(adaId)?.deviceId, '1002@pbx.test');
    assert.equal(second.directory.user(domain, '100')?.id, adaId);
  });

  it('what the file names is as the file says, whatever was changed meanwhile', async () => {
    const first = await start(seed);
    const user = first.directory.user(domain, '100');
    assert.ok(user);
    await first.directory.putUser({ ...user, name: 'Changed', number: '+15550199' });
    const second = await start(seed);
    assert.equal(second.directory.user(domain, '100')?.name, 'Ada');
    assert.equal(second.directory.user(domain, '100')?.number, '+15550199', 'the file does not say');
  });

  it('what is gone from the file is removed with what belongs to it, and nothing else', async () => {
    const first = await start(seed);
    await first.directory.putUser({ id: 'made', domain, extension: '300', name: 'Cleo' });
    const second = await start({
      ...empty,
      users: [{ ...ada, devices: [device('1001')] }],
      trunks: [{ ...lab, numbers: { '+15550101': '100' } }],
    });
    assert.deepEqual(known(second), ['100', '1001', '+15550101', '300']);
    assert.equal(second.directory.account(domain, '2001'), undefined, 'Ben cannot register any more');
    const third = await start(seed);
    assert.deepEqual(known(third).length, 9);
    const fourth = await start(empty);
    assert.deepEqual(known(fourth).length, 9, 'a file without anybody removes nobody');
    const demo = { extension: '700', name: 'Demo', devices: [] };
    const withDemo = await start({ ...empty, users: [demo], demo: true });
    assert.deepEqual(known(withDemo).length, 9, 'nor do demo users');
    const fifth = await start({ ...empty, users: [ben] });
    assert.equal(fifth.directory.resolve(domain, '700'), undefined);
    assert.deepEqual(known(fifth), ['200', '2001', '300']);
  });

  it('an extension of the file that is another thing now', async () => {
    await start(seed);
    const second = await start({
      ...empty,
      users: [{ extension: '500', name: 'Room', devices: [device('100')] }],
    });
    assert.equal(second.directory.resolve(domain, '500')?.kind, 'user');
    assert.equal(second.directory.resolve(domain, '100')?.kind, 'device');
  });

  it('a file that contradicts what the API made changes nothing', async () => {
    const first = await start(seed);
    await first.directory.putUser({ id: 'made', domain, extension: '300', name: 'Cleo' });
    const clash = { ...ben, devices: [device('300')] };
    await assert.rejects(start({ ...empty, users: [clash] }), /directory: extension 300 is taken/);
    const second = await start(empty);
    assert.equal(known(second).length, 9);
  });

  it('S2-52 what the file changes is in the audit log', async () => {
    const entries = async ({ records }: Stores) => {
      const { items } = await records.audit.list({ domain, who: 'configuration', limit: 99 });
      return items.map(({ action, what }) => `${action} ${what}`).toReversed();
    };
    await start(seed);
    assert.deepEqual(await entries(await start(seed)), ['change directory'], 'the first time, as a whole');
    await start({
      ...empty,
      users: [{ ...ada, name: 'Ada L.', devices: [device('1001'), device('1003')] }],
      trunks: [{ ...lab, numbers: { '+15550101': '100' } }],
    });
    assert.deepEqual(
      (await entries(await start(empty))).slice(1).toSorted((a, b) => a.localeCompare(b)),
      [
        'change users/100',
        'create devices/1003',
        'remove devices/1002',
        'remove devices/2001',
        'remove groups/500',
        'remove numbers/+15550100',
        'remove users/200',
      ],
    );
  });

  it('records and audit entries are there again', async () => {
    const first = await start(seed);
    first.records.keepAudit({
      id: '1',
      domain,
      at: 1,
      who: 'administrator',
      from: '127.0.0.1',
      action: 'change',
      what: 'users/100',
    });
    const second = await start(seed);
    assert.equal((await second.records.audit.list({ domain, what: 'users/100', limit: 9 })).items.length, 1);
    assert.equal(second.health.state.ok, true);
  });

  it('S0-37 cold routes of an earlier version are taken over, once', async () => {
    const file = join(folder, 'cold-routes.db');
    mkdirSync(folder, { recursive: true });
    const former = new DatabaseSync(file);
    former.exec(`CREATE TABLE cold_routes (user_id TEXT PRIMARY KEY, device_id TEXT NOT NULL, set_at INTEGER NOT NULL, set_by TEXT NOT NULL) STRICT;
      INSERT INTO cold_routes VALUES ('100@pbx.test', '1002@pbx.test', 1700000000001, '1002')`);
    former.close();
    const first = await start(seed);
    assert.deepEqual(first.coldRoutes.all(), [
      { userId: '100@pbx.test', deviceId: '1002@pbx.test', setAt: 1_700_000_000_001, setBy: '1002' },
    ]);
    assert.ok(!existsSync(file) && existsSync(`${file}.old`));
    await first.coldRoutes.clear('100@pbx.test');
    const second = await start(seed);
    assert.deepEqual(second.coldRoutes.all(), []);
  });
}

describe('stores at the start: SQLite', () => {
  suite(async () => ({ engine: 'sqlite' }));

  it('a damaged file ends the start with its name and the way out', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'start-stores-'));
    const opened = new Opened();
    try {
      const file = join(folder, 'flipswitch.db');
      writeFileSync(file, 'this is something else altogether, and quite long enough to be looked at');
      const config = { data: folder, store: { engine: 'sqlite' }, records: { days: 0 } } as const;
      await assert.rejects(openStores(config, seed, opened, silentLogger), (error: Error) => {
        assert.match(error.message, /^data: .*flipswitch\.db: it is damaged, or is no database/);
        assert.match(error.message, /docs\/operations\.md/);
        return true;
      });
    } finally {
      await opened.close(silentLogger);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('stores at the start: PostgreSQL', function () {
  this.timeout(90_000);
  let server: Postgres;
  before(async function () {
    needPostgres(this);
    server = await Postgres.start();
  });
  after(() => server?.close());
  suite(async () => ({ engine: 'postgresql', url: await server.create() }));
});
