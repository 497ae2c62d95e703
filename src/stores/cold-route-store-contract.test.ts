import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ColdRoute, ColdRouteStore } from './cold-route-store.ts';
import { MemoryColdRouteStore } from './memory/cold-route-store.ts';
import { openColdRouteStore } from './sql/cold-route-store.ts';

const route = (user: string, device: string): ColdRoute => ({
  userId: `u${user}`,
  deviceId: `d${device}`,
  setAt: 1_700_000_000_000,
  setBy: device,
});

/** What every `ColdRouteStore` has to do; `make` yields an empty one. */
function coldRouteStoreContract(name: string, make: () => ColdRouteStore): void {
  describe(`cold route store: ${name}`, () => {
    let store: ColdRouteStore;
    beforeEach(() => (store = make()));
    afterEach(() => store.close());

    it('S0-36 without a route all devices ring', () => {
      assert.equal(store.of('u100'), undefined);
      assert.deepEqual(store.all(), []);
    });

    it('S0-37 keeps what was set, one a user, the last one', async () => {
      await store.set(route('100', '1001'));
      await store.set(route('200', '2001'));
      await store.set(route('100', '1002'));
      assert.deepEqual(store.of('u100'), route('100', '1002'));
      assert.deepEqual(
        store
          .all()
          .map((r) => r.deviceId)
          .toSorted(),
        ['d1002', 'd2001'],
      );
    });

    it('S0-52 clears one user alone, and says whether there was anything', async () => {
      await store.set(route('100', '1001'));
      await store.set(route('200', '2001'));
      assert.equal(await store.clear('u100'), true);
      assert.equal(await store.clear('u100'), false);
      assert.deepEqual(store.all(), [route('200', '2001')]);
    });

    it('tells every change', async () => {
      const seen: unknown[] = [];
      store.events.on('changed', ({ userId, route: now }) => seen.push([userId, now?.deviceId]));
      await store.set(route('100', '1001'));
      await store.clear('u100');
      await store.clear('u100');
      assert.deepEqual(seen, [
        ['u100', 'd1001'],
        ['u100', undefined],
      ]);
    });
  });
}

describe('cold route stores', () => {
  let folder: string;
  let files = 0;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'cold-routes-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = () => join(folder, `${++files}.db`);

  coldRouteStoreContract('memory', () => new MemoryColdRouteStore());
  coldRouteStoreContract('SQLite', () => openColdRouteStore(file()));

  it('S0-37 S0-70 a file gives back what was acknowledged, even when nobody closed it', async () => {
    const path = file();
    const first = openColdRouteStore(path);
    await first.set(route('100', '1001'));
    await first.set(route('200', '2001'));
    await first.clear('u200');
    const second = openColdRouteStore(path);
    assert.deepEqual(second.all(), [route('100', '1001')]);
    second.close();
    first.close();
  });

  it('a write that fails changes nothing and rejects', async () => {
    const store = openColdRouteStore(file());
    await store.set(route('100', '1001'));
    store.close();
    await assert.rejects(store.set(route('100', '1002')));
    await assert.rejects(store.clear('u100'));
    assert.deepEqual(store.of('u100'), route('100', '1001'));
  });

  it('a file that is no database is refused', () => {
    const path = file();
    writeFileSync(path, 'this is something else altogether, and quite long enough to be looked at');
    assert.throws(() => openColdRouteStore(path), /not a database/);
  });
});
