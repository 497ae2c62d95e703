import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MemoryAuditStore, openDatabase, SqlAuditStore, type AuditEntry, type AuditStore } from './index.ts';

const entry = (id: string, at: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  id,
  domain: 'pbx.test',
  at,
  who: 'administrator',
  from: '127.0.0.1',
  action: 'change',
  what: 'users/100',
  before: { name: 'Ada' },
  after: { name: 'Ada L.' },
  ...more,
});

/** What every `AuditStore` has to do; `make` yields an empty one and what closes it. */
export function auditStoreContract(
  name: string,
  make: () => Promise<{ store: AuditStore; close(): unknown }>,
): void {
  describe(`audit store: ${name}`, () => {
    let store: AuditStore;
    let close: () => unknown;
    beforeEach(async () => {
      const made = await make();
      store = made.store;
      close = () => made.close();
    });
    afterEach(() => close());
    const ids = async (query: Partial<Parameters<AuditStore['list']>[0]>) =>
      (await store.list({ domain: 'pbx.test', limit: 10, ...query })).items.map((e) => e.id);

    it('S2-52 gives back who changed what, from where, old and new', async () => {
      await store.append([entry('a', 1)]);
      assert.deepEqual((await store.list({ domain: 'pbx.test', limit: 1 })).items, [entry('a', 1)]);
    });

    it('S2-52 never changes an entry', async () => {
      await store.append([entry('a', 1)]);
      await store.append([entry('a', 1, { who: 'somebody else' }), entry('b', 2)]);
      assert.deepEqual((await store.list({ domain: 'pbx.test', limit: 9 })).items, [
        entry('b', 2),
        entry('a', 1),
      ]);
    });

    it('finds by who, by path and what lies beneath, and by time, in its domain only', async () => {
      await store.append([
        entry('a', 1, { what: 'users/100/cold-route', who: 'device 1001' }),
        entry('b', 2, { what: 'users/1001' }),
        entry('c', 3),
        entry('d', 4, { domain: 'other.test' }),
      ]);
      assert.deepEqual(await ids({ what: 'users/100' }), ['c', 'a']);
      assert.deepEqual(await ids({ what: 'users' }), ['c', 'b', 'a']);
      assert.deepEqual(await ids({ who: 'device 1001' }), ['a']);
      assert.deepEqual(await ids({ since: 2, until: 3 }), ['b']);
    });

    it('lists page by page', async () => {
      await store.append(Array.from({ length: 7 }, (_, i) => entry(`e${i}`, 5)));
      const first = await store.list({ domain: 'pbx.test', limit: 4 });
      assert.deepEqual(
        first.items.map((e) => e.id),
        ['e6', 'e5', 'e4', 'e3'],
      );
      const second = await store.list({ domain: 'pbx.test', limit: 4, after: first.next ?? '' });
      assert.deepEqual(
        second.items.map((e) => e.id),
        ['e2', 'e1', 'e0'],
      );
      assert.equal(second.next, undefined);
    });
  });
}

describe('audit stores', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'audit-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  auditStoreContract('memory', async () => {
    const store = new MemoryAuditStore();
    return { store, close: () => store.close() };
  });

  it('S2-52 the database itself refuses to change or remove an entry', async () => {
    const path = join(folder, 'refuses.db');
    const database = await openDatabase(path);
    await new SqlAuditStore(database).append([entry('a', 1)]);
    const other = new DatabaseSync(path);
    assert.throws(() => other.exec("UPDATE audit SET who = 'nobody'"), /only added to/);
    assert.throws(() => other.exec('DELETE FROM audit'), /only added to/);
    other.close();
    await database.destroy();
  });
});
