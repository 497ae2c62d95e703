/**
 * Calls that are held: memory and idle CPU for each, and how a new call fares beside them. The whole product, digest and
 * media anchored; both sides hold, so that nobody sends audio.
 *
 * npm run bench -- held [--calls 1000,5000,10000] [--rate 100] [--seconds 10] [--settle 35] [--engines 3] [--json FILE]
 *
 * Memory is what the heaps and buffers of all threads hold after their garbage was collected, and the resident set, each
 * less what it was before, for each call. --settle is how long ended transactions may take to be forgotten (32 s).
 * A call takes four ports and as many files. With --engines the media is moved by that many processes of the media engine
 * (`npm run media-engine`), each with an address and files of its own; where the system allows too few all the same, fewer
 * calls are held, and it is said.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { trial, type Subject } from './lib/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { liveOf, memoryIn, quietMs, type Memory } from './lib/memory.ts';
import { cpuOf, type Running } from './lib/process.ts';
import { sipp } from './lib/sipp.ts';
import { Lab, mediaEngines, productSubject } from './lib/subjects.ts';
import { table, type Row } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000,5000,10000' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '10' },
    settle: { type: 'string', default: '35' },
    engines: { type: 'string', default: '0' },
    json: { type: 'string' },
  },
});
const rate = Number(options.rate);
const seconds = Number(options.seconds);
const settleMs = Number(options.settle) * 1000;
const engines = Number(options.engines);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Four sockets a call, and some for everything else. */
const most = (): number => {
  const limit = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return Math.floor((Number(limit ?? 1024) - 500) / 4) * Math.max(1, engines);
};

/** What all of the product's processes hold, by thread; those of all media engines count together. */
const memory = async (all: Readonly<Record<string, Running>>): Promise<Memory> => {
  let resident = 0;
  const byThread: Record<string, Memory['byThread'][string]> = {};
  for (const [name, running] of Object.entries(all)) {
    const told = await memoryIn(running);
    resident += told.resident;
    for (const [thread, { live, committed }] of Object.entries(told.byThread)) {
      const one = name !== '' && thread === 'main' ? 'engines' : thread;
      const { live: l = 0, committed: c = 0 } = byThread[one] ?? {};
      byThread[one] = { live: l + live, committed: c + committed };
    }
  }
  return { resident, byThread };
};

/** The product, its media moved by itself or by engines of their own. */
const withMedia = async (
  lab: Lab,
  answerPort: number,
): Promise<{ readonly subject: Subject; readonly all: Readonly<Record<string, Running>> }> => {
  // Calls are on hold from both sides, without music.
  const config = { features: { hold: { music: 'none' } } };
  const media = engines === 0 ? undefined : await mediaEngines(lab, engines);
  const subject = await productSubject(lab, answerPort, {
    mediaPorts: [10_000, 32_766],
    config: { ...config, ...(media === undefined ? {} : { media: media.config }) },
  });
  const beside = Object.fromEntries((media?.running ?? []).map((each, i) => [`media ${i + 1}`, each]));
  const pids = Object.fromEntries(Object.entries(beside).map(([name, { pid }]) => [name, pid]));
  return {
    subject: { ...subject, processes: { ...subject.processes, ...pids } },
    all: { '': subject.product.running, ...beside },
  };
};

const cpuOfAll = ({ processes }: Subject): number =>
  Object.values(processes).reduce((sum, pid) => sum + cpuOf(pid).total, 0);

const measure = async (wanted: number): Promise<Row> => {
  const count = Math.min(wanted, most());
  if (count < wanted) console.error(`${count} calls instead of ${wanted}: too few open files are allowed`);
  const lab = new Lab();
  try {
    const answerPort = await freePort();
    const { subject, all } = await withMedia(lab, answerPort);
    const answerer = await sipp({ scenario: 'answer-held', target: subject.target, port: answerPort });
    await trial(subject, rate, Math.min(3, seconds));
    await pause(settleMs);
    const before = await memory(all);
    const probing = 4 * quietMs * (engines + 1);
    // Nobody hangs up before the calls beside them are over: one of those that waits for a repetition included.
    const holdMs = (count / rate) * 1000 + settleMs + probing + seconds * 3000 + 15_000;
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
    const after = await memory(all);
    const idle = cpuOfAll(subject);
    await pause(seconds * 1000);
    const idleCost = ((cpuOfAll(subject) - idle) * 1000) / seconds;
    const beside = await trial(subject, 50, seconds);
    const held = await holder.result();
    await answerer.stop();
    const each = (a: number, b: number) => (a - b) / count / 1000;
    return {
      calls: count,
      failed: held.failed,
      'heap kB/call': each(liveOf(after), liveOf(before)),
      ...Object.fromEntries(
        Object.keys(after.byThread).map((name) => [
          `${name} kB`,
          each(after.byThread[name]?.live ?? 0, before.byThread[name]?.live ?? 0),
        ]),
      ),
      'resident kB/call': each(after.resident, before.resident),
      'idle CPU ms/s': idleCost,
      'failed beside': beside.failed,
      'p50 ms': beside.p50,
      'p99 ms': beside.p99,
      'ms/call beside': Object.keys(subject.processes).reduce((ms, name) => ms + (beside.cpu[name] ?? 0), 0),
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
