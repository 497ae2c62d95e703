import { Worker } from 'node:worker_threads';
import type { Logger } from '../base/index.ts';
import { encodeBencode, ngError, type NgDictionary } from '../ng/index.ts';
import type { CallHome, CallHomeListener } from './call-home.ts';
import type { FromRelay, RelayThreadOptions, ToRelay } from './protocol.ts';
import { writeLog } from './thread-logger.ts';

type RelayThreadListener = CallHomeListener & {
  /** The thread is gone without having been closed; what it held is lost. */
  died(): void;
};

/** A relay on a thread of its own, as the control side sees it. */
export class RelayThread implements CallHome {
  readonly #worker: Worker;
  readonly #listener: RelayThreadListener;
  readonly #logger: Logger;
  readonly #pending = new Map<number, (reply: Uint8Array) => void>();
  readonly ready: Promise<void>;
  calls = 0;
  #nextId = 0;
  #closing = false;
  readonly #gone: Promise<void>;

  constructor(options: RelayThreadOptions, logger: Logger, listener: RelayThreadListener) {
    this.#listener = listener;
    this.#logger = logger;
    this.#worker = new Worker(new URL('./relay-worker.ts', import.meta.url), {
      name: 'relay',
      workerData: options,
    });
    this.#gone = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      this.#worker.once('message', () => resolve());
      this.#worker.once('error', reject);
    });
    this.#worker.on('message', (message: FromRelay) => this.#receive(message));
    this.#worker.on('error', (error) => logger.error({ err: error }, 'a relay thread failed'));
    this.#worker.on('exit', () => this.#exited());
  }

  execute(_request: NgDictionary, encoded: () => Uint8Array): Promise<Uint8Array> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      // A copy of its own: what is posted takes all of its memory along.
      this.#post({ type: 'request', id, request: new Uint8Array(encoded()) });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#post({ type: 'close' });
    await this.#gone;
  }

  /** Ends the thread without warning, as a fault in it would; for tests of what happens then. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #post(message: ToRelay): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(message);
  }

  #receive(message: FromRelay): void {
    if (message.type === 'reply') {
      this.#pending.get(message.id)?.(message.reply);
      this.#pending.delete(message.id);
    } else if (message.type === 'ended') this.#listener.ended(message.call);
    else if (message.type === 'notify') this.#listener.notify(message.event);
    else if (message.type === 'log') writeLog(this.#logger, message);
  }

  #exited(): void {
    const ended = encodeBencode(ngError('The media thread of this call has ended'));
    for (const done of this.#pending.values()) done(ended);
    this.#pending.clear();
    if (!this.#closing) this.#listener.died();
  }
}
