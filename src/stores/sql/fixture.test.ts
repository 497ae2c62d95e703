import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../base/index.ts';
import { needPostgres, Postgres } from '../../testing/index.ts';
import { connectDatabase, openDatabase, type Database } from './database.ts';
import { openKept, type KeptStores } from './kept-stores.ts';

/** Both engines, each for as long as its suite runs. */
export type Bench = {
  readonly engine: 'sqlite' | 'postgresql';
  readonly title: string;
  start(context: Mocha.Context): Promise<void>;
  close(): Promise<void>;
  /** Where a database without any tables is. */
  empty(): Promise<string>;
  /** Where one with tables and nothing in them is, or will be. */
  fresh(): Promise<string>;
  open(where: string): Promise<Database>;
};

function sqlite(): Bench {
  let folder: string;
  let files = 0;
  return {
    engine: 'sqlite',
    title: 'SQLite',
    start: async () => void (folder = mkdtempSync(join(tmpdir(), 'stores-'))),
    close: async () => rmSync(folder, { recursive: true, force: true }),
    empty: async () => join(folder, `${++files}.db`),
    fresh: async () => join(folder, `${++files}.db`),
    open: openDatabase,
  };
}

/** A server of its own; `made` is a database with its tables, of which the others are copies. */
function postgresql(): Bench {
  let server: Postgres | undefined;
  return {
    engine: 'postgresql',
    title: 'PostgreSQL',
    start: async (context) => {
      context.timeout(90_000);
      needPostgres(context);
      server = await Postgres.start();
      await (await connectDatabase(await server.create())).destroy();
    },
    close: async () => server?.close(),
    empty: async () => (await server?.create()) ?? '',
    fresh: async () => (await server?.create('test1')) ?? '',
    open: (url) => connectDatabase(url),
  };
}

/** Opens what the suite needs, and closes it all after each test. */
export class Opener {
  readonly #bench: Bench;
  readonly #databases: Database[] = [];

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async database(where?: string): Promise<Database> {
    const database = await this.#bench.open(where ?? (await this.#bench.fresh()));
    this.#databases.push(database);
    return database;
  }

  async kept(where?: string): Promise<KeptStores> {
    const database = await this.database(where);
    const { engine } = this.#bench;
    return openKept({ database, engine, clock: systemClock, random: systemRandom });
  }

  async close(): Promise<void> {
    await Promise.all(this.#databases.splice(0).map((database) => database.destroy()));
  }
}

/** Runs a suite over each engine. */
export function overEngines(suite: (bench: Bench, opener: Opener) => void): void {
  for (const bench of [sqlite(), postgresql()])
    describe(bench.title, () => {
      const opener = new Opener(bench);
      before(function () {
        return bench.start(this);
      });
      afterEach(() => opener.close());
      after(() => bench.close());
      suite(bench, opener);
    });
}
