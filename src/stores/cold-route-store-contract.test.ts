import assert from 'node:assert/strict';
import type { ColdRoute, ColdRouteStore } from './cold-route-store.ts';

const route = (user: string, device: string): ColdRoute => ({
  userId: `u${user}`,
  deviceId: `d${device}`,
  setAt: 1_700_000_000_000,
  setBy: device,
});

/** What every `ColdRouteStore` has to do; `make` yields an empty one. */
export function coldRouteStoreContract(name: string, make: () => Promise<ColdRouteStore>): void {
  describe(`cold route store: ${name}`, () => {
    let store: ColdRouteStore;
    beforeEach(async () => (store = await make()));

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
