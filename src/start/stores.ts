import { join } from 'node:path';
import { systemClock as clock, systemRandom as random, type Logger } from '../base/index.ts';
import type { Config } from '../config/index.ts';
import {
  connectDatabase,
  formerColdRoutes,
  openDatabase,
  openKept,
  SqlMailboxStore,
  StoreHealth,
  type Database,
  type KeptStores,
  type MailboxStore,
} from '../stores/index.ts';
import type { DirectorySeed } from '../switch/directory/index.ts';
import type { Opened } from './closing.ts';
import { at } from './failure.ts';
import { layOver } from './lay.ts';
import { openRecords, type Records } from './records.ts';

/** Everything that is kept for good, open. */
export type Stores = Pick<KeptStores, 'directory' | 'routing' | 'coldRoutes'> & {
  readonly records: Records;
  readonly mailboxes: MailboxStore;
  readonly health: StoreHealth;
  /** The database's file; undefined where it is a server. */
  readonly file: string | undefined;
};

/** SQLite's primary result codes, and what an operator can do about them. */
const remedies: Readonly<Record<number, string>> = {
  5: 'another program has it open',
  8: 'it may not be written',
  11: 'it is damaged',
  13: 'the disk is full',
  14: 'it cannot be opened',
  26: 'it is damaged, or is no database',
};

function damageOf(error: unknown): string {
  const { errcode, message } = error as { readonly errcode?: unknown; readonly message?: unknown };
  const text = String(message ?? error);
  const known = typeof errcode === 'number' ? remedies[errcode & 0xff] : undefined;
  return known ?? (text.includes('malformed') ? 'it is damaged' : text);
}

/** What cannot be used is told with its place and the way out; nothing is ever put in its place by itself. */
function unusable(file: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return new Error(
    `${file}: ${damageOf(error)} (${why}). Put a backup in its place, or move it away to begin with nothing: docs/operations.md`,
    { cause: error },
  );
}

async function openOrTell<T>(file: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw unusable(file, error);
  }
}

type Opening = {
  readonly where: string;
  readonly advice: string;
  readonly file: string | undefined;
  readonly open: (lost: () => void) => Promise<Database>;
};

function openingOf({ store, data }: Pick<Config, 'store' | 'data'>): Opening {
  if (store.engine === 'postgresql')
    return {
      where: 'store.url',
      advice: 'see whether the PostgreSQL server of store.url is reachable and has space left',
      file: undefined,
      open: (lost) => connectDatabase(store.url ?? '', lost),
    };
  const file = join(data, 'flipswitch.db');
  return {
    where: 'data',
    advice: `see whether ${file} may be written, its disk has space left and no other program holds it`,
    file,
    open: () => openOrTell(file, () => openDatabase(file)),
  };
}

/** Opens the database and reads what is looked up from memory. Rejects with where and what is in the way. */
export async function openStores(
  config: Pick<Config, 'store' | 'data' | 'records'>,
  seed: DirectorySeed,
  opened: Opened,
  logger: Logger,
): Promise<Stores> {
  const log = logger.child({ part: 'stores' });
  const { engine } = config.store;
  const { where, advice, file, open } = openingOf(config);
  let suspect: () => void = () => undefined;
  const database = await at(where, () => open(() => suspect()));
  opened.add('database', () => database.destroy());
  const health: StoreHealth = new StoreHealth({ probe: () => probe(), advice, clock, log });
  opened.add('store health', () => health.close());
  const options = { database, engine, clock, random, watch: health.watch.bind(health) };
  const stores = await at(where, () =>
    file === undefined ? openKept(options) : openOrTell(file, () => openKept(options)),
  );
  const probe = async () => {
    await stores.through.settle();
    await stores.kept.putNote('last probe', String(clock.wall()));
  };
  suspect = () => health.suspect();
  await at('data', () => takeOver(join(config.data, 'cold-routes.db'), stores, log));
  const records = openRecords(database, { days: config.records.days, health, log: logger }, opened);
  const { keepAudit } = records;
  await at('directory', () => layOver(seed, { stores, keepAudit, clock, random, log }));
  const { directory, routing, coldRoutes } = stores;
  const mailboxes = health.guard(new SqlMailboxStore(database));
  return { directory, routing, coldRoutes, records, mailboxes, health, file };
}

/** Cold routes of a version that kept them in a file of their own. */
async function takeOver(file: string, { kept, coldRoutes }: KeptStores, log: Logger): Promise<void> {
  const former = formerColdRoutes(file);
  if (former === undefined) return;
  await kept.together(async () => {
    for (const route of former.routes)
      // oxlint-disable-next-line no-await-in-loop -- one after the other, and written at once
      if (coldRoutes.of(route.userId) === undefined) await coldRoutes.set(route);
  });
  former.putAside();
  log.info({ file, count: former.routes.length }, 'cold routes taken over into the database');
}
