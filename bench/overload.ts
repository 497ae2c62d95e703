/**
 * Twice and five times what can be served: what is accepted is still served in time, the rest gets 503 with Retry-After,
 * and normal service is back within 5 s of the load's end. The whole product, with digest.
 *
 * npm run bench -- overload [--seconds 30] [--rate 350] [--times 2,5] [--json FILE] [--profile FOLDER]
 *
 * --rate is the highest clean rate; without it, that is found first. "Recovery" is half that rate, from the instant at
 * which the load ends; its figures are of the calls that began 5 s later and more.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { costOf, cpuNow, highestRate, trial, type Subject } from './lib/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { quantile, sipp, type Answer, type SippResult } from './lib/sipp.ts';
import { Lab, productSubject } from './lib/subjects.ts';
import { table, type Row } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    rate: { type: 'string' },
    times: { type: 'string', default: '2,5' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
/** Normal service is expected this long after the load, in milliseconds. */
const recoveryMs = Math.min(5000, seconds * 1000);

const offer = async (subject: Subject, rate: number, forSeconds: number): Promise<SippResult> => {
  const { csv } = subject.caller;
  const load = await sipp({
    scenario: 'call-refused',
    ...(csv === undefined ? {} : { csv }),
    target: subject.target,
    port: await freePort(),
    rate,
    calls: Math.round(rate * forSeconds),
    holdMs: 0,
  });
  return await load.result();
};

const times = (answers: readonly Answer[], refused: boolean): number[] =>
  answers
    .filter((answer) => answer.refused === refused)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);

const figures = (phase: string, rate: number, result: SippResult, after = 0): Row => {
  const from = Math.min(...result.answers.map(({ at, ms }) => at - ms)) + after;
  const counted = result.answers.filter(({ at, ms }) => at - ms >= from);
  const until = Math.max(...counted.map(({ at }) => at));
  const [served, refused] = [times(counted, false), times(counted, true)];
  return {
    phase,
    'offered/s': rate,
    'served/s': Math.round((served.length * 1000) / Math.max(1, until - from)),
    served: served.length,
    refused: refused.length,
    failed: result.failed,
    retrans: result.retransmissions,
    'p50 ms': quantile(served, 0.5),
    'p95 ms': quantile(served, 0.95),
    'p99 ms': quantile(served, 0.99),
    'refusal p99': quantile(refused, 0.99),
  };
};

const overload = async (times: number, known: number | undefined): Promise<[number, Row[]]> => {
  const lab = new Lab(options.profile);
  try {
    const answerPort = await freePort();
    const subject = await productSubject(lab, answerPort);
    const answerer = await sipp({ scenario: 'answer', target: subject.target, port: answerPort });
    await trial(subject, 100, Math.min(10, seconds));
    const best =
      known ?? (await highestRate(subject, 150, Math.min(10, seconds), () => undefined))?.rate ?? 0;
    const before = cpuNow(subject);
    const running = offer(subject, best * times, seconds);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const recovery = offer(subject, best / 2, recoveryMs / 1000 + seconds);
    const load = figures(`${times} times`, best * times, await running);
    const cost = costOf(before, cpuNow(subject), Number(load['served']));
    const rows = [
      { ...load, 'ms/served': cost['product'] ?? 0 },
      figures('recovery', best / 2, await recovery, recoveryMs),
    ];
    await answerer.stop();
    return [best, rows];
  } finally {
    await lab.stop();
  }
};

let known = options.rate === undefined ? undefined : Number(options.rate);
const rows: Row[] = [];
for (const times of options.times.split(',').map(Number)) {
  const [best, more] = await overload(times, known);
  known = best;
  rows.push(...more);
}
console.log(`highest clean rate: ${known}/s\n${table(rows)}`);
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ rate: known, rows }, null, 2));
const recovered = rows.filter(({ phase }) => phase === 'recovery');
if (recovered.some(({ refused, failed }) => Number(refused) > 0 || Number(failed) > 0)) process.exitCode = 1;
