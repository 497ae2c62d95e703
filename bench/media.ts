/**
 * Concurrent G.711 calls through a media engine, driven over ng: the embedded relay as a process of its own, and
 * rtpengine beside it in the same run, one after the other at each load. "direct" is the generator sending to itself:
 * what it says of delay is the generator's own, and the added delay is an engine's less that. The engine "node" is the
 * embedded relay with node:dgram in place of io_uring.
 *
 * npm run bench -- media [--seconds 10] [--calls 50,100,200,400] [--most] [--engines embedded,node,rtpengine]
 *                        [--threads 1] [--pin] [--json FILE] [--profile FOLDER]
 *
 * --most goes on with a quarter more calls each time until more than 0.1 % is lost. --pin gives the engine processor 0 and
 * the generator processor 1, so that "one core" means one core. --profile has the embedded relay write CPU profiles, for Chrome's tools.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { NgClient, ngText } from '../src/ng/index.ts';
import { MediaLoad, pause, type LoadFigures } from './lib/media-load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { cpuOf, memoryOf, start, type Running } from './lib/process.ts';
import { table, type Row } from './lib/table.ts';

const root = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    calls: { type: 'string', default: '50,100,200,400' },
    most: { type: 'boolean', default: false },
    engines: { type: 'string', default: 'embedded,rtpengine' },
    threads: { type: 'string', default: '1' },
    pin: { type: 'boolean', default: false },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const names = options.engines.split(',').filter((name) => name !== '');
const FIRST_PORT = 34_000;
const LAST_PORT = 59_998;
const MOST_CALLS = 3000;
const LOSS_LIMIT = 0.001;

type Engine = { readonly name: string; readonly process: Running; readonly ng: NgClient };
type Result = LoadFigures & {
  readonly engine: string;
  readonly calls: number;
  /** Seconds of processor time a second. */
  readonly cores: number;
  readonly megabytes: number;
};

const command = (name: string, port: number): { file: string; args: readonly string[] } => {
  const ports = [FIRST_PORT, LAST_PORT];
  if (name === 'rtpengine') {
    const args = ['--config-file=none', '--table=-1', '--foreground', '--log-stderr', '--log-level=4'];
    const media = [`--port-min=${ports[0]}`, `--port-max=${ports[1]}`, `--num-threads=${options.threads}`];
    const where = ['--interface=127.0.0.1', `--listen-ng=127.0.0.1:${port}`, '--delete-delay=0'];
    return { file: 'rtpengine', args: [...args, ...media, ...where] };
  }
  const profile = options.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profile];
  const listen = ['--listen', `127.0.0.1:${port}`, '--ports', ports.join('-'), '--threads', options.threads];
  const io = ['--io', name === 'node' ? 'node' : 'auto'];
  return { file: process.execPath, args: [...profile, 'src/media/standalone.ts', ...listen, ...io] };
};

const startEngine = async (name: string): Promise<Engine> => {
  const port = await freePort();
  const { file, args } = command(name, port);
  const pinned = options.pin ? { file: 'taskset', args: ['-c', '0', file, ...args] } : { file, args };
  const running = await start(pinned.file, pinned.args, { cwd: root });
  running.ended.catch(() => undefined);
  const ng = new NgClient({ address: '127.0.0.1', port, clock: systemClock, random: systemRandom });
  await ng.request('ping');
  return { name, process: running, ng };
};

const portOf = (sdp: string | undefined): number => Number(/^m=audio (\d+)/m.exec(sdp ?? '')?.[1] ?? 0);

/** Sets up call `n` between streams 2n and 2n+1 and gives the ports that they send to. */
const setUp = async (ng: NgClient, load: MediaLoad, n: number): Promise<[number, number]> => {
  const party = { 'call-id': `bench-${n}`, 'from-tag': `a${n}`, replace: ['origin'], ICE: 'remove' };
  const offer = await ng.request('offer', { ...party, sdp: load.sdp(2 * n) });
  const answer = await ng.request('answer', { ...party, 'to-tag': `b${n}`, sdp: load.sdp(2 * n + 1) });
  const ports: [number, number] = [portOf(ngText(answer, 'sdp')), portOf(ngText(offer, 'sdp'))];
  if (ports.includes(0)) throw new Error(`call ${n} was refused: ${JSON.stringify([offer, answer])}`);
  return ports;
};

