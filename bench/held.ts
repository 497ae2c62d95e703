/**
 * Calls that are held: memory and idle CPU for each, and how a new call fares beside them. The whole product, digest and
 * media anchored; both sides hold, so that nobody sends audio.
 *
 * npm run bench -- held [--calls 1000,5000,10000] [--rate 100] [--seconds 10] [--settle 35] [--json FILE]
 *
 * Memory is what the heaps and buffers of all threads hold after their garbage was collected, and the resident set, each
 * less what it was before, for each call. --settle is how long ended transactions may take to be forgotten (32 s).
 * A call takes four ports and as many files; where the system allows too few, fewer are held, and it is said.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { trial } from './lib/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { cpuOf, memoryOf, type Running } from './lib/process.ts';
import { sipp } from './lib/sipp.ts';
import { Lab, productSubject } from './lib/subjects.ts';
import { table, type Row } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000,5000,10000' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '10' },
    settle: { type: 'string', default: '35' },
    json: { type: 'string' },
  },
});
const rate = Number(options.rate);
const seconds = Number(options.seconds);
const settleMs = Number(options.settle) * 1000;
/** How long the slowest thread may take longer than the one before it. */
const quietMs = 1000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Four sockets a call, and some for everything else. */
const most = (): number => {
  const limit = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return Math.floor((Number(limit ?? 1024) - 500) / 4);
};

type Memory = { readonly resident: number; readonly byThread: Readonly<Record<string, number>> };

/** What each thread holds once its garbage is collected; several threads of one name count together. */
const memory = async (running: Running): Promise<Memory> => {
  const { pid, child } = running;
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
  const byThread: Record<string, number> = {};
  for (const [, json = ''] of told()) {
    const { thread, heap, external } = JSON.parse(json) as { thread: string; heap: number; external: number };
    byThread[thread] = (byThread[thread] ?? 0) + heap + external;
  }
  return { resident: memoryOf(pid), byThread };
};

const sum = ({ byThread }: Memory): number => Object.values(byThread).reduce((a, b) => a + b, 0);

const measure = async (wanted: number): Promise<Row> => {
  const count = Math.min(wanted, most());
  if (count < wanted) console.error(`${count} calls instead of ${wanted}: too few open files are allowed`);
  const lab = new Lab();
  try {
    const answerPort = await freePort();
    const subject = await productSubject(lab, answerPort, {
      mediaPorts: [10_000, 59_998],
      // Calls are on hold from both sides, without music.
      config: { features: { hold: { music: 'none' } } },
    });
    const { running } = subject.product;
    const answerer = await sipp({ scenario: 'answer-held', target: subject.target, port: answerPort });
    await trial(subject, rate, Math.min(3, seconds));
    await pause(settleMs);
    const before = await memory(running);
    const holdMs = (count / rate) * 1000 + settleMs + 4 * quietMs + seconds * 3000;
    const holder = await sipp({
      ...subject.caller,
      scenario: 'call-held',
      target: subject.target,
      port: await freePort(),
      rate,
      calls: count,
      holdMs,
    });
    await pause((count / rate) * 1000 + settleMs);
    const after = await memory(running);
    const idle = cpuOf(running.pid).total;
    await pause(seconds * 1000);
    const idleCost = ((cpuOf(running.pid).total - idle) * 1000) / seconds;
    const beside = await trial(subject, 50, seconds);
    const held = await holder.result();
    await answerer.stop();
    const each = (a: number, b: number) => (a - b) / count / 1000;
    return {
      calls: count,
      failed: held.failed,
      'heap kB/call': each(sum(after), sum(before)),
      ...Object.fromEntries(
        Object.keys(after.byThread).map((name) => [
          `${name} kB`,
          each(after.byThread[name] ?? 0, before.byThread[name] ?? 0),
        ]),
      ),
      'resident kB/call': each(after.resident, before.resident),
      'idle CPU ms/s': idleCost,
      'p50 ms': beside.p50,
      'p99 ms': beside.p99,
      'ms/call beside': beside.cpu['product'] ?? Number.NaN,
    };
  } finally {
    await lab.stop();
  }
};

const rows: Row[] = [];
for (const calls of options.calls.split(',').map(Number)) rows.push(await measure(calls));
console.log(table(rows));
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(rows, null, 2));
if (rows.some(({ failed, calls }) => Number(failed) > Number(calls) / 100)) process.exitCode = 1;
