import { Worker } from 'node:worker_threads';
import type { Clock, Logger, Timer } from '../base/index.ts';
import { CallLedger } from './call-ledger.ts';
import { EventLog } from './event-log.ts';
import type { MediaEngineOptions } from './options.ts';
import type { ControlThreadOptions, FromControl } from './protocol.ts';
import { writeLog } from './thread-logger.ts';

const AGAIN_MS = 1000;

export type EngineThreadParts = { readonly clock: Clock; readonly logger: Logger };

/**
 * The control thread, as the thread that started it sees it. One that dies is replaced at the same address; the calls that
 * it had are lost, and announced as soon as the next one takes commands.
 */
export class EngineThread {
  readonly #parts: EngineThreadParts;
  readonly #ledger = new CallLedger();
  #options: MediaEngineOptions;
  #worker: Worker;
  #gone: Promise<void> = Promise.resolve();
  #again: Timer | undefined;
  #lost: string[] = [];
  #startedAt = 0;
  #closing = false;
  #settle: { resolve(): void; reject(error: Error): void } | undefined;
  /** Resolves once commands are taken for the first time; rejects where that is not possible. */
  readonly ready: Promise<void>;
  address = '';

  constructor(options: MediaEngineOptions, parts: EngineThreadParts) {
    this.#options = options;
    this.#parts = parts;
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#worker = this.#spawn();
  }

  get port(): number {
    return this.#options.listen.port;
  }

  /** Ends all calls and threads. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#again?.cancel();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage('close');
    await this.#gone;
  }

  /** Ends the thread without warning, as a fault in it would; for tests of what happens then. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #spawn(): Worker {
    this.#startedAt = this.#parts.clock.now();
    const workerData: ControlThreadOptions = { engine: this.#options, calls: this.#ledger.shared };
    const worker = new Worker(new URL('./control-worker.ts', import.meta.url), {
      name: this.#options.threads > 1 ? 'media-control' : 'relay',
      workerData,
    });
    this.#gone = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromControl) => this.#receive(message));
    worker.on('error', (error) => this.#failed(error));
    worker.on('exit', () => this.#exited());
    return worker;
  }

  #receive(message: FromControl): void {
    if (message.type === 'log') return writeLog(this.#parts.logger, message);
    if (message.type === 'failed')
      return this.#failed(Object.assign(new Error(message.reason), { code: message.code }));
    this.address = message.address;
    // Whoever sends commands knows this port, so that the next thread must have it as well.
    this.#options = { ...this.#options, listen: { ...this.#options.listen, port: message.port } };
    this.#settle?.resolve();
    this.#settle = undefined;
    this.#announceLost();
  }

  #failed(error: Error): void {
    if (this.#settle === undefined) return this.#parts.logger.error({ err: error }, 'a media thread failed');
    this.#closing = true;
    this.#settle.reject(error);
  }

  #exited(): void {
    if (this.#closing) return;
    this.#lost.push(...this.#ledger.take());
    this.#parts.logger.error({ calls: this.#lost.length }, 'the media thread died; its calls are lost');
    const start = () => {
      this.#worker = this.#spawn();
    };
    if (this.#parts.clock.now() - this.#startedAt > AGAIN_MS) start();
    else this.#again = this.#parts.clock.after(AGAIN_MS, start);
  }

  #announceLost(): void {
    const { dtmfLog } = this.#options;
    const lost = this.#lost.splice(0);
    if (dtmfLog === undefined || lost.length === 0) return;
    const log = new EventLog(dtmfLog);
    for (const call of lost) log.tellLost(call, this.#parts.clock.wall());
    void log.close();
  }
}
