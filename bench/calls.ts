/**
 * Calls a second: SIPp caller and answerer through the whole product (digest, media anchored, no RTP sent), beside a plain
 * createB2BUA application on the embedded signaling engine alone and, where an address is given, on drachtio-server.
 *
 * npm run bench -- calls [--seconds 10] [--rate 200] [--from 100] [--only engine,peer]
 *   [--peer 127.0.0.1:9022:cymru@127.0.0.1:5060] [--json FILE]
 *
 * Without --rate the highest clean rate is found by bisection. CPU is per call, by process.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { highestRate, rowOf, trial, type Subject, type Trial } from './lib/load.ts';
import { freePort, start, type Running } from './lib/process.ts';
import { sipp } from './lib/sipp.ts';
import { table } from './lib/table.ts';

const root = resolve(import.meta.dirname, '..');
const users = 50;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string' },
    from: { type: 'string', default: '100' },
    peer: { type: 'string' },
    only: { type: 'string', default: 'product,engine,peer' },
    json: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const running: Running[] = [];
const folder = mkdtempSync(join(tmpdir(), 'bench-calls-'));
const keep = (r: Running): Running => {
  running.push(r);
  return r;
};
const node = (args: readonly string[], ready: RegExp): Promise<Running> =>
  start(process.execPath, args, { cwd: root, ready });

/** An application that answers nothing itself: each INVITE is bridged to the answerer. */
const application = async (admin: string, secret: string, answerPort: number): Promise<Running> => {
  const [host = '', port = ''] = admin.split(':');
  const args = ['bench/lib/b2bua-app.ts', host, port, secret, `sip:answer@127.0.0.1:${answerPort}`];
  return keep(await node(args, /connected/));
};

const engineAlone = async (answerPort: number): Promise<Subject> => {
  const [sip, admin] = [await freePort(), await freePort()];
  const engine = keep(
    await node(
      [
        'src/drachtio/standalone.ts',
        '--listen',
        `udp:127.0.0.1:${sip}`,
        '--admin',
        `127.0.0.1:${admin}`,
        '--secret',
        'cymru',
      ],
      /ready|listening/i,
    ),
  );
  const app = await application(`127.0.0.1:${admin}`, 'cymru', answerPort);
  return {
    name: 'engine + createB2BUA',
    target: `127.0.0.1:${sip}`,
    caller: { scenario: 'call-plain' },
    processes: { signaling: engine.pid, app: app.pid },
  };
};

const peerAlone = async (peer: string, answerPort: number): Promise<Subject> => {
  const [control = '', sip = ''] = peer.split('@');
  const at = control.lastIndexOf(':');
  const app = await application(control.slice(0, at), control.slice(at + 1), answerPort);
  return {
    name: 'peer + createB2BUA',
    target: sip,
    caller: { scenario: 'call-plain' },
    processes: { app: app.pid },
  };
};

const user = (extension: number) => ({
  extension: String(extension),
  name: `User ${extension}`,
  pin: '1234',
  devices: [{ extension: `${extension}1`, name: 'Phone', password: `secret-${extension}` }],
});

const product = async (answerPort: number): Promise<Subject> => {
  const [sip, http] = [await freePort(), await freePort()];
  const callers = Array.from({ length: users }, (_, i) => user(1000 + i));
  const answerers = Array.from({ length: users }, (_, i) => user(2000 + i));
  const config = {
    domain: 'pbx.test',
    data: join(folder, 'data'),
    signaling: { engine: 'embedded', listen: [`udp:127.0.0.1:${sip}`] },
    media: { engine: 'embedded', address: '127.0.0.1', ports: [30000, 39999] },
    http: { listen: `127.0.0.1:${http}`, adminToken: 'bench' },
    // One address plays everybody here, so what one address may do is raised out of the way.
    limits: {
      unauthenticatedPerSecond: 100_000,
      unauthenticatedBurst: 1_000_000,
      callsPerSecond: 100_000,
      callBurst: 1_000_000,
      callsPerUser: 10_000,
    },
    registrar: { algorithms: ['MD5'] },
    users: [...callers, ...answerers],
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const main = keep(await node(['src/main.ts', '--config', join(folder, 'config.json')], /"msg":"ready"/));
  const line = (u: ReturnType<typeof user>, called: string) => {
    const { extension, password } = u.devices[0] ?? { extension: '', password: '' };
    return `${extension};[authentication username=${extension} password=${password}];pbx.test;${called}`;
  };
  const csv = join(folder, 'callers.csv');
  writeFileSync(
    csv,
    ['SEQUENTIAL', ...callers.map((u, i) => line(u, answerers[i]?.extension ?? ''))].join('\n') + '\n',
  );
  const devices = join(folder, 'answerers.csv');
  writeFileSync(devices, ['SEQUENTIAL', ...answerers.map((u) => line(u, ''))].join('\n') + '\n');
  const target = `127.0.0.1:${sip}`;
  const registered = await (
    await sipp({ scenario: 'register', target, port: answerPort, csv: devices, rate: 50, calls: users })
  ).result();
  if (registered.successful < users)
    throw new Error(`only ${registered.successful} of ${users} devices registered`);
  return {
    name: 'whole product',
    target,
    caller: { scenario: 'call', csv },
    processes: { product: main.pid },
  };
};

const measure = async (
  make: (answerPort: number) => Promise<Subject>,
): Promise<[string, Trial] | undefined> => {
  const answerPort = await freePort();
  const subject = await make(answerPort);
  const answerer = await sipp({ scenario: 'answer', target: subject.target, port: answerPort });
  await trial(subject, 20, 1);
  const say = (t: Trial) => console.error(`${subject.name}: ${t.rate}/s ${t.good ? 'clean' : 'not clean'}`);
  const best =
    options.rate === undefined
      ? await highestRate(subject, Number(options.from), seconds, say)
      : await trial(subject, Number(options.rate), seconds);
  await answerer.stop();
  for (const r of running.splice(0).toReversed()) await r.stop();
  return best === undefined ? undefined : [subject.name, best];
};

try {
  const { peer, only } = options;
  const subjects: ((answerPort: number) => Promise<Subject>)[] = [];
  if (only.includes('product')) subjects.push(product);
  if (only.includes('engine')) subjects.push(engineAlone);
  if (peer !== undefined && only.includes('peer')) subjects.push((port) => peerAlone(peer, port));
  const results: [string, Trial][] = [];
  for (const make of subjects) {
    const result = await measure(make);
    if (result !== undefined) results.push(result);
  }
  console.log(table(results.map(([name, t]) => rowOf(name, t))));
  const rates = new Map(results.map(([name, t]) => [name, t.rate]));
  const [engine, other] = [rates.get('engine + createB2BUA'), rates.get('peer + createB2BUA')];
  if (engine !== undefined && other !== undefined)
    console.log(`engine / peer: ${(engine / other).toFixed(2)}`);
  if (options.json !== undefined)
    writeFileSync(options.json, JSON.stringify(Object.fromEntries(results), null, 2));
  if (results.some(([, t]) => t.calls > 0 && t.failed > t.calls / 100)) process.exitCode = 1;
} finally {
  for (const r of running.toReversed()) await r.stop();
  rmSync(folder, { recursive: true, force: true });
}
