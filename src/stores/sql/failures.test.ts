import assert from 'node:assert/strict';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { systemClock, systemRandom, silentLogger, type Logger } from '../../base/index.ts';
import { needPostgres, Postgres, VirtualClock } from '../../testing/index.ts';
import { StoreHealth } from '../store-health.ts';
import { DoubtfulOutcome, StoreUnavailable } from '../write-through.ts';
import { connectDatabase, openDatabase, type Database } from './database.ts';
import { overEngines } from './fixture.test.ts';
import { KeptDatabase } from './kept-database.ts';
import { openKept } from './kept-stores.ts';
import { SqlRecordStore } from './record-store.ts';

const domain = 'pbx.test';
const user = (extension: string, name = `User ${extension}`) => ({
  id: `u${extension}`,
  domain,
  extension,
  name,
});
const random = systemRandom;

overEngines((bench, opener) => {
  const { engine } = bench;
  it('S0-37 what was acknowledged is there after the end, whoever closed it', async () => {
    const where = await bench.fresh();
    const first = await opener.kept(where);
    await first.directory.putDomain({ name: domain, aliases: ['sip.pbx.test'] });
    const ada = {
      ...user('100', 'Ada "Zoë" \u{1F4DE}'),
      credentials: { username: '100', realm: domain, md5: 'm', sha256: 's' },
      pin: 'scrypt$…',
      callCodes: false,
      mayGrab: true,
      record: true,
      number: '+15550100',
    };
    await first.directory.putUser(ada);
    const phone = {
      id: 'd1001',
      domain,
      userId: ada.id,
      extension: '1001',
      name: 'Desk',
      kind: 'desk',
      trusted: false,
    } as const;
    await first.directory.putDevice(phone);
    const trunk = {
      id: 't',
      domain,
      name: 'lab',
      host: '192.0.2.9',
      port: 5090,
      transport: 'udp',
      register: true,
      username: 'u',
      password: 'p',
    } as const;
    await first.directory.putTrunk(trunk);
    await first.coldRoutes.set({
      userId: ada.id,
      deviceId: 'd1001',
      setAt: 1_700_000_000_001,
      setBy: '1001',
    });
    const second = await opener.kept(where);
    assert.deepEqual(second.directory.user(domain, '100'), ada);
    assert.deepEqual(second.directory.deviceById('d1001'), phone);
    assert.deepEqual(second.directory.trunk(domain, 'lab'), trunk);
    assert.deepEqual(second.directory.domain('sip.pbx.test')?.aliases, ['sip.pbx.test']);
    assert.deepEqual(second.directory.account(domain, '100')?.user, ada);
    assert.equal(second.coldRoutes.of(ada.id)?.setAt, 1_700_000_000_001);
    await second.directory.removeUser(ada.id);
    const third = await opener.kept(where);
    assert.equal(third.directory.resolve(domain, '1001'), undefined);
    assert.deepEqual(third.coldRoutes.all(), [], 'the cold route went with the user');
  });

  it('what is read is in the same order at each start', async () => {
    const where = await bench.fresh();
    const { directory } = await opener.kept(where);
    await directory.putDomain({ name: domain, aliases: [] });
    for (const extension of ['300', '100', '200']) await directory.putUser(user(extension));
    await directory.putUser(user('100', 'Changed'));
    const extensions = (await opener.kept(where)).directory.users(domain).map(({ extension }) => extension);
    assert.deepEqual(extensions, ['100', '200', '300']);
  });

  it('changes that are made together are written together, or not at all', async () => {
    const where = await bench.fresh();
    const { kept, directory } = await opener.kept(where);
    await kept.together(async () => {
      await directory.putDomain({ name: domain, aliases: [] });
      for (let i = 0; i < 300; i++) await directory.putUser(user(String(100 + i)));
    });
    await assert.rejects(
      kept.together(async () => {
        await directory.putUser(user('900'));
        throw new Error('the seed contradicts itself');
      }),
      /contradicts/,
    );
    const again = await opener.kept(where);
    assert.equal(again.directory.users(domain).length, 300);
  });

  for (const written of [true, false])
    it(`a connection that breaks while a change is made final: ${written ? '' : 'not '}written, and found out`, async () => {
      const database = await opener.database();
      const real = new KeptDatabase({ database, engine, clock: systemClock, random });
      await real.save([{ kind: 'domain', before: undefined, after: { name: domain, aliases: [] } }]);
      const breaking = new KeptDatabase({
        database: breakingAtCommit(database, written),
        engine: 'postgresql',
        clock: systemClock,
        random,
      });
      let doubt: unknown;
      await breaking
        .save([{ kind: 'user', before: undefined, after: user('100') }])
        .catch((error: unknown) => (doubt = error));
      assert.ok(doubt instanceof DoubtfulOutcome, String(doubt));
      const found = new KeptDatabase({ database, engine, clock: systemClock, random });
      assert.equal((await found.load()).user.length, written ? 1 : 0);
      if (engine === 'postgresql') assert.equal(await doubt.settle(), written);
    });
});

