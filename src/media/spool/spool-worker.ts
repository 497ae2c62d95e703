import { parentPort, workerData } from 'node:worker_threads';
import { convertRecording, type Conversion, type Converted } from './convert.ts';

/** What the thread that converts says when it is done. */
export type FromSpoolWorker =
  | { readonly type: 'converted'; readonly converted: Converted }
  | { readonly type: 'failed'; readonly reason: string };

/** The entry of a thread that makes one recording. */
const port = parentPort!;
const post = (message: FromSpoolWorker) => port.postMessage(message);

try {
  post({ type: 'converted', converted: await convertRecording(workerData as Conversion) });
} catch (error) {
  post({ type: 'failed', reason: String(error) });
}
