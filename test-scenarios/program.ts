import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../src/testing/http-client.ts';
import { Phone, type PhoneOptions } from '../src/testing/phone.ts';

const main = join(import.meta.dirname, '../src/main.ts');
export const token = 'a-token-for-this-test';

/** Waits for a fact. */
export async function until(what: string, look: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await look())) {
    assert.ok(performance.now() < end, `never came true: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

const bound = (server: Socket | Server, listen: (done: () => void) => void): Promise<boolean> =>
  new Promise((done) => {
    server.once('error', () => done(false));
    listen(() => server.close(() => done(true)));
  });

/**
 * A UDP and TCP port of 127.0.0.1 that is free, for what has to be found again after a restart. It is below the ports
 * that the system gives away by itself, so that no phone of a test is given it while the program is down.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 7000 + Math.floor(Math.random() * 5000);
    const udp = createSocket('udp4');
    const tcp = createServer();
    if (!(await bound(udp, (done) => udp.bind(port, '127.0.0.1', done)))) continue;
    if (await bound(tcp, (done) => tcp.listen(port, '127.0.0.1', done))) return port;
  }
}

/** The program in a process of its own, which can be killed and started again on the same data and the same SIP port. */
export class Program {
  readonly folder: string;
  readonly port: number;
  readonly #config: object;
  readonly #phones: Phone[] = [];
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #http = '';
  #log = '';

  private constructor(port: number, config: object) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'flipswitch-program-'));
    this.#config = config;
  }

  /** `config` is laid over what every such program has: domain, data folder, listeners for UDP and TCP, token. */
  static async create(config: object): Promise<Program> {
    return new Program(await freePort(), config);
  }

  /** What the program that runs now, or ran last, has logged. */
  get log(): string {
    return this.#log;
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** Where its API is. */
  get server(): string {
    return `http://${this.#http}`;
  }

  get admin(): Client {
    return new Client(this.server, token);
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const file = join(this.folder, 'flipswitch.json');
    const config = {
      domain: 'pbx.test',
      data: this.data,
      signaling: { listen: [`udp:127.0.0.1:${this.port}`, `tcp:127.0.0.1:${this.port}`] },
      media: { address: '127.0.0.1', ports: [43_000, 43_999] },
      http: { listen: '127.0.0.1:0', adminToken: token },
      ...this.#config,
    };
    writeFileSync(file, JSON.stringify(config));
    this.#log = '';
    const child = spawn(process.execPath, [main, '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    child.stdout.on('data', (data: Buffer) => (this.#log += data.toString()));
    this.#exited = new Promise((done) => child.once('close', done));
    await until('ready', () => this.#log.includes('"msg":"ready"') || child.exitCode !== null);
    const ready = this.#log.split('\n').find((line) => line.includes('"msg":"ready"'));
    assert.ok(ready, `it ended: ${this.#log}`);
    this.#http = (JSON.parse(ready) as { readonly http: string }).http;
  }

  /** `kill -9`: nothing of it gets a chance to write anything more. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    await this.#exited;
  }

  /** As an operator stops it. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    this.#child = undefined;
    await this.#exited;
  }

  /** A registered phone; it lives through a restart of the program. */
  async phone(name: string, options: PhoneOptions = {}): Promise<Phone> {
    const phone = await Phone.open({
      name,
      password: `secret-${name}`,
      domain: 'pbx.test',
      server: { address: '127.0.0.1', port: this.port },
      ...options,
    });
    this.#phones.push(phone);
    await phone.register();
    return phone;
  }

  /** Ends everything and leaves nothing behind. */
  async close(): Promise<void> {
    await this.kill();
    for (const phone of this.#phones) await phone.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A user with devices whose passwords are `secret-EXTENSION`. */
export const user = (extension: string, ...devices: readonly string[]) => ({
  extension,
  name: `User ${extension}`,
  devices: devices.map((device) => ({ extension: device, name: device, password: `secret-${device}` })),
});
