import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/index.ts';
import { CallLedger } from './call-ledger.ts';
import { Control } from './control.ts';
import type { ControlThreadOptions, FromControl } from './protocol.ts';
import { threadLogger } from './thread-logger.ts';

/** The entry of the control thread. */
const port = parentPort!;
const post = (message: FromControl) => port.postMessage(message);
const { engine, calls } = workerData as ControlThreadOptions;

try {
  const ledger = new CallLedger(calls);
  const control = await Control.start(engine, { clock: systemClock, logger: threadLogger(post), ledger });
  port.on('message', () => void control.close().then(() => port.close()));
  post({ type: 'listening', address: control.address, port: control.port });
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException;
  post({ type: 'failed', reason: message, code });
  port.close();
}
