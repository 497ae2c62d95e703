import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  openDatabase,
  SqlRecordStore,
  MemoryRecordStore,
  type CallRecord,
  type RecordStore,
} from './index.ts';

export const record = (id: string, startedAt: number, more: Partial<CallRecord> = {}): CallRecord => ({
  id,
  domain: 'pbx.test',
  from: '200',
  to: '100',
  user: '100',
  userIds: ['u100', 'u200'],
  users: ['100', '200'],
  startedAt,
  endedAt: startedAt + 1000,
  endedBy: 'caller',
  ended: { cause: 200, text: 'Call ended' },
  legs: [{ id: 'l1', party: 'callee', user: '100', device: '1001', startedAt, quality: { packets: 5 } }],
  flips: [],
  decisions: ['user 100'],
  ...more,
});

/** What every `RecordStore` has to do; `make` yields an empty one and what closes it. */
export function recordStoreContract(
  name: string,
  make: () => Promise<{ store: RecordStore; close(): unknown }>,
): void {
  describe(`record store: ${name}`, () => {
    let store: RecordStore;
    let close: () => unknown;
    beforeEach(async () => {
      const made = await make();
      store = made.store;
      close = () => made.close();
    });
    afterEach(() => close());
    const ids = async (query: Partial<Parameters<RecordStore['list']>[0]>) =>
      (await store.list({ domain: 'pbx.test', limit: 10, ...query })).items.map((r) => r.id);

    it('S3-21 gives back what was added, whole', async () => {
      const one = record('a', 1000, { answeredAt: 1500, recording: 'a.wav' });
      await store.add([one]);
      assert.deepEqual(await store.get('pbx.test', 'a'), one);
      assert.equal(await store.get('pbx.test', 'b'), undefined);
    });

    it('takes whatever strangers call themselves: NUL, half a character, quotes', async () => {
      for (const [i, from] of [
        'a\0b',
        '\0',
        "x'); DROP TABLE call_records; --",
        '\u{1F4DE}',
        '\uD83D',
      ].entries()) {
        const odd = record(`odd${i}`, 1000, { from, to: from });
        await store.add([odd]);
        assert.deepEqual(await store.get('pbx.test', `odd${i}`), odd);
        await ids({ number: from });
      }
    });

    it('keeps domains apart', async () => {
      await store.add([record('a', 1000)]);
      assert.equal(await store.get('other.test', 'a'), undefined);
      assert.deepEqual(await ids({ domain: 'other.test' }), []);
    });

    it('replaces a record that is added again', async () => {
      await store.add([record('a', 1000)]);
      await store.add([record('a', 1000, { userIds: ['u300'] }), record('b', 2000)]);
      assert.deepEqual(await ids({}), ['b', 'a']);
      assert.deepEqual(await ids({ userId: 'u300' }), ['a']);
      assert.deepEqual(await ids({ userId: 'u100' }), ['b']);
    });

    it('takes many at once, and of two with one id the later', async () => {
      const made = Array.from({ length: 250 }, (_, i) => record(`r${i}`, 1000 + i));
      await store.add([
        record('r7', 1007, { userIds: ['u300'] }),
        ...made,
        record('r8', 1008, { userIds: ['u300'] }),
      ]);
      assert.equal((await ids({ limit: 500 })).length, 250);
      assert.deepEqual(await ids({ userId: 'u300' }), ['r8']);
    });

    it('lists newest first, page by page, and what came meanwhile disturbs nothing', async () => {
      const made = Array.from({ length: 25 }, (_, i) =>
        record(`r${String(i).padStart(2, '0')}`, 1000 + (i >> 1)),
      );
      await store.add(made);
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await store.list({
          domain: 'pbx.test',
          limit: 10,
          ...(after === undefined ? {} : { after }),
        });
        seen.push(...page.items.map((r) => r.id));
        after = page.next;
        await store.add([record(`z${seen.length}`, 9000)]);
      } while (after !== undefined);
      assert.deepEqual(seen, made.map((r) => r.id).toReversed());
    });

    it('finds by user, number, answer and time', async () => {
      await store.add([
        record('a', 1000, { userIds: ['u100'], answeredAt: 1100 }),
        record('b', 2000, { userIds: ['u200'], from: '+15550100' }),
        record('c', 3000, { userIds: ['u100', 'u200'], to: '+15550100' }),
      ]);
      assert.deepEqual(await ids({ userId: 'u100' }), ['c', 'a']);
      assert.deepEqual(await ids({ userId: "u100' OR 1=1 --" }), []);
      assert.deepEqual(await ids({ number: '+15550100' }), ['c', 'b']);
      assert.deepEqual(await ids({ answered: true }), ['a']);
      assert.deepEqual(await ids({ answered: false, userId: 'u200' }), ['c', 'b']);
      assert.deepEqual(await ids({ since: 2000, until: 3000 }), ['b']);
      assert.deepEqual(await ids({ after: 'nonsense' }), ['c', 'b', 'a']);
    });

    it('S2-66 finds by the public number that was dialled, and by an outside one that was rung', async () => {
      const outside = { id: 'l', party: 'callee', number: '+4930', startedAt: 1 } as const;
      const made = [
        record('a', 1000, { number: '+15550100' }),
        record('b', 2000, { legs: [outside, { ...outside, id: 'm' }] }),
        record('c', 3000, { number: '+15550100', legs: [outside] }),
      ];
      await store.add(made);
      await store.add(made);
      assert.deepEqual(await ids({ number: '+15550100' }), ['c', 'a']);
      assert.deepEqual(await ids({ number: '+4930' }), ['c', 'b']);
      assert.deepEqual(await ids({ number: '+493' }), []);
      assert.equal(await store.removeBefore(2500), 2);
      assert.deepEqual(await ids({ number: '+4930' }), ['c']);
    });

    it('forgets what is old', async () => {
      await store.add([record('a', 1000), record('b', 2000), record('c', 3000)]);
      assert.equal(await store.removeBefore(2500), 2);
      assert.deepEqual(await ids({}), ['c']);
      assert.deepEqual(await ids({ userId: 'u100' }), ['c']);
    });
  });
}

