import { MemoryColdRouteStore } from '../memory/cold-route-store.ts';
import { MemoryDirectoryStore } from '../memory/directory-store.ts';
import { MemoryRoutingStore } from '../memory/routing-store.ts';
import { WriteThrough } from '../write-through.ts';
import { KeptDatabase, type KeptOptions } from './kept-database.ts';

/** What is looked up in memory and kept in a database. */
export type KeptStores = {
  readonly kept: KeptDatabase;
  readonly through: WriteThrough;
  readonly directory: MemoryDirectoryStore;
  readonly routing: MemoryRoutingStore;
  readonly coldRoutes: MemoryColdRouteStore;
};

/** Reads everything into memory; from here on every change is written before it is seen. */
export async function openKept(options: KeptOptions): Promise<KeptStores> {
  const kept = new KeptDatabase(options);
  const found = await kept.load();
  const through = new WriteThrough(kept);
  const directory = new MemoryDirectoryStore(
    {
      domains: found.domain,
      users: found.user,
      devices: found.device,
      groups: found.group,
      numbers: found.number,
      trunks: found.trunk,
    },
    through,
  );
  const routing = new MemoryRoutingStore(
    directory,
    {
      routings: found.routing,
      schedules: found.schedule,
      callerLists: found.callerList,
      calendars: found.calendar,
      policies: found.policy,
    },
    through,
  );
  return {
    kept,
    through,
    directory,
    routing,
    coldRoutes: new MemoryColdRouteStore(found.coldRoute, through),
  };
}
