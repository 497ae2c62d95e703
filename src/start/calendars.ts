import { Worker } from 'node:worker_threads';
import type { CalendarSource } from '../stores/index.ts';
import type { CalendarContents, CalendarWindow } from '../switch/routing/index.ts';
import { allowedBy } from './web.ts';

export type CalendarWorkerData = { readonly hosts: readonly string[]; readonly folder: string };
export type CalendarQuestion = { readonly id: number; readonly url: string; readonly window: CalendarWindow };
type Answer = { readonly id: number; readonly answer: CalendarContents };

const giveUpMs = 60_000;

/** Files are named, and all in one folder. */
const isFile = (url: string): boolean => /^file:[0-9A-Za-z][0-9A-Za-z ._-]{0,99}$/.test(url);

/** Reads calendars on a thread of its own, which is there once one is to be read. One that hangs is ended. */
export class CalendarReader {
  readonly allows: (url: string) => boolean;
  readonly #data: CalendarWorkerData;
  readonly #waiting = new Map<number, (answer: CalendarContents) => void>();
  #worker: Worker | undefined;
  #ids = 0;

  /** `hosts` are those that the configuration lets rules ask; `folder` has the files. */
  constructor(data: CalendarWorkerData) {
    this.#data = data;
    const allowed = allowedBy(data.hosts);
    this.allows = (url) => isFile(url) || allowed(url);
  }

  read({ url }: Pick<CalendarSource, 'url'>, window: CalendarWindow): Promise<CalendarContents> {
    const id = this.#ids++;
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        void this.#end('it took too long');
      }, giveUpMs);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answer);
      });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ id, url, window } satisfies CalendarQuestion);
    });
  }

  close(): Promise<void> {
    return this.#end('closed');
  }

  #start(): Worker {
    const worker = new Worker(new URL('calendar-worker.ts', import.meta.url), {
      workerData: this.#data,
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    });
    worker.on('message', ({ id, answer }: Answer) => this.#waiting.get(id)?.(answer));
    worker.on('error', (error) => this.#gone(worker, error.message));
    worker.on('exit', () => this.#gone(worker, 'the thread has ended'));
    return worker;
  }

  async #end(why: string): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#gone(worker, why);
    await worker.terminate();
  }

  #gone(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const answer of this.#waiting.values()) answer({ ok: false, why });
  }
}
