import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock, Logger, Random, Timer } from '../../base/index.ts';
import type { Conversion, Converted } from './convert.ts';
import { parseNotes, printLine, type PortNote } from './notes.ts';
import type { FromSpoolWorker } from './spool-worker.ts';

export type SpoolOptions = {
  /** The `recording-dir` of rtpengine, with its `pcaps` and `metadata`, as it is seen from here. */
  readonly spool: string;
  /** Where recordings are kept. */
  readonly recordings: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How often to look whether a recording is whole. */
  readonly lookMs?: number;
  /** A recording that has not grown for so long is whole, whatever its engine says. */
  readonly quietMs?: number;
};

type Ending = { readonly callId: string; readonly since: number; size: number; quietSince: number };

const LOOK_MS = 250;
const QUIET_MS = 5000;
/** A recording in which nothing was ever received leaves no file at all. */
const NOTHING_MS = 30_000;
const UNIQUE_BYTES = 4;
const PENDING = '.pending';

/**
 * Recordings that rtpengine makes as pcap files, made into the stereo WAV files that the embedded relay writes. What is
 * needed for that is on disk from the start of each recording, so that what a crash left is made up for at the next start.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #pending: string;
  readonly #ending = new Map<string, Ending>();
  #timer: Timer | undefined;
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#pending = join(options.recordings, PENDING);
  }

  /** Takes up what an earlier process left: those calls are over for it. Rejects where the folder cannot be used. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    mkdirSync(spool.#pending, { recursive: true, mode: 0o700 });
    for (const name of await readdir(spool.#pending)) spool.end(name);
    return spool;
  }

  /** Recordings that are not whole yet, by call id. */
  get waiting(): readonly string[] {
    return [...this.#ending.keys()];
  }

  /** A recording begins; yields the path of the file that it is to become. Throws where that cannot be noted. */
  begin(callId: string): string {
    const file = `${safe(callId)}-${this.#options.random.hex(UNIQUE_BYTES)}.wav`;
    writeFileSync(this.#notesOf(callId), printLine({ file }), { mode: 0o600 });
    return join(this.#options.recordings, file);
  }

  /** Says what comes in on a port from now on. */
  note(callId: string, note: PortNote): void {
    try {
      appendFileSync(this.#notesOf(callId), printLine({ at: this.#options.clock.wall(), ...note }));
    } catch (error) {
      this.#options.log.error({ call: callId, error: String(error) }, 'a recording may lack a side');
    }
  }

  /** The call is over: the file is made as soon as rtpengine is done with it. */
  end(callId: string): void {
    const since = this.#options.clock.now();
    this.#ending.set(callId, { callId, since, size: -1, quietSince: since });
    this.#schedule();
  }

  /** Resolves when the conversion under way is done. What waits is taken up at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#working;
  }

  #notesOf(callId: string): string {
    return join(this.#pending, safe(callId));
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#ending.size === 0) return;
    this.#timer = this.#options.clock.after(this.#options.lookMs ?? LOOK_MS, () => {
      this.#working = this.#look().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    });
  }

  async #look(): Promise<void> {
    const [pcaps, metadata] = await Promise.all([this.#list('pcaps'), this.#list('metadata')]);
    for (const ending of this.#ending.values()) {
      if (this.#closed) return;
      const mine = (name: string) => name.startsWith(`${encodeURIComponent(ending.callId)}-`);
      const files = pcaps.filter(mine);
      const done = metadata.filter((name) => mine(name.replace('rtpengine-meta-', '')));
      if (files.length === 0 ? this.#isNothing(ending) : await this.#isWhole(ending, files, done.length)) {
        await this.#make(ending.callId, files, done);
        this.#ending.delete(ending.callId);
      }
    }
  }

  #isNothing({ since }: Ending): boolean {
    return this.#options.clock.now() - since >= NOTHING_MS;
  }

  async #isWhole(ending: Ending, files: readonly string[], done: number): Promise<boolean> {
    if (done >= files.length) return true;
    const sizes = await Promise.all(files.map((name) => this.#size(name)));
    const size = sizes.reduce((sum, one) => sum + one, 0);
    const now = this.#options.clock.now();
    if (size !== ending.size) [ending.size, ending.quietSince] = [size, now];
    return now - ending.quietSince >= (this.#options.quietMs ?? QUIET_MS);
  }

  async #size(name: string): Promise<number> {
    return (await stat(join(this.#options.spool, 'pcaps', name)).catch(() => undefined))?.size ?? 0;
  }

  /** What fails is kept as it is, and tried again at the next start. */
  async #make(callId: string, files: readonly string[], done: readonly string[]): Promise<void> {
    const { spool, recordings, log } = this.#options;
    const path = this.#notesOf(callId);
    try {
      const said = parseNotes(readFileSync(path, 'utf8'));
      if (said === undefined) log.warn({ call: callId }, 'nothing is known of a recording');
      else if (files.length > 0) {
        const pcaps = await inOrder(files.map((name) => join(spool, 'pcaps', name)));
        const file = join(recordings, said.file);
        const converted = await inThread({ pcaps, notes: said.notes, file });
        log.info({ call: callId, file, ...converted }, 'recording made');
        for (const one of pcaps) await rm(one);
      } else log.warn({ call: callId, spool }, 'rtpengine left no recording of a call');
      for (const name of done) await rm(join(spool, 'metadata', name), { force: true });
      await rm(path);
    } catch (error) {
      log.error(
        { call: callId, error: String(error) },
        'recording not made; it is tried again at the next start',
      );
    }
  }

  #list(folder: string): Promise<string[]> {
    return readdir(join(this.#options.spool, folder)).catch(() => []);
  }
}

/** A recording that was stopped and begun again is several files; what was begun first was last changed first. */
async function inOrder(paths: readonly string[]): Promise<string[]> {
  const dated = await Promise.all(paths.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })));
  return dated.toSorted((a, b) => a.at - b.at).map(({ path }) => path);
}

function inThread(conversion: Conversion): Promise<Converted> {
  const worker = new Worker(new URL('./spool-worker.ts', import.meta.url), { workerData: conversion });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread that converts ended')));
    worker.once('message', (message: FromSpoolWorker) => {
      if (message.type === 'converted') resolve(message.converted);
      else reject(new Error(message.reason));
    });
  });
}

const safe = (text: string) =>
  text
    .replaceAll(/[^A-Za-z0-9_.@-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 150);
