import { Worker } from 'node:worker_threads';
import { silentLogger, systemClock, type Logger } from '../base/index.ts';
import { Control } from './control.ts';
import type { MediaEngineOptions } from './options.ts';
import type { LogMessage } from './protocol.ts';
import { writeLog } from './thread-logger.ts';

/** A running media engine. */
export interface MediaEngine {
  /** Where its ng commands go. */
  readonly address: string;
  readonly port: number;
  /** Ends all calls and threads. */
  close(): Promise<void>;
}

/** Runs the engine with its control side on the calling thread and its packets on others. Rejects if it cannot. */
export function runMediaEngine(options: MediaEngineOptions, logger: Logger = silentLogger): Promise<Control> {
  return Control.start(options, systemClock, logger);
}

/** What the control thread tells the thread that started it. */
export type FromControl =
  | { readonly type: 'listening'; readonly address: string; readonly port: number }
  | { readonly type: 'failed'; readonly reason: string; readonly code: string | undefined }
  | LogMessage;

/**
 * Runs the whole engine on threads of its own, so that the caller's stays free; resolves once it answers commands.
 * Rejects with the reason (a port in use, an address that is not here) where it cannot start.
 */
export function startMediaEngine(
  options: MediaEngineOptions,
  logger: Logger = silentLogger,
): Promise<MediaEngine> {
  const worker = new Worker(new URL('./control-worker.ts', import.meta.url), {
    name: 'media-control',
    workerData: options,
  });
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const close = async () => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage('close');
    await gone;
  };
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: FromControl) => {
      if (message.type === 'log') writeLog(logger, message);
      else if (message.type === 'listening') resolve({ address: message.address, port: message.port, close });
      else reject(Object.assign(new Error(message.reason), { code: message.code }));
    });
  });
}
