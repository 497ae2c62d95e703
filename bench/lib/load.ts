import { cpuOf, freePort, memoryOf } from './process.ts';
import { quantile, sipp, type SippOptions } from './sipp.ts';
import type { Row } from './table.ts';

/** What is under load: where to call, what to call with, and the processes whose CPU counts. */
export type Subject = {
  readonly name: string;
  readonly target: string;
  readonly caller: Pick<SippOptions, 'scenario' | 'csv' | 'extra'>;
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
  /** CPU milliseconds a call, by process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly memory: number;
  readonly good: boolean;
};

/** Offers `rate` calls a second for `seconds`; good is under 0.1 % failures and under 0.1 % of calls retransmitting. */
export const trial = async (subject: Subject, rate: number, seconds: number): Promise<Trial> => {
  const calls = Math.max(1, Math.round(rate * seconds));
  const before = Object.entries(subject.processes).map(
    ([name, pid]) => [name, pid, cpuOf(pid).total] as const,
  );
  const load = await sipp({
    ...subject.caller,
    target: subject.target,
    port: await freePort(),
    rate,
    calls,
    holdMs: 0,
  });
  const result = await load.result();
  const cpu = Object.fromEntries(
    before.map(([name, pid, start]) => [
      name,
      ((cpuOf(pid).total - start) * 1000) / Math.max(1, result.successful),
    ]),
  );
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
  ...Object.fromEntries(Object.entries(t.cpu).map(([n, ms]) => [`${n} ms/call`, ms])),
  MB: t.memory / 1e6,
});
