import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Rtpengine } from '../../src/testing/index.ts';
import { Phone } from '../../src/testing/phone.ts';
import { freePort } from '../../src/testing/free-port.ts';
import { start, type Running } from './process.ts';

const root = resolve(import.meta.dirname, '..', '..');
/** Four ports a call. */
const mediaPorts = [12_000, 29_998] as const;
const password = 'bench-password';
export const domain = 'pbx.test';

const user = (extension: string, ...devices: readonly string[]) => ({
  extension,
  name: `User ${extension}`,
  devices: devices.map((device) => ({ extension: device, name: device, password })),
});

/** Who calls whom in the background: device 5000+n calls device 6000+n. */
const pair = (n: number): readonly [string, string] => [String(5000 + n), String(6000 + n)];

/** The whole program as a process of its own, on either media engine, with users for `background` calls. */
export class FlipLab {
  readonly port: number;
  readonly #program: Running;
  readonly #engine: Rtpengine | undefined;
  readonly #folder: string;

  private constructor(parts: {
    readonly port: number;
    readonly program: Running;
    readonly engine: Rtpengine | undefined;
    readonly folder: string;
  }) {
    this.port = parts.port;
    this.#program = parts.program;
    this.#engine = parts.engine;
    this.#folder = parts.folder;
  }

  static async start(engineName: string, background: number): Promise<FlipLab> {
    const folder = mkdtempSync(join(tmpdir(), 'flip-bench-'));
    const [port, http, dtmf] = [await freePort(), await freePort(), await freePort()];
    const engine =
      engineName === 'rtpengine'
        ? await Rtpengine.start({ dtmfLog: { address: '127.0.0.1', port: dtmf }, ports: mediaPorts })
        : undefined;
    const pairs = Array.from({ length: background }, (_, n) => pair(n));
    const config = {
      domain,
      data: join(folder, 'data'),
      signaling: { engine: 'embedded', listen: [`udp:127.0.0.1:${port}`] },
      media:
        engine === undefined
          ? { engine: 'embedded', address: '127.0.0.1' }
          : {
              engine: 'rtpengine',
              nodes: [`${engine.address}:${engine.port}`],
              dtmfLog: `127.0.0.1:${dtmf}`,
            },
      http: { listen: `127.0.0.1:${http}`, adminToken: 'bench' },
      log: { level: 'warn' },
      limits: { callsPerSecond: 10_000, callBurst: 10_000 },
      users: [
        user('100', '1001', '1002'),
        user('200', '2001'),
        ...pairs.flatMap(([a, b]) => [user(`8${a}`, a), user(`9${b}`, b)]),
      ],
    };
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config));
    const program = await start(process.execPath, ['src/main.ts', '--config', file], { cwd: root });
    program.ended.catch(() => undefined);
    await answers(`http://127.0.0.1:${http}/healthz`, program);
    return new FlipLab({ port, program, engine, folder });
  }

  phone(name: string): Promise<Phone> {
    return openPhone(this.port, name);
  }

  /** Has `count` calls with audio both ways go on, from a process of their own, until what is returned is called. */
  async background(count: number): Promise<() => Promise<void>> {
    if (count === 0) return () => Promise.resolve();
    const script = join(import.meta.dirname, 'flip-background.ts');
    const callers = await start(process.execPath, [script, String(this.port), String(count)], {
      ready: /talking/,
    });
    return () => callers.stop();
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    await this.#engine?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function openPhone(port: number, name: string): Promise<Phone> {
  const server = { address: '127.0.0.1', port };
  const phone = await Phone.open({ name, password, domain, rtp: true, server });
  await phone.register();
  return phone;
}

async function answers(url: string, program: Running): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.status === 200) return;
    if (program.child.exitCode !== null) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`the switch did not start:\n${program.output()}`);
}

/** Calls between the pairs, all of them talking when this resolves. What they hear is counted and thrown away. */
export async function backgroundCalls(port: number, count: number): Promise<readonly Phone[]> {
  const phones: Phone[] = [];
  for (let n = 0; n < count; n++) {
    const [a, b] = pair(n);
    const [caller, callee] = [await openPhone(port, a), await openPhone(port, b)];
    callee.behaviour.answers = true;
    const call = await caller.invite(b);
    await call.answered();
    await call.media.rtp.hears(2, b);
    phones.push(caller, callee);
  }
  return phones;
}