const tearDown = async (ng: NgClient, calls: number): Promise<void> => {
  for (let n = 0; n < calls; n += 1) await ng.request('delete', { 'call-id': `bench-${n}` });
};

/** `calls` calls through an engine, or through nothing at all. */
const run = async (engine: Engine | undefined, calls: number): Promise<Result> => {
  const load = await MediaLoad.open();
  try {
    for (let n = 0; n < calls; n += 1) {
      const ports = engine ? await setUp(engine.ng, load, n) : [load.port(2 * n + 1), load.port(2 * n)];
      for (const port of ports) load.add(port);
    }
    load.start();
    await pause(1000);
    const pid = engine?.process.pid ?? process.pid;
    const before = cpuOf(pid).total;
    const began = performance.now();
    let cores = 0;
    const read = () => {
      cores = (cpuOf(pid).total - before) / ((performance.now() - began) / 1000);
    };
    const reading = setTimeout(read, seconds * 1000 - 20);
    const figures = await load.measure(seconds);
    clearTimeout(reading);
    return { engine: engine?.name ?? 'direct', calls, cores, megabytes: memoryOf(pid) / 1e6, ...figures };
  } finally {
    await load.close();
    if (engine) await tearDown(engine.ng, calls);
  }
};

const rowOf = (result: Result, direct: Result, peer: Result | undefined): Row => {
  const added = { p50: result.p50 - direct.p50, p99: result.p99 - direct.p99 };
  const perCall = (result.cores / result.calls) * 100;
  return {
    calls: result.calls,
    engine: result.engine,
    'lost %': (result.lost / Math.max(1, result.sent)) * 100,
    'core %': result.cores * 100,
    'core % a call': perCall.toFixed(3),
    'p50 ms': result.p50,
    'p99 ms': result.p99,
    'added p50': result === direct ? '' : added.p50.toFixed(2),
    'added p99': result === direct ? '' : added.p99.toFixed(2),
    MB: Math.round(result.megabytes),
    'generator late p99': result.late99,
    'CPU : rtpengine': peer && result !== direct ? (result.cores / peer.cores).toFixed(2) : '',
  };
};

const results: Result[] = [];
const report = (calls: number): void => {
  const at = results.filter((result) => result.calls === calls);
  const direct = at.find((result) => result.engine === 'direct');
  const peer = at.find((result) => result.engine === 'rtpengine');
  if (direct) console.log(`${table(at.map((result) => rowOf(result, direct, peer)))}\n`);
};

/** One load on the generator alone and on each engine; gives the engines that carried it. */
const round = async (engines: readonly Engine[], calls: number): Promise<Engine[]> => {
  const carried: Engine[] = [];
  results.push(await run(undefined, calls));
  for (const engine of engines) {
    const result = await run(engine, calls);
    results.push(result);
    if (result.lost <= result.sent * LOSS_LIMIT) carried.push(engine);
  }
  report(calls);
  return carried;
};

const pinGenerator = (): void => {
  if (options.pin) spawnSync('taskset', ['-a', '-p', '-c', '1', String(process.pid)]);
};

const main = async (): Promise<void> => {
  pinGenerator();
  const engines: Engine[] = [];
  try {
    for (const name of names) engines.push(await startEngine(name));
    const loads = options.calls.split(',').map(Number);
    let carried: Engine[] = engines;
    for (const calls of loads) carried = await round(engines, calls);
    const most = new Map(carried.map((engine) => [engine.name, loads.at(-1) ?? 0]));
    for (let calls = loads.at(-1) ?? 0; options.most && carried.length > 0;) {
      calls = Math.ceil(calls * 1.25);
      if (calls > MOST_CALLS) break;
      carried = await round(carried, calls);
      for (const engine of carried) most.set(engine.name, calls);
    }
    for (const [name, calls] of options.most ? most : [])
      console.log(`most with less than ${LOSS_LIMIT * 100} % lost: ${name} ${calls}`);
  } finally {
    for (const { ng, process } of engines) {
      await ng.close();
      await process.stop();
    }
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  const broken = results.find((result) => result.engine === 'direct' && result.lost > 0);
  if (broken)
    console.log(
      `the generator itself lost ${broken.lost} packets at ${broken.calls} calls: it is the limit there`,
    );
};

await main();
