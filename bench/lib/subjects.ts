import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Subject } from './load.ts';
import { freePort } from '../../src/testing/free-port.ts';
import { start, type Running } from './process.ts';
import { sipp } from './sipp.ts';

const root = resolve(import.meta.dirname, '..', '..');
const probe = resolve(import.meta.dirname, 'memory-probe.ts');
const domain = 'pbx.test';
/** What a trunk's calls are to. */
const number = '+15550100';

/** What a benchmark has started, and a folder of its own; `stop` ends and removes all of it. */
export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'bench-'));
  readonly #running: Running[] = [];
  readonly #profile: string | undefined;

  /** With `profile`, the programs write CPU profiles of their threads to that folder when they end. */
  constructor(profile?: string) {
    this.#profile = profile === undefined ? undefined : resolve(profile);
  }

  /** Runs a TypeScript program of this package until `ready` is in its output. */
  async node(args: readonly string[], ready: RegExp): Promise<Running> {
    const profile = this.#profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', this.#profile];
    const running = await start(process.execPath, [...profile, ...args], { cwd: root, ready });
    this.#running.push(running);
    return running;
  }

  async stop(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- in the opposite order
    for (const running of this.#running.splice(0).toReversed()) await running.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export type Device = { readonly user: string; readonly extension: string; readonly password: string };

export type ProductOptions = {
  readonly callers: number;
  readonly answerers: number;
  /** Devices of each answerer. */
  readonly devicesEach?: number;
  readonly mediaPorts?: readonly [number, number];
  /** Callers come from a trunk at this port, which needs no password. */
  readonly trunkPort?: number;
  /** Laid over the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
};

export type Product = {
  readonly target: string;
  readonly http: string;
  readonly running: Running;
  readonly callers: readonly Device[];
  /** By answerer. */
  readonly answerers: readonly (readonly Device[])[];
  /** Starts it again as it was; resolves with the milliseconds until it is ready. */
  restart(): Promise<{ readonly product: Product; readonly ms: number }>;
};

const devices = (user: number, count: number): Device[] =>
  Array.from({ length: count }, (_, n) => ({
    user: String(user),
    extension: `${user}${n + 1}`,
    password: `secret-${user}${n + 1}`,
  }));

const userOf = (list: readonly Device[]) => ({
  extension: list[0]?.user ?? '',
  name: `User ${list[0]?.user}`,
  devices: list.map(({ extension, password }) => ({ extension, name: 'Phone', password })),
});

const limits = {
  // One address plays everybody here, so what one address may do is raised out of the way.
  unauthenticatedPerSecond: 100_000,
  unauthenticatedBurst: 1_000_000,
  callsPerSecond: 100_000,
  callBurst: 1_000_000,
  callsPerUser: 10_000,
};

/** The whole program with users for the load, as a process of its own. */
export const startProduct = async (lab: Lab, options: ProductOptions): Promise<Product> => {
  const [sip, http] = [await freePort(), await freePort()];
  const callers = Array.from({ length: options.callers }, (_, i) => devices(1_000_000 + i, 1)).flat();
  const answerers = Array.from({ length: options.answerers }, (_, i) =>
    devices(2_000_000 + i, options.devicesEach ?? 1),
  );
  const { trunkPort, mediaPorts = [10_000, 29_998] } = options;
  const config = {
    domain,
    data: join(lab.folder, 'data'),
    signaling: { engine: 'embedded', listen: [`udp:127.0.0.1:${sip}`] },
    media: { engine: 'embedded', address: '127.0.0.1', ports: mediaPorts },
    http: { listen: `127.0.0.1:${http}`, adminToken: 'bench' },
    limits,
    registrar: { algorithms: ['MD5'], bindings: 1_000_000 },
    users: [...callers.map((device) => [device]), ...answerers].map(userOf),
    trunks:
      trunkPort === undefined
        ? []
        : [{ name: 'bench', host: `127.0.0.1:${trunkPort}`, numbers: { [number]: answerers[0]?.[0]?.user } }],
    ...options.config,
  };
  const file = join(lab.folder, 'config.json');
  writeFileSync(file, JSON.stringify(config));
  const run = async (): Promise<Product> => {
    const args = ['--import', probe, 'src/main.ts', '--config', file];
    const running = await lab.node(args, /"msg":"ready"/);
    const product: Product = {
      target: `127.0.0.1:${sip}`,
      http: `http://127.0.0.1:${http}`,
      running,
      callers,
      answerers,
      restart: async () => {
        await running.stop();
        const began = performance.now();
        const again = await run();
        return { product: again, ms: performance.now() - began };
      },
    };
    return product;
  };
  return await run();
};

const credentials = ({ extension, password }: Device): string =>
  `${extension};[authentication username=${extension} password=${password}];${domain}`;

/** A file for SIPp's `-inf`: one line a device, with whom it calls when that is given. */
export const devicesFile = (
  lab: Lab,
  name: string,
  list: readonly Device[],
  called: readonly string[] = [],
): string => {
  const file = join(lab.folder, `${name}.csv`);
  const lines = list.map((device, i) => `${credentials(device)};${called[i] ?? ''}`);
  writeFileSync(file, `SEQUENTIAL\n${lines.join('\n')}\n`);
  return file;
};

/** Registers devices at a port of this machine; throws when one was refused. */
export const registerAt = async (lab: Lab, target: string, port: number, list: readonly Device[]) => {
  const csv = devicesFile(lab, `register-${port}`, list);
  const { successful } = await (
    await sipp({ scenario: 'register', target, port, csv, rate: 200, calls: list.length })
  ).result();
  if (successful < list.length) throw new Error(`only ${successful} of ${list.length} devices registered`);
};

/** Media engines as processes of their own, each at an address of this machine, and how the product is told of them. */
export const mediaEngines = async (
  lab: Lab,
  count: number,
): Promise<{ readonly running: readonly Running[]; readonly config: object }> => {
  const dtmfLog = `127.0.0.1:${await freePort()}`;
  const running: Running[] = [];
  const nodes: string[] = [];
  for (let i = 0; i < count; i++) {
    const node = `127.0.0.1:${await freePort()}`;
    const media = ['--address', `127.0.0.${i + 2}`, '--ports', '10000-32766', '--dtmf-log', dtmfLog];
    const args = ['--import', probe, 'src/media/standalone.ts', '--listen', node, '--threads', '1', ...media];
    running.push(await lab.node(args, /"msg":"ready"/));
    nodes.push(node);
  }
  return { running, config: { engine: 'rtpengine', nodes, dtmfLog } };
};

/** The product with one device an answerer, all at `answerPort`; each caller calls an answerer of its own. */
export const productSubject = async (
  lab: Lab,
  answerPort: number,
  options: Partial<ProductOptions> = {},
): Promise<Subject & { readonly product: Product }> => {
  const product = await startProduct(lab, { callers: 50, answerers: 50, ...options });
  await registerAt(
    lab,
    product.target,
    answerPort,
    product.answerers.flatMap((list) => list.slice(0, 1)),
  );
  const called = product.answerers.map((list) => list[0]?.user ?? '');
  const withDigest = options.trunkPort === undefined;
  const csv = devicesFile(lab, 'callers', product.callers, called);
  return {
    name: withDigest ? 'whole product' : 'whole product, no digest',
    target: product.target,
    caller: withDigest
      ? { scenario: 'call', csv }
      : { scenario: 'call-plain', localPort: options.trunkPort, extra: ['-s', number] },
    processes: { product: product.running.pid },
    product,
  };
};

/** An application that answers nothing itself: each INVITE is bridged to the answerer. */
const application = async (lab: Lab, admin: string, secret: string, answerPort: number): Promise<Running> => {
  const [host = '', port = ''] = admin.split(':');
  const args = ['bench/lib/b2bua-app.ts', host, port, secret, `sip:answer@127.0.0.1:${answerPort}`];
  return await lab.node(args, /connected/);
};

/** The signaling engine alone, under drachtio-srf's `createB2BUA`. */
export const engineSubject = async (lab: Lab, answerPort: number): Promise<Subject> => {
  const [sip, admin] = [await freePort(), await freePort()];
  const listen = ['--listen', `udp:127.0.0.1:${sip}`, '--admin', `127.0.0.1:${admin}`, '--secret', 'cymru'];
  const engine = await lab.node(['src/drachtio/standalone.ts', ...listen], /ready|listening/i);
  const app = await application(lab, `127.0.0.1:${admin}`, 'cymru', answerPort);
  return {
    name: 'engine + createB2BUA',
    target: `127.0.0.1:${sip}`,
    caller: { scenario: 'call-plain' },
    processes: { signaling: engine.pid, app: app.pid },
  };
};

/** The process that has a UDP port of this machine open; undefined when it is nobody's that we may look at. */
export const pidAt = async (address: string): Promise<number | undefined> => {
  const port = address.slice(address.lastIndexOf(':') + 1);
  const found = await start('ss', ['-Hulpn', `sport = :${port}`]);
  await found.ended;
  const pid = /pid=(\d+)/.exec(found.output())?.[1];
  return pid === undefined ? undefined : Number(pid);
};

/**
 * A peer that runs already. `ADMIN_HOST:PORT:SECRET@HOST:PORT` is a drachtio-server, which gets the same application;
 * `HOST:PORT` any SIP server that routes what it gets to the answerer, whose port then is `--answer-port`.
 */
export const peerSubject = async (lab: Lab, peer: string, answerPort: number): Promise<Subject> => {
  const [control = '', sip] = peer.split('@');
  const target = sip ?? peer;
  const pid = await pidAt(target);
  const server: Record<string, number> = pid === undefined ? {} : { signaling: pid };
  if (sip === undefined)
    return { name: 'peer', target, caller: { scenario: 'call-plain' }, processes: server };
  const at = control.lastIndexOf(':');
  const app = await application(lab, control.slice(0, at), control.slice(at + 1), answerPort);
  return {
    name: 'peer + createB2BUA',
    target,
    caller: { scenario: 'call-plain' },
    processes: { ...server, app: app.pid },
  };
};
