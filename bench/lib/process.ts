import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds of a process, in all and by thread name. */
export type Cpu = { readonly total: number; readonly threads: Readonly<Record<string, number>> };

const ticksPerSecond = 100;

const statOf = (path: string): { name: string; seconds: number } | undefined => {
  try {
    const text = readFileSync(path, 'utf8');
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    return {
      name: text.slice(text.indexOf('(') + 1, end),
      seconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    };
  } catch {
    return undefined;
  }
};

/** Reads /proc: user and system time so far. */
export const cpuOf = (pid: number): Cpu => {
  const threads: Record<string, number> = {};
  let tids: string[] = [];
  try {
    tids = readdirSync(`/proc/${pid}/task`);
  } catch {
    return { total: 0, threads };
  }
  for (const tid of tids) {
    const stat = statOf(`/proc/${pid}/task/${tid}/stat`);
    if (stat !== undefined) threads[stat.name] = (threads[stat.name] ?? 0) + stat.seconds;
  }
  return { total: statOf(`/proc/${pid}/stat`)?.seconds ?? 0, threads };
};

/** Resident memory in bytes. */
export const memoryOf = (pid: number): number => {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
};

export type Running = {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  stop(): Promise<void>;
};

/** What still runs; a benchmark that fails takes it along. */
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a program; `ready` is awaited in its output before the promise resolves. */
export const start = async (
  command: string,
  args: readonly string[],
  options: { ready?: RegExp; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Running> => {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let text = '';
  alive.add(child);
  const ended = new Promise<number>((resolve) =>
    child.once('exit', (code) => {
      alive.delete(child);
      resolve(code ?? -1);
    }),
  );
  const ready = new Promise<void>((resolve, reject) => {
    const read = (data: Buffer) => {
      text += data.toString('latin1');
      if (text.length > 4e6) text = text.slice(-1e6);
      if (options.ready?.test(text)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    void ended.then((code) => reject(new Error(`${command} ended with ${code}:\n${text.slice(-2000)}`)));
    if (options.ready === undefined) resolve();
  });
  await ready;
  return {
    pid: child.pid ?? 0,
    child,
    output: () => text,
    ended,
    stop: async () => {
      if (child.exitCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 8000);
      await ended;
      clearTimeout(timer);
    },
  };
};
