import assert from 'node:assert/strict';
import { Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { CallRecord } from '../records-store.ts';
import { overEngines } from './fixture.test.ts';
import { migrationsFor } from './migrations.ts';
import { postgresDialect } from './postgres.ts';
import { SqlRecordStore } from './record-store.ts';
import { sqliteDialect } from './sqlite.ts';

const record: CallRecord = {
  id: 'a',
  domain: 'pbx.test',
  from: '200',
  to: '100',
  userIds: ['u100'],
  users: ['100'],
  startedAt: 1,
  endedAt: 2,
  endedBy: 'caller',
  ended: { cause: 200, text: 'Normal' },
  legs: [],
  flips: [],
  decisions: [],
};

overEngines((bench, opener) => {
  const { engine } = bench;
  /** A database as an earlier version left it. */
  const upTo = async (where: string, last: string) => {
    const dialect = engine === 'sqlite' ? sqliteDialect(where) : postgresDialect(where, () => undefined);
    const database = new Kysely<never>({ dialect });
    const all = migrationsFor(engine);
    const names = Object.keys(all).filter((name) => name <= last);
    const migrator = new Migrator({
      db: database,
      provider: {
        getMigrations: async () =>
          Object.fromEntries(
            names.flatMap((name) => {
              const migration = all[name];
              return migration === undefined ? [] : [[name, migration]];
            }),
          ),
      },
    });
    const { error } = await migrator.migrateToLatest();
    assert.equal(error, undefined);
    return database;
  };

  it('a database of the first version is brought up to date, with what is in it', async () => {
    const where = await bench.empty();
    const old = await upTo(where, '0001-records-and-audit');
    await new SqlRecordStore(old as never).add([record]);
    await old.destroy();
    const database = await opener.database(where);
    assert.deepEqual(await new SqlRecordStore(database).get('pbx.test', 'a'), record);
    const { directory } = await opener.kept(where);
    await directory.putDomain({ name: 'pbx.test', aliases: [] });
    assert.equal((await opener.kept(where)).directory.domain('pbx.test')?.name, 'pbx.test');
  });

  it('one whose process was killed in the middle of that is finished by the next', async () => {
    const where = await bench.empty();
    const old = await upTo(where, '0001-records-and-audit');
    if (engine === 'sqlite') {
      // SQLite's steps stand one by one: some of the tables are there, and nobody has written that down.
      await migrationsFor(engine)['0002-kept']?.up(old);
      await sql`DROP TABLE notes`.execute(old);
    }
    await old.destroy();
    const { kept } = await opener.kept(where);
    await kept.putNote('x', 'y');
    assert.equal(await kept.note('x'), 'y');
  });

  // One file is one switch's; a server's database may have an impatient supervisor before it.
  if (engine === 'postgresql')
    it('two that start at the same moment do not disturb each other', async () => {
      const where = await bench.empty();
      const [one, two] = await Promise.all([opener.database(where), opener.database(where)]);
      assert.ok(one !== two);
      await (await opener.kept(where)).kept.putNote('x', 'y');
    });
});
