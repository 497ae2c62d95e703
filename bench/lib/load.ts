import { freePort } from '../../src/testing/free-port.ts';
import { cpuOf, memoryOf } from './process.ts';
import { quantile, sipp, type SippOptions } from './sipp.ts';
import type { Row } from './table.ts';

/** What is under load: where to call, what to call with, and the processes whose CPU counts. */
export type Subject = {
  readonly name: string;
  readonly target: string;
  readonly caller: Pick<SippOptions, 'scenario' | 'csv' | 'extra'> & {
    /** Where the calls come from, when that matters. */
    readonly localPort?: number | undefined;
  };
  readonly processes: Readonly<Record<string, number>>;
};

export type Trial = {
  readonly rate: number;
  readonly calls: number;
  readonly failed: number;
  readonly retransmissions: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** CPU milliseconds a call, by process and by its busiest threads (`product/signaling`). */
  readonly cpu: Readonly<Record<string, number>>;
  readonly memory: number;
  readonly good: boolean;
};

/** CPU seconds so far, by process and thread. */
export const cpuNow = ({ processes }: Pick<Subject, 'processes'>): ReadonlyMap<string, number> => {
  const seconds = new Map<string, number>();
  for (const [name, pid] of Object.entries(processes)) {
    const { total, threads } = cpuOf(pid);
    seconds.set(name, total);
    for (const [thread, used] of Object.entries(threads)) seconds.set(`${name}/${thread}`, used);
  }
  return seconds;
};

/** Milliseconds for each of `count`, processes all and threads where they matter. */
export const costOf = (
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  count: number,
): Record<string, number> => {
  const costs: Record<string, number> = {};
  for (const [name, seconds] of after) {
    const each = ((seconds - (before.get(name) ?? 0)) * 1000) / Math.max(1, count);
    if (!name.includes('/') || each > 0.03) costs[name] = each;
  }
  return costs;
};

/** Offers `rate` calls a second for `seconds`; good is under 0.1 % failures and under 0.1 % of calls retransmitting. */
export const trial = async (subject: Subject, rate: number, seconds: number): Promise<Trial> => {
  const calls = Math.max(1, Math.round(rate * seconds));
  const before = cpuNow(subject);
  const { localPort, ...caller } = subject.caller;
  const load = await sipp({
    ...caller,
    target: subject.target,
    port: localPort ?? (await freePort()),
    rate,
    calls,
    holdMs: 0,
  });
  const result = await load.result();
  const cpu = costOf(before, cpuNow(subject), result.successful);
  const memory = Object.values(subject.processes).reduce((sum, pid) => sum + memoryOf(pid), 0);
  const failed = Math.max(result.failed, calls - result.successful);
  return {
    rate,
    calls,
    failed,
    retransmissions: result.retransmissions,
    p50: quantile(result.times, 0.5),
    p95: quantile(result.times, 0.95),
    p99: quantile(result.times, 0.99),
    cpu,
    memory,
    good: failed <= calls / 1000 && result.retransmissions <= calls / 1000,
  };
};

/** The highest good rate to within 5 %: doubling up from `from`, then bisection. A failed first try goes down. */
export const highestRate = async (
  subject: Subject,
  from: number,
  seconds: number,
  say: (t: Trial) => void,
): Promise<Trial | undefined> => {
  let best: Trial | undefined;
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let rate = from;
  while (high - low > Math.max(5, low * 0.05) && rate >= 5) {
    const result = await trial(subject, rate, seconds);
    say(result);
    if (result.good) {
      best = result;
      low = rate;
    } else high = rate;
    rate = Math.round(high === Number.POSITIVE_INFINITY ? low * 1.5 : (low + high) / 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return best;
};

export const rowOf = (name: string, t: Trial): Row => ({
  subject: name,
  'calls/s': t.rate,
  calls: t.calls,
  failed: t.failed,
  retrans: t.retransmissions,
  'p50 ms': t.p50,
  'p95 ms': t.p95,
  'p99 ms': t.p99,
  ...Object.fromEntries(
    Object.entries(t.cpu)
      .filter(([name]) => !name.includes('/'))
      .map(([name, ms]) => [`${name} ms/call`, ms]),
  ),
  MB: t.memory / 1e6,
});

/** CPU milliseconds a call by thread, a row a subject. */
export const threadRowOf = (name: string, t: Trial): Row => {
  const several = Object.keys(t.cpu).filter((key) => !key.includes('/')).length > 1;
  return {
    subject: name,
    ...Object.fromEntries(
      Object.entries(t.cpu)
        .filter(([key]) => key.includes('/'))
        .map(([key, ms]) => [several ? key : key.slice(key.indexOf('/') + 1), ms]),
    ),
  };
};
