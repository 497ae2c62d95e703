import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger, Timer } from '../../base/index.ts';
import { printLine } from './line.ts';
import { fileName, readJournal, version } from './read.ts';

/** A file that is only added to. */
export type Appended = Pick<FileHandle, 'appendFile' | 'datasync' | 'close'> & {
  stat(): Promise<{ readonly nlink: number }>;
};

export type JournalOptions = {
  readonly folder: string;
  /** What it is called, in the log and on the disk: `NAME-000001.journal`. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long what was written may wait to be forced onto the disk. */
  readonly syncMs?: number;
  /** How long what nobody waits for may wait for more to be written with it; 0. */
  readonly gatherMs?: number;
  /** How long a failed write waits before everything is written anew, at first and at most. */
  readonly retryMs?: readonly [number, number];
  /** A file is begun anew when it has this many lines and more than twice as many as there are things to know. */
  readonly longest?: number;
  /** Opens a new file for appending; rejects when it is there already. */
  readonly create?: (path: string) => Promise<Appended>;
};

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Forces a file onto the disk. One that somebody has removed would take every write, and keep none. */
async function forced(file: Appended): Promise<void> {
  await file.datasync();
  const { nlink } = await file.stat();
  if (nlink === 0) throw new Error('the file has been removed; another process may use the same data folder');
}

const createFile = (path: string): Promise<Appended> => open(path, 'ax', 0o600);

/** Things of the past that are copied at once, between two batches of new ones. */
const copiedAtOnce = 256;

type Current = {
  readonly path: string;
  readonly file: Appended;
  /** What is still to be copied from memory; undefined when the file is whole. */
  copying: { readonly rest: Iterator<[string, unknown]>; left: number } | undefined;
};

/**
 * What is known under keys, written to a file that is only added to, so that it outlives the process at any point.
 * Everything is in memory too: when the file has grown too long, or could not be written, a new one is begun, all that is
 * known is copied into it in between what is new, and then the older ones go. Once it is open nothing here throws: a
 * disk that fails is told in the log, and made up for when it works again.
 */
export class Journal<T> {
  readonly #options: JournalOptions;
  readonly #known: Map<string, T>;
  /** The files on the disk besides the current one, and whether to keep them under another name. */
  readonly #older = new Map<string, boolean>();
  #number: number;
  #current: Current | undefined;
  /** Lines in the current file. */
  #lines = 0;
  /** What is known otherwise than the file says. What changes again before it is written is written once. */
  readonly #changed = new Set<string>();
  #waiters: (() => void)[] = [];
  #running: Promise<void> | undefined;
  /** The next batch goes into a new file. */
  #renew = true;
  /** In a row. Until a file is whole again it says less than is known. */
  #failures = 0;
  #retry: Timer | undefined;
  #sync: Timer | undefined;
  #settling: Promise<void> = Promise.resolve();
  #closing = false;
  /** Ends the gathering of what is written together. */
  #hurry: () => void = () => undefined;

  /** Reads what is there. Throws when the folder cannot be read; damage is told in the log, and set aside. */
  constructor(options: JournalOptions) {
    this.#options = options;
    const { folder, name, log } = options;
    const { known, files, unreadable, torn } = readJournal<T>(folder, name);
    this.#known = known;
    this.#number = files.at(-1)?.number ?? 0;
    for (const { path } of files) this.#older.set(path, false);
    for (const { path, why } of unreadable) {
      this.#older.set(path, true);
      const message = 'journal damaged; what can be read is kept, and the file is set aside';
      log.error({ journal: name, file: path, why, kept: known.size }, message);
    }
    if (torn > 0) log.info({ journal: name, bytes: torn }, 'the last write had been cut off');
    this.#run();
  }

  /** All that is known now. */
  get known(): ReadonlyMap<string, T> {
    return this.#known;
  }

  /** Whether the disk says less than is known. */
  get behind(): boolean {
    return this.#failures > 0;
  }

  put(key: string, value: T): void {
    this.#known.set(key, value);
    this.#change(key);
  }

