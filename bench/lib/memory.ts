import { memoryOf, type Running } from './process.ts';

/** Bytes that a thread holds once its garbage is collected, and that its heap had of the machine's memory before. */
export type ThreadMemory = { readonly live: number; readonly committed: number };

export type Memory = {
  /** Of the process, before anything was collected. */
  readonly resident: number;
  /** By name; several threads of one name count together. */
  readonly byThread: Readonly<Record<string, ThreadMemory>>;
};

/** How long the slowest thread may take longer than the one before it. */
export const quietMs = 1000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks a program that has the memory probe in it. Its threads collect their garbage, which takes them a moment. */
export const memoryIn = async (running: Running): Promise<Memory> => {
  const { pid, child } = running;
  const resident = memoryOf(pid);
  const from = running.output().length;
  child.kill('SIGUSR2');
  const told = () => [
    ...running
      .output()
      .slice(from)
      .matchAll(/memory-probe (\{.*\})/g),
  ];
  for (let tries = 0; tries < 100 && told().length === 0; tries++) await pause(100);
  // Each thread answers when it is done collecting; none has for a while: that were all.
  for (let heard = 0; heard < told().length;) {
    heard = told().length;
    await pause(quietMs);
  }
  const byThread: Record<string, ThreadMemory> = {};
  for (const [, json = ''] of told()) {
    const { thread, heap, external, committed } = JSON.parse(json) as Record<
      'heap' | 'external' | 'committed',
      number
    > & { readonly thread: string };
    const { live = 0, committed: before = 0 } = byThread[thread] ?? {};
    byThread[thread] = { live: live + heap + external, committed: before + committed };
  }
  return { resident, byThread };
};

export const liveOf = ({ byThread }: Memory): number =>
  Object.values(byThread).reduce((sum, { live }) => sum + live, 0);
