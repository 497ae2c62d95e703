import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadName } from 'node:worker_threads';

/**
 * Preloaded into a program under measurement. At SIGUSR2 each of its threads collects its garbage and the program prints
 * one line a thread: what its heap and its buffers hold then, and how much of the machine's memory the heap had before
 * that. Nothing happens before the signal.
 */
type Told = {
  readonly thread: string;
  readonly heap: number;
  readonly external: number;
  readonly committed: number;
};

const channel = new BroadcastChannel('memory-probe');
channel.unref();

const collect = (): Told => {
  const { total_physical_size: committed } = getHeapStatistics();
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return { thread: isMainThread ? 'main' : (threadName ?? ''), heap: heapUsed, external, committed };
};

const print = (told: Told): void => {
  process.stdout.write(`memory-probe ${JSON.stringify(told)}\n`);
};

// oxlint-disable unicorn/require-post-message-target-origin, unicorn/prefer-add-event-listener -- threads, not windows
channel.onmessage = ({ data }: { readonly data?: unknown }) => {
  if (data !== 'collect') {
    if (isMainThread) print(data as Told);
    return;
  }
  if (!isMainThread) channel.postMessage(collect());
};

if (isMainThread)
  process.on('SIGUSR2', () => {
    channel.postMessage('collect');
    print(collect());
  });