describe('record stores', () => {
  let folder: string;
  let files = 0;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'records-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = () => join(folder, `${++files}.db`);

  recordStoreContract('memory', async () => {
    const store = new MemoryRecordStore();
    return { store, close: () => store.close() };
  });

  it('the memory store keeps the newest only', async () => {
    const store = new MemoryRecordStore(2);
    await store.add([record('a', 1), record('b', 2), record('c', 3)]);
    assert.deepEqual(
      (await store.list({ domain: 'pbx.test', limit: 9 })).items.map((r) => r.id),
      ['c', 'b'],
    );
  });

  it('a file gives back what was added, even when nobody closed it', async () => {
    const path = file();
    const first = await openDatabase(path);
    await new SqlRecordStore(first).add([record('a', 1000)]);
    const second = await openDatabase(path);
    assert.equal((await new SqlRecordStore(second).get('pbx.test', 'a'))?.id, 'a');
    await second.destroy();
    await first.destroy();
  });

  it('a locked file refuses at once and takes the same again later', async () => {
    const path = file();
    const database = await openDatabase(path);
    const store = new SqlRecordStore(database);
    const other = new DatabaseSync(path);
    other.exec('BEGIN EXCLUSIVE');
    const began = performance.now();
    await assert.rejects(store.add([record('a', 1000)]), /locked/);
    assert.ok(performance.now() - began < 10_000);
    other.exec('COMMIT');
    await store.add([record('a', 1000)]);
    assert.equal((await store.list({ domain: 'pbx.test', limit: 9 })).items.length, 1);
    other.close();
    await database.destroy();
  });

  it('a full disk adds nothing of a batch', async () => {
    const path = file();
    const database = await openDatabase(path);
    const store = new SqlRecordStore(database);
    await store.add([record('first', 1)]);
    const { sql } = await import('kysely');
    // SQLite says "database or disk is full" at its own limit of pages, as it does at the disk's.
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(database);
    await sql`PRAGMA max_page_count = ${sql.raw(String((rows[0]?.page_count ?? 0) + 2))}`.execute(database);
    const many = Array.from({ length: 100 }, (_, i) => record(`r${i}`, i + 2));
    await assert.rejects(store.add(many), /full/);
    assert.equal((await store.list({ domain: 'pbx.test', limit: 200 })).items.length, 1);
    await sql`PRAGMA max_page_count = 1000000`.execute(database);
    await store.add(many);
    assert.equal((await store.list({ domain: 'pbx.test', limit: 200 })).items.length, 101);
    await database.destroy();
  });

  it('a file that is no database is refused', async () => {
    const path = file();
    writeFileSync(path, 'this is something else altogether, and quite long enough to be looked at');
    await assert.rejects(openDatabase(path), /not a database/);
  });
});
