import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipWithout } from './tool.ts';

const debian = '/usr/lib/postgresql';
const startMs = 60_000;
const stopMs = 10_000;
const logLines = 200;

/** Debian keeps the server's programs off the path, one folder a version. */
function folderOfPrograms(): string | undefined {
  if (!existsSync(debian)) return undefined;
  const versions = readdirSync(debian).toSorted((a, b) => Number(b) - Number(a));
  return versions
    .map((version) => join(debian, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
}

/** The server refuses to run as root: then it runs as the user that its package made. */
function owner(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = ['-u', '-g'].map((what) =>
    Number.parseInt(spawnSync('id', [what, 'postgres'], { encoding: 'utf8' }).stdout, 10),
  );
  return uid === undefined || gid === undefined || Number.isNaN(uid + gid) ? undefined : { uid, gid };
}

function postgresMissing(): string | undefined {
  const why = 'PostgreSQL is not installed (apt-get install postgresql)';
  if (folderOfPrograms() === undefined) return why;
  return process.getuid?.() === 0 && owner() === undefined ? `${why}: there is no user postgres` : undefined;
}

/** Call it first in a test or hook that needs PostgreSQL: skips it and says why, or fails with CI=true. */
export function needPostgres(context: Mocha.Context): void {
  skipWithout(context, postgresMissing());
}

/**
 * A PostgreSQL server of a test's own: its data in a temporary folder, on a socket in there and on no port, ordered by a
 * language and not by bytes, as servers elsewhere are.
 */
export class Postgres {
  readonly folder: string;
  readonly log: string[] = [];
  readonly #bin: string;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #databases = 0;

  private constructor(bin: string) {
    this.#bin = bin;
    this.folder = mkdtempSync(join(tmpdir(), 'postgres-'));
    const as = owner();
    if (as !== undefined) chownSync(this.folder, as.uid, as.gid);
  }

  static async start(): Promise<Postgres> {
    const bin = folderOfPrograms();
    if (bin === undefined) throw new Error(postgresMissing());
    const server = new Postgres(bin);
    try {
      // Servers before version 15 do not order by ICU.
      await server
        .#initialize(['--locale-provider=icu', '--icu-locale=en-US'])
        .catch(() => server.#initialize([]));
      await server.resume();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async #initialize(ordering: readonly string[]): Promise<void> {
    const data = join(this.folder, 'data');
    const how = ['--username=flipswitch', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C.UTF-8'];
    await this.#run('initdb', ['-D', data, ...how, ...ordering]);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Where clients find a database of it. */
  url(database: string): string {
    return `postgresql://flipswitch@${encodeURIComponent(this.folder)}/${database}`;
  }

  /** A new database, empty or as another one is; yields its address. */
  async create(like = 'template0'): Promise<string> {
    const name = `test${++this.#databases}`;
    await this.command(`CREATE DATABASE ${name} TEMPLATE ${like}`);
    return this.url(name);
  }

  /** One statement, in the server's own database or another. */
  command(statement: string, database = 'postgres'): Promise<void> {
    return this.#run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', statement, this.url(database)]);
  }

  /** Starts the server again after `stop`. */
  async resume(): Promise<void> {
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${this.folder}`,
      'fsync=off',
      'max_connections=100',
      'shared_buffers=16MB',
    ];
    const child = spawn(
      join(this.#bin, 'postgres'),
      ['-D', join(this.folder, 'data'), ...settings.flatMap((setting) => ['-c', setting])],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C' }, ...owner() },
    );
    this.#process = child;
    this.log.length = 0;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => resolve());
      child.once('error', () => resolve());
    });
    await new Promise<void>((ready, failed) => {
      const late = setTimeout(() => failed(new Error(this.#tell('does not get ready'))), startMs);
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.#keep(text);
        if (!this.log.some((line) => line.includes('ready to accept connections'))) return;
        clearTimeout(late);
        ready();
      });
      void this.#ended.then(() => {
        clearTimeout(late);
        failed(new Error(this.#tell('ended')));
      });
    });
  }

  /** Ends the server and every connection to it; its data stays for `resume`. */
  async stop(): Promise<void> {
    // "Fast": connections are ended, nobody is waited for.
    this.#process?.kill('SIGINT');
    const last = setTimeout(() => this.#process?.kill('SIGQUIT'), stopMs);
    await this.#ended;
    clearTimeout(last);
    this.#process = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    const child = spawn(join(this.#bin, program), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
      ...owner(),
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    const code = await new Promise<number | null>((done, failed) => {
      child.once('close', done);
      child.once('error', failed);
    });
    if (code !== 0) throw new Error(this.#tell(`${program} failed`));
  }

  #keep(text: string): void {
    this.log.push(...text.trimEnd().split('\n'));
    this.log.splice(0, this.log.length - logLines);
  }

  #tell(what: string): string {
    return `PostgreSQL: ${what}\n${this.log.join('\n')}`;
  }
}
