/**
 * A long run at a steady load with live flips: memory, open files and latency shall be flat.
 *
 * npm run bench -- soak [--seconds 1800] [--rate 100] [--flips 1] [--windows 20] [--warm 20] [--json FILE]
 *
 * After --warm seconds, in which the rate rises and most of the code is compiled, calls come at --rate a second (half the
 * highest that `calls` finds is meant) and one call moves between two devices --flips times a second. The drift is the
 * mean of the last quarter of the windows less that of the second quarter: the first quarter warms up. Where the memory is,
 * is asked at the end of the load, before its last calls are forgotten: what each thread's heap has, and how much of that
 * it needs.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Phone } from '../src/testing/phone.ts';
import { freePort } from '../src/testing/free-port.ts';
import { trial } from './lib/load.ts';
import { memoryIn, type Memory } from './lib/memory.ts';
import { cpuOf, memoryOf } from './lib/process.ts';
import { quantile, sipp, type Answer } from './lib/sipp.ts';
import { Lab, productSubject, type Device } from './lib/subjects.ts';
import { table, type Row } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1800' },
    rate: { type: 'string', default: '100' },
    flips: { type: 'string', default: '1' },
    windows: { type: 'string', default: '20' },
    warm: { type: 'string', default: '20' },
    json: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const rate = Number(options.rate);
const windows = Number(options.windows);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

type Sample = { readonly at: number; readonly mb: number; readonly files: number; readonly cpu: number };

const sample = (pid: number): Sample => ({
  at: Date.now(),
  mb: memoryOf(pid) / 1e6,
  files: readdirSync(`/proc/${pid}/fd`).length,
  cpu: cpuOf(pid).total,
});

const open = async (port: number, device: Device): Promise<Phone> => {
  const { extension: name, password } = device;
  const server = { address: '127.0.0.1', port };
  const phone = await Phone.open({ name, password, domain: 'pbx.test', rtp: true, server });
  await phone.register();
  return phone;
};

type Flips = { moved: number; refused: number };

/** Moves one call to and fro until it is told to stop; yields how often. */
const flipping = async (port: number, devices: readonly Device[], until: () => boolean): Promise<Flips> => {
  const phones: Phone[] = [];
  for (const device of devices) phones.push(await open(port, device));
  const [far, ...own] = phones;
  const [first] = own;
  if (far === undefined || first === undefined) return { moved: 0, refused: 0 };
  const flips: Flips = { moved: 0, refused: 0 };
  try {
    const call = await far.invite(first.name);
    let current = await first.incoming();
    await current.answer();
    await call.answered();
    while (!until()) {
      const next = own[(flips.moved + 1) % own.length] as Phone;
      await call.media.rtp.hears(3, (own[flips.moved % own.length] as Phone).name);
      call.media.rtp.packets.length = 0;
      const pulled = await next.invite('*33');
      const taken = await pulled.answered().then(
        () => true,
        () => false,
      );
      if (taken) {
        await current.ended();
        current = pulled;
        flips.moved += 1;
      } else flips.refused += 1;
      await pause(1000 / Number(options.flips));
    }
    await call.hangup();
    return flips;
  } finally {
    for (const phone of phones) await phone.close();
  }
};

const rowsOf = (samples: readonly Sample[], answers: readonly Answer[]): Row[] => {
  // SIPp counts from its own start; the load begins at the first sample.
  const shift = (samples[0]?.at ?? 0) - answers.reduce((first, { at }) => Math.min(first, at), Infinity);
  return samples.slice(1).map((now, i) => {
    const before = samples[i] as Sample;
    const times = answers
      .filter(({ at }) => at + shift >= before.at && at + shift < now.at)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b);
    return {
      minute: (now.at - (samples[0] as Sample).at) / 60_000,
      calls: times.length,
      'p50 ms': quantile(times, 0.5),
      'p99 ms': quantile(times, 0.99),
      MB: now.mb,
      files: now.files,
      'ms/call': ((now.cpu - before.cpu) * 1000) / Math.max(1, times.length),
    };
  });
};

const mean = (rows: readonly Row[], column: string): number =>
  rows.reduce((total, row) => total + Number(row[column]), 0) / Math.max(1, rows.length);

const driftOf = (rows: readonly Row[]): Row => {
  const quarter = Math.max(1, Math.floor(rows.length / 4));
  const [second, last] = [rows.slice(quarter, 2 * quarter), rows.slice(-quarter)];
  const drift = (column: string) => mean(last, column) - mean(second, column);
  return {
    'drift of': 'the last quarter',
    MB: drift('MB'),
    files: drift('files'),
    'p50 ms': drift('p50 ms'),
  };
};

const threadsOf = ({ resident, byThread }: Memory): Row[] => {
  const rows = Object.entries(byThread).map(([thread, { live, committed }]) => ({
    thread,
    'heap MB': committed / 1e6,
    'of that needed': live / 1e6,
  }));
  const heaps = rows.reduce((total, row) => total + row['heap MB'], 0);
  return [...rows, { thread: 'everything else', 'heap MB': resident / 1e6 - heaps, 'of that needed': NaN }];
};

const lab = new Lab();
try {
  const answerPort = await freePort();
  const flips = await productSubject(lab, answerPort, { answerers: 52, devicesEach: 3 });
  const { product } = flips;
  const { pid } = product.running;
  const answerer = await sipp({ scenario: 'answer', target: flips.target, port: answerPort });
  for (const part of [0.1, 0.25, 0.5, 0.75])
    await trial(flips, Math.max(1, Math.round(rate * part)), Number(options.warm) / 4);
  // The last two answerers are those whose call moves; nobody else calls them. SIPp is the first device of each.
  const [farUser, movingUser] = product.answerers.slice(-2);
  const sipPort = Number(flips.target.split(':')[1]);
  let over = false;
  const moved = flipping(sipPort, [...(farUser ?? []).slice(2), ...(movingUser ?? []).slice(1)], () => over);
  const samples = [sample(pid)];
  const { csv } = flips.caller;
  const load = sipp({
    scenario: 'call',
    ...(csv === undefined ? {} : { csv }),
    target: flips.target,
    port: await freePort(),
    rate,
    calls: Math.round(rate * seconds),
    holdMs: 0,
  }).then((run) => run.result());
  for (let i = 0; i < windows; i++) {
    await pause((seconds * 1000) / windows);
    samples.push(sample(pid));
  }
  const result = await load;
  const threads = threadsOf(await memoryIn(product.running));
  over = true;
  const { moved: count, refused } = await moved;
  await answerer.stop();
  const rows = rowsOf(samples, result.answers);
  console.log(table(rows));
  const drift = driftOf(rows);
  console.log(`\n${table([drift])}\n\n${table(threads)}`);
  const failed = Math.max(result.failed, Math.round(rate * seconds) - result.successful);
  console.log(
    `\n${result.successful} calls, ${failed} failed, ${result.retransmissions} retransmissions, ${count} flips, ${refused} refused`,
  );
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      JSON.stringify(
        { rate, seconds, rows, drift, threads, failed, flips: count, flipsRefused: refused },
        null,
        2,
      ),
    );
  if (failed > result.successful / 1000 || count === 0) process.exitCode = 1;
} finally {
  await lab.stop();
}
process.exit();
