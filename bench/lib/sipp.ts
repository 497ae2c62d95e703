import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { start, type Running } from './process.ts';

const scenarios = [
  resolve(import.meta.dirname, '../../test-scenarios/sipp'),
  resolve(import.meta.dirname, '../sipp'),
];

export type SippOptions = {
  readonly scenario: string;
  readonly target: string;
  readonly port: number;
  /** Calls a second and calls in all; a server scenario has neither. */
  readonly rate?: number;
  readonly calls?: number;
  readonly holdMs?: number;
  readonly csv?: string;
  readonly transport?: 'u1' | 't1';
  readonly extra?: readonly string[];
};

export type SippResult = {
  readonly created: number;
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
  /** Milliseconds of every measured response time but refusals, sorted. */
  readonly times: readonly number[];
  /** Every answer that was measured: to a call, or its refusal, and when (milliseconds since 1970). */
  readonly answers: readonly Answer[];
  readonly seconds: number;
};

export type Answer = { readonly at: number; readonly ms: number; readonly refused: boolean };

export type Sipp = {
  readonly running: Running;
  /** Waits for the end (a client) and reads the figures. */
  result(): Promise<SippResult>;
  /** Ends a server scenario and reads the figures. */
  stop(): Promise<SippResult>;
};

const columns = (folder: string): Record<string, number> => {
  const file = readdirSync(folder).find((name) => /_\d+_\.csv$/.test(name) && !name.includes('rtt'));
  if (file === undefined) return {};
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const names = (lines[0] ?? '').split(';');
  const values = (lines.at(-1) ?? '').split(';');
  return Object.fromEntries(names.map((name, i) => [name, Number(values[i] ?? 0)]));
};

const answersIn = (folder: string): Answer[] => {
  const file = readdirSync(folder).find((name) => name.endsWith('rtt.csv'));
  if (file === undefined) return [];
  return readFileSync(join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(';'))
    .map(([at, ms, name = '']) => ({ at: Number(at), ms: Number(ms), refused: name.includes('refused') }))
    .filter(({ ms }) => Number.isFinite(ms));
};

const fileOf = (scenario: string): string => {
  const files = scenarios.map((folder) => join(folder, `${scenario}.xml`));
  return files.find((file) => existsSync(file)) ?? scenario;
};

const argumentsOf = (options: SippOptions): string[] => {
  const args = [options.target, '-sf', fileOf(options.scenario), '-i', '127.0.0.1'];
  args.push(
    '-p',
    String(options.port),
    '-t',
    options.transport ?? 'u1',
    '-nostdin',
    '-trace_stat',
    '-fd',
    '1',
  );
  args.push('-buff_size', '4194304', '-recv_timeout', '35000', '-skip_rlimit');
  if (options.csv !== undefined) args.push('-inf', options.csv);
  if (options.rate !== undefined)
    args.push('-r', String(options.rate), '-l', '1000000', '-trace_rtt', '-rtt_freq', '1');
  if (options.calls !== undefined) args.push('-m', String(options.calls));
  if (options.holdMs !== undefined) args.push('-d', String(options.holdMs));
  return [...args, ...(options.extra ?? [])];
};

/** Runs one SIPp with its figures in a folder of its own. */
export const sipp = async (options: SippOptions): Promise<Sipp> => {
  const folder = mkdtempSync(join(tmpdir(), 'sipp-'));
  const began = performance.now();
  const running = await start('sipp', argumentsOf(options), { cwd: folder, env: { TERM: 'dumb' } });
  const read = (): SippResult => {
    const seconds = (performance.now() - began) / 1000;
    const c = columns(folder);
    const answers = answersIn(folder);
    rmSync(folder, { recursive: true, force: true });
    return {
      created: c['TotalCallCreated'] ?? 0,
      successful: c['SuccessfulCall(C)'] ?? 0,
      failed: c['FailedCall(C)'] ?? 0,
      retransmissions: c['Retransmissions(C)'] ?? 0,
      times: answers
        .filter(({ refused }) => !refused)
        .map(({ ms }) => ms)
        .sort((a, b) => a - b),
      answers,
      seconds,
    };
  };
  return {
    running,
    result: async () => {
      await running.ended;
      return read();
    },
    stop: async () => {
      running.child.kill('SIGUSR1');
      const timer = setTimeout(() => running.child.kill('SIGKILL'), 2000);
      await running.ended;
      clearTimeout(timer);
      return read();
    },
  };
};

/** The value at quantile `q` of a sorted list; NaN when it is empty. */
export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
