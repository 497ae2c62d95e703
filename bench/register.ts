/**
 * Registrations a second with digest, challenge and answer: new ones first, then the same devices again; and how long the
 * program takes to start again with all of them.
 *
 * npm run bench -- register [--devices 10000,100000] [--rate 2000] [--seconds 5] [--peer 127.0.0.1:5060] [--json FILE]
 *   [--profile FOLDER]
 *
 * Without --rate the highest clean rate is found by bisection, each try of `--seconds`, devices that are out of turn
 * registering again: under 0.1 % failures, hardly a repetition, and all but 1 % granted within a quarter of a second, or
 * else a queue stands and the try was too short to see its end. A peer is sent the same load; it must know the devices
 * (2000000…, each with password secret-<device>), or challenge nobody and take the REGISTER as it is (--plain). A
 * registration is two REGISTERs: one that is challenged, one that is granted.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cpuNow, costOf, type Subject } from './lib/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { memoryOf } from './lib/process.ts';
import { quantile, sipp } from './lib/sipp.ts';
import { devicesFile, Lab, pidAt, startProduct, type Device, type Product } from './lib/subjects.ts';
import { table, type Row } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    devices: { type: 'string', default: '10000,100000' },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    peer: { type: 'string' },
    plain: { type: 'boolean', default: false },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const fastest = 20_000;
const longestWaitMs = 250;
/** Where all devices are: one that registers again keeps its contact. */
const port = freePort();

type Try = { readonly row: Row; readonly good: boolean; readonly rate: number };

/** Registers these devices, in order and round again, at that rate. */
const register = async (
  lab: Lab,
  subject: Subject,
  list: readonly Device[],
  { rate, calls }: { readonly rate: number; readonly calls: number },
): Promise<Try> => {
  const before = cpuNow(subject);
  const run = await sipp({
    scenario: options.plain && subject.name === 'peer' ? 'register-plain' : 'register',
    target: subject.target,
    port: await port,
    csv: devicesFile(lab, 'load', list),
    rate,
    calls,
  });
  const result = await run.result();
  const failed = Math.max(result.failed, calls - result.successful);
  const row = {
    subject: subject.name,
    'devices/s': rate,
    registrations: calls,
    failed,
    retrans: result.retransmissions,
    'p50 ms': quantile(result.times, 0.5),
    'p99 ms': quantile(result.times, 0.99),
    'ms each': Object.values(costOf(before, cpuNow(subject), result.successful))[0] ?? Number.NaN,
    MB: Object.values(subject.processes).reduce((sum, pid) => sum + memoryOf(pid), 0) / 1e6,
  };
  const few = calls / 1000;
  const good = failed <= few && result.retransmissions <= few && row['p99 ms'] <= longestWaitMs;
  return { row, good, rate };
};

/** The highest clean rate over devices that are taken in turn; `phase` says which. */
const highest = async (lab: Lab, subject: Subject, all: readonly Device[]): Promise<Try | undefined> => {
  let best: Try | undefined;
  let [low, high, rate, at] = [0, fastest, 1000, 0];
  while (high - low > Math.max(100, low * 0.05) && rate > 10) {
    const calls = Math.round(rate * seconds);
    if (at >= all.length) at = 0;
    const result = await register(lab, subject, all.slice(at, at + calls), { rate, calls });
    at += calls;
    console.error(`${subject.name}: ${rate}/s ${result.good ? 'clean' : 'not clean'}`);
    if (result.good) [best, low] = [result, rate];
    else high = rate;
    rate = Math.round(high === fastest ? low * 1.5 : (low + high) / 2);
  }
  return best;
};

const bindingsOf = async ({ http }: Product): Promise<number> => {
  const text = await (await fetch(`${http}/metrics`)).text();
  return Number(/^flipswitch_bindings (\d+)/m.exec(text)?.[1] ?? Number.NaN);
};

type Figures = { readonly devices: number; readonly rows: readonly Row[]; readonly restart: Row };

const measure = async (count: number): Promise<Figures> => {
  const lab = new Lab(options.profile);
  try {
    const product = await startProduct(lab, { callers: 0, answerers: count });
    const all = product.answerers.flat();
    const subject: Subject = {
      name: 'whole product',
      target: product.target,
      caller: { scenario: 'register' },
      processes: { product: product.running.pid },
    };
    const fixed = options.rate === undefined ? undefined : Number(options.rate);
    const rate = fixed ?? (await highest(lab, subject, all))?.rate ?? 100;
    const rows: Row[] = [];
    const some = all.slice(0, fixed === undefined ? all.length : Math.min(all.length, fixed * seconds));
    // At three quarters of what is clean for a few seconds, so that a hundred thousand are through without a burst.
    for (const phase of ['new', 'refresh']) {
      const even = { rate: Math.round(fixed ?? rate * 0.75), calls: some.length };
      const { row } = await register(lab, subject, some, even);
      rows.push({ phase: `${count} devices, ${phase}`, highest: rate, ...row });
    }
    const before = await bindingsOf(product);
    const { product: again, ms } = await product.restart();
    const restart = {
      devices: count,
      bindings: before,
      'after restart': await bindingsOf(again),
      'ready ms': ms,
    };
    return { devices: count, rows, restart };
  } finally {
    await lab.stop();
  }
};

const measurePeer = async (target: string): Promise<Row | undefined> => {
  const lab = new Lab();
  try {
    const pid = await pidAt(target);
    const subject: Subject = {
      name: 'peer',
      target,
      caller: { scenario: 'register' },
      processes: pid === undefined ? {} : { peer: pid },
    };
    const all = Array.from({ length: 10_000 }, (_, i) => {
      const extension = `${2_000_000 + i}1`;
      return { user: String(2_000_000 + i), extension, password: `secret-${extension}` };
    });
    const fixed = options.rate === undefined ? undefined : Number(options.rate);
    const best =
      fixed === undefined
        ? await highest(lab, subject, all)
        : await register(lab, subject, all, { rate: fixed, calls: fixed * seconds });
    return best === undefined ? undefined : { highest: best.rate, ...best.row };
  } finally {
    await lab.stop();
  }
};

const figures: Figures[] = [];
for (const count of options.devices.split(',').map(Number)) figures.push(await measure(count));
console.log(table(figures.flatMap(({ rows }) => rows)));
console.log(`\n${table(figures.map(({ restart }) => restart))}`);
const peer = options.peer === undefined ? undefined : await measurePeer(options.peer);
if (peer !== undefined) {
  console.log(`\n${table([peer])}`);
  const ours = Number(figures[0]?.rows[0]?.['highest'] ?? Number.NaN);
  console.log(`product / peer: ${(ours / Number(peer['highest'])).toFixed(2)}`);
}
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ figures, peer }, null, 2));
if (
  figures.some(({ rows }) => rows.some((row) => Number(row['failed']) > Number(row['registrations']) / 100))
)
  process.exitCode = 1;