  remove(key: string): void {
    if (this.#known.delete(key)) this.#change(key);
  }

  /**
   * Resolves when everything said so far is with the operating system, where it outlives this process; or when it could
   * not be written, which is logged, and made up for later.
   */
  written(): Promise<void> {
    if (this.#running === undefined) return Promise.resolve();
    this.#hurry();
    return new Promise((done) => this.#waiters.push(done));
  }

  /** Writes what waits and forces it onto the disk; tries once more where that failed before. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#hurry();
    this.#retry?.cancel();
    this.#retry = undefined;
    if (this.#failures > 0) this.#run();
    await this.#running;
    await this.#settling;
    this.#sync?.cancel();
    await this.#current?.file.datasync().catch((error: unknown) => this.#failed(error));
    await this.#current?.file.close().catch(() => undefined);
    this.#current = undefined;
  }

  #change(key: string): void {
    // While it cannot be written nothing waits for it: the next file gets everything that is known then.
    if (this.#retry !== undefined || this.#closing) return;
    this.#changed.add(key);
    const { longest = 10_000 } = this.#options;
    const lines = this.#lines + this.#changed.size;
    if (this.#current?.copying === undefined && lines > Math.max(longest, this.#known.size * 2))
      this.#renew = true;
    this.#run();
  }

  #run(): void {
    this.#running ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    try {
      // Lines that are said in one go are written in one go.
      await this.#gathered();
      while (this.#hasWork()) {
        // oxlint-disable-next-line no-await-in-loop -- one batch after the other
        await this.#writeBatch();
        // oxlint-disable-next-line no-await-in-loop -- likewise
        if (this.#hasWork()) await this.#gathered();
      }
    } catch (error) {
      await this.#failed(error);
    } finally {
      this.#running = undefined;
      for (const done of this.#waiters.splice(0)) done();
      // The time to try again may have come while a failure was being cleared away.
      if (!this.#closing && this.#hasWork()) this.#run();
    }
  }

  async #gathered(): Promise<void> {
    const { clock, gatherMs = 0 } = this.#options;
    const isUrgent = this.#waiters.length > 0 || this.#closing || this.#renew;
    if (gatherMs === 0 || isUrgent || this.#current?.copying !== undefined) return;
    await new Promise<void>((done) => {
      const timer = clock.after(gatherMs, done);
      this.#hurry = () => {
        timer.cancel();
        done();
      };
    });
  }

  #hasWork(): boolean {
    if (this.#retry !== undefined) return false;
    const waiting = this.#changed.size > 0 || this.#waiters.length > 0;
    return this.#renew || waiting || this.#current?.copying !== undefined;
  }

  async #writeBatch(): Promise<void> {
    const { name, clock, syncMs = 1000 } = this.#options;
    const lines: string[] = [];
    if (this.#renew) {
      this.#current = await this.#begin();
      lines.push(printLine({ journal: name, version }));
    }
    const current = this.#current;
    if (current === undefined) return;
    const waiters = this.#waiters.length;
    for (const key of this.#changed) lines.push(printLine({ key, value: this.#known.get(key) }));
    this.#changed.clear();
    this.#lines += lines.length;
    const finished = current.copying !== undefined && this.#copy(current.copying, lines);
    if (lines.length > 0) await current.file.appendFile(lines.join(''));
    for (const done of this.#waiters.splice(0, waiters)) done();
    if (finished) this.#settle(current, this.#whole(current));
    if (lines.length > 0 && !this.#closing) this.#sync ??= clock.after(syncMs, () => this.#force());
  }

  /** Begins a new file; the one before it stays until this one is whole. */
  async #begin(): Promise<Current> {
    const { folder, name, create = createFile } = this.#options;
    this.#number++;
    const path = join(folder, fileName(name, this.#number));
    const file = await create(path);
    const last = this.#current;
    if (last !== undefined) {
      this.#older.set(last.path, false);
      await last.file.close();
    }
    this.#renew = false;
    this.#lines = this.#known.size;
    return { path, file, copying: { rest: this.#known.entries(), left: this.#known.size } };
  }

  /**
   * Adds some of what is known to the lines; true when that was the last of it. What changes meanwhile has a line of its
   * own, before its copy or behind it, and both say the same.
   */
  #copy(copying: NonNullable<Current['copying']>, lines: string[]): boolean {
    for (let i = 0; i < copiedAtOnce && copying.left > 0; i++, copying.left--) {
      const next = copying.rest.next();
      if (next.done === true) copying.left = 1;
      else lines.push(printLine({ key: next.value[0], value: next.value[1] }));
    }
    if (copying.left > 0) return false;
    lines.push(printLine({ whole: true }));
    return true;
  }

  /** Once it is on the disk, what came before it goes. */
  async #whole(current: Current): Promise<void> {
    const { name, log, folder } = this.#options;
    const before = [...this.#older];
    current.copying = undefined;
    await current.file.datasync();
    await syncFolder(folder);
    for (const [path, aside] of before) {
      // oxlint-disable-next-line no-await-in-loop -- seldom more than one
      await (aside ? rename(path, `${path}.damaged`) : rm(path, { force: true }));
      this.#older.delete(path);
    }
    // It may have failed since.
    if (this.#current !== current) return;
    if (this.#failures > 0) log.warn({ journal: name, failures: this.#failures }, 'journal written again');
    this.#failures = 0;
  }

  #force(): void {
    this.#sync = undefined;
    if (this.#current !== undefined) this.#settle(this.#current, forced(this.#current.file));
  }

  /** What fails on a file that has been replaced meanwhile and closed is made up for by the one after it. */
  #settle(current: Current, work: Promise<void>): void {
    this.#settling = work.catch((error: unknown) =>
      this.#current === current ? this.#failed(error) : undefined,
    );
  }

  /** Everything is written anew, later. */
  async #failed(error: unknown): Promise<void> {
    const { name, log, clock, retryMs: [first, most] = [1000, 30_000] } = this.#options;
    const pause = Math.min(first * 2 ** this.#failures, most);
    this.#failures++;
    this.#changed.clear();
    this.#renew = true;
    const failed = this.#current;
    this.#current = undefined;
    const message = 'journal cannot be written; what is new is in memory only';
    log.error({ journal: name, known: this.#known.size, error: String(error), retryMs: pause }, message);
    if (!this.#closing) {
      this.#retry?.cancel();
      this.#retry = clock.after(pause, () => {
        this.#retry = undefined;
        this.#renew = true;
        this.#run();
      });
    }
    await failed?.file.close().catch(() => undefined);
    // What is half a copy is of no use and takes room; one that was whole is the best that there is.
    if (failed?.copying !== undefined) await rm(failed.path, { force: true }).catch(() => undefined);
    else if (failed !== undefined) this.#older.set(failed.path, false);
  }
}