/** A database whose connection is lost just after, or just before, the last word. */
function breakingAtCommit(database: Database, written: boolean): Database {
  const transaction = () => ({
    execute: async (work: (transaction: never) => Promise<void>) => {
      if (written) await database.transaction().execute(work as never);
      else
        await database.transaction().execute(async (inner) => {
          await work(inner as never);
          throw new Error('connection lost');
        });
      throw new Error('connection lost');
    },
  });
  return new Proxy(database, {
    get: (target, name) => {
      if (name === 'transaction') return transaction;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

describe('SQLite that fails', () => {
  let folder: string;
  let files = 0;
  const open: Database[] = [];
  before(() => (folder = mkdtempSync(join(tmpdir(), 'failing-'))));
  afterEach(async () => {
    for (const database of open.splice(0)) await database.destroy();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const started = async (pause: () => void = () => undefined) => {
    const path = join(folder, `${++files}.db`);
    const database = await openDatabase(path);
    open.push(database);
    // Whoever waits for the file is heard, and waits no time.
    const clock = {
      ...systemClock,
      after: (_ms: number, action: () => void) => {
        pause();
        return systemClock.after(0, action);
      },
    };
    const stores = await openKept({ database, engine: 'sqlite', clock, random });
    await stores.directory.putDomain({ name: domain, aliases: [] });
    await stores.directory.putUser(user('100'));
    return { path, database, ...stores };
  };

  it('what holds secrets is its owner’s alone, its log too', async () => {
    const { path } = await started();
    for (const file of [path, `${path}-wal`]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  });

  it('a file that another program holds: refused, nothing changed, and good again', async () => {
    const { path, directory, coldRoutes } = await started();
    const other = new DatabaseSync(path);
    other.exec('BEGIN EXCLUSIVE');
    await assert.rejects(directory.putUser(user('200')), StoreUnavailable);
    await assert.rejects(
      coldRoutes.set({ userId: 'u100', deviceId: 'd', setAt: 1, setBy: '1001' }),
      (error) => error instanceof StoreUnavailable && !(error instanceof DoubtfulOutcome),
    );
    assert.equal(directory.user(domain, '200'), undefined);
    assert.equal(coldRoutes.of('u100'), undefined);
    assert.equal(directory.user(domain, '100')?.name, 'User 100', 'what there is can be looked up');
    other.exec('COMMIT');
    other.close();
    await directory.putUser(user('200'));
    assert.equal(directory.user(domain, '200')?.name, 'User 200');
  });

  it('a file that is held for a moment only is waited for', async () => {
    let other: DatabaseSync | undefined;
    const { path, directory } = await started(() => {
      other?.exec('COMMIT');
      other?.close();
      other = undefined;
    });
    other = new DatabaseSync(path);
    other.exec('BEGIN EXCLUSIVE');
    await directory.putUser(user('200'));
    assert.equal(other, undefined);
  });

  it('a full disk: refused, nothing changed, and good again', async () => {
    const { path, database, directory } = await started();
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(database);
    await sql`PRAGMA max_page_count = ${sql.raw(String(rows[0]?.page_count))}`.execute(database);
    const big = user('200', 'x'.repeat(20_000));
    await assert.rejects(directory.putUser(big), /full/);
    assert.equal(directory.user(domain, '200'), undefined);
    await sql`PRAGMA max_page_count = 1000000`.execute(database);
    await directory.putUser(big);
    const again = await openDatabase(path);
    open.push(again);
    const read = await openKept({ database: again, engine: 'sqlite', clock: systemClock, random });
    assert.equal(read.directory.users(domain).length, 2);
  });

  it('a damaged header, a file cut short and a damaged page are refused at the start', async () => {
    const { path, database, kept, directory } = await started();
    await kept.together(async () => {
      for (let i = 0; i < 500; i++) await directory.putUser(user(String(1000 + i), 'x'.repeat(200)));
    });
    open.length = 0;
    await database.destroy();
    const whole = readFileSync(path);
    const attempt = async (damage: (file: string) => void): Promise<unknown> => {
      const copy = join(folder, `${++files}.db`);
      writeFileSync(copy, whole);
      damage(copy);
      try {
        const opened = await openDatabase(copy);
        open.push(opened);
        await openKept({ database: opened, engine: 'sqlite', clock: systemClock, random });
        return undefined;
      } catch (error) {
        return error;
      }
    };
    assert.equal(await attempt(() => undefined), undefined, 'the copy itself is good');
    assert.match(String(await attempt((file) => overwrite(file, 0, 'damaged!'))), /not a database/);
    assert.match(
      String(await attempt((file) => writeFileSync(file, whole.subarray(0, whole.length / 2)))),
      /malformed/,
    );
    // The page after those of the schema and the first tables: somewhere among the users.
    const page = 4096;
    for (let at = statSync(path).size - page; at > statSync(path).size - 3 * page; at -= page)
      assert.match(String(await attempt((file) => overwrite(file, at, '\xff'.repeat(600)))), /malformed/);
  });

  function overwrite(file: string, at: number, text: string): void {
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.from(text, 'latin1'), 0, undefined, at);
    closeSync(handle);
  }
});

describe('PostgreSQL that goes away', function () {
  this.timeout(90_000);
  let server: Postgres;
  before(async function () {
    needPostgres(this);
    server = await Postgres.start();
  });
  after(() => server?.close());

  it('refuses changes, keeps what is in memory, says so once, and is found again', async () => {
    const clock = new VirtualClock();
    const said: string[] = [];
    const log: Logger = {
      ...silentLogger,
      error: (_fields: object, text: string) => said.push(`error: ${text}`),
      warn: (_fields: object, text: string) => said.push(`warn: ${text}`),
    };
    const database = await connectDatabase(await server.create());
    try {
      const health: StoreHealth = new StoreHealth({
        advice: 'look at the server',
        clock,
        log,
        probe: async () => {
          await stores.through.settle();
          await stores.kept.putNote('probe', '1');
        },
      });
      const stores = await openKept({
        database,
        engine: 'postgresql',
        clock: systemClock,
        random,
        watch: (work) => health.watch(work),
      });
      const { directory } = stores;
      const records = health.guard(new SqlRecordStore(database));
      await directory.putDomain({ name: domain, aliases: [] });
      await directory.putUser(user('100'));
      await server.stop();
      await assert.rejects(directory.putUser(user('200')), StoreUnavailable);
      await assert.rejects(directory.removeUser('u100'), StoreUnavailable);
      await assert.rejects(records.list({ domain, limit: 1 }), StoreUnavailable);
      assert.equal(directory.user(domain, '100')?.name, 'User 100');
      assert.equal(directory.user(domain, '200'), undefined);
      assert.equal(health.state.ok, false);
      assert.equal(said.length, 1, 'once, whatever was refused');
      assert.match(said[0] ?? '', /^error: nothing can be kept/);

      await server.resume();
      while (!health.state.ok) {
        clock.advance(1000);
        await new Promise(setImmediate);
      }
      assert.match(said[1] ?? '', /^warn: .*again$/);
      await directory.putUser(user('200'));
      assert.equal(
        (await new KeptDatabase({ database, engine: 'postgresql', clock, random }).load()).user.length,
        2,
      );
      health.close();
    } finally {
      await database.destroy();
    }
  });

  it('a connection that breaks while it is in use, between two statements, is told and ends nothing', async () => {
    const broken: Error[] = [];
    const database = await connectDatabase(await server.create(), (error) => broken.push(error));
    try {
      const changing = database.transaction().execute(async (change) => {
        await sql`select 1`.execute(change);
        // The server ends every connection but the one that asks.
        await server.command(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity ' +
            "WHERE application_name = 'flipswitch' AND pid <> pg_backend_pid()",
        );
        while (broken.length === 0) await new Promise(setImmediate);
        await sql`select 1`.execute(change);
      });
      await assert.rejects(changing);
      await sql`select 1`.execute(database);
    } finally {
      await database.destroy();
    }
  });

  it('one that is not there is told within seconds', async () => {
    const away = server
      .url('nothing')
      .replace(encodeURIComponent(server.folder), encodeURIComponent('/nowhere'));
    await assert.rejects(connectDatabase(away), /ENOENT|ECONNREFUSED/);
  });
});
