import { Worker } from 'node:worker_threads';
import { silentLogger } from '../base/index.ts';
import type { EngineStats, ListeningAddress, SignalingEngine, SignalingEngineOptions } from './options.ts';
import type { AdminAddress, FromWorker, ToWorker } from './worker-messages.ts';

export type { EngineSettings, ListeningAddress, SignalingEngine, SignalingEngineOptions } from './options.ts';

class EngineThread implements SignalingEngine {
  readonly listeners: readonly ListeningAddress[];
  readonly admin: AdminAddress;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, (value: object) => void>();
  #asked = 0;
  #ended = false;

  constructor(
    worker: Worker,
    listening: Extract<FromWorker, { type: 'listening' }>,
    onExit: (e: Error) => void,
  ) {
    this.#worker = worker;
    this.listeners = listening.listeners;
    this.admin = listening.admin;
    let reason = new Error('the signaling engine ended');
    worker.on('error', (error: Error) => (reason = error));
    worker.on('message', (message: FromWorker) => {
      if (message.type !== 'answer') return;
      this.#waiting.get(message.id)?.(message.value);
      this.#waiting.delete(message.id);
    });
    this.#exited = new Promise((done) =>
      worker.once('exit', () => {
        const wanted = this.#ended;
        this.#ended = true;
        for (const answer of this.#waiting.values()) answer({});
        this.#waiting.clear();
        done();
        if (!wanted) onExit(reason);
      }),
    );
  }

  stats(): Promise<EngineStats> {
    return this.#ask('stats') as Promise<EngineStats>;
  }

  describe(): Promise<object> {
    return this.#ask('describe');
  }

  async close(): Promise<void> {
    if (!this.#ended) {
      const closed = this.#ask('close');
      this.#ended = true;
      await closed;
    }
    await this.#exited;
  }

  #ask(type: ToWorker['type']): Promise<object> {
    if (this.#ended) return Promise.reject(new Error('the signaling engine has ended'));
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a window's
      this.#worker.postMessage({ type, id } satisfies ToWorker);
    });
  }
}

/**
 * Runs a SIP stack and a server for drachtio's client protocol in front of it, on a thread of its own. Resolves when
 * every endpoint listens; rejects, with nothing left behind, when one can not (`udp 127.0.0.1:5060: … EADDRINUSE`).
 */
export const startSignalingEngine = (options: SignalingEngineOptions): Promise<SignalingEngine> => {
  const { logger = silentLogger, onExit = () => undefined, ...settings } = options;
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    name: 'signaling',
    workerData: settings,
  });
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'log') logger[message.level](message.fields, message.message);
  });
  return new Promise((resolve, reject) => {
    const exited = () => reject(new Error('the signaling engine ended before it listened'));
    worker.once('error', reject);
    worker.once('exit', exited);
    worker.on('message', function first(message: FromWorker) {
      if (message.type === 'failed') return reject(new Error(message.message));
      if (message.type !== 'listening') return;
      worker.off('message', first);
      worker.off('error', reject);
      worker.off('exit', exited);
      resolve(new EngineThread(worker, message, onExit));
    });
  });
};
