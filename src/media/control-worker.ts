import { parentPort, workerData } from 'node:worker_threads';
import { runMediaEngine, type FromControl } from './engine.ts';
import type { MediaEngineOptions } from './options.ts';
import { threadLogger } from './thread-logger.ts';

/** The entry of the control thread. */
const port = parentPort!;
const post = (message: FromControl) => port.postMessage(message);

try {
  const control = await runMediaEngine(workerData as MediaEngineOptions, threadLogger(post));
  port.on('message', () => void control.close().then(() => port.close()));
  post({ type: 'listening', address: control.address, port: control.port });
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException;
  post({ type: 'failed', reason: message, code });
  port.close();
}
