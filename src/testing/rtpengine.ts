import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../base/index.ts';
import { NgClient } from '../ng/index.ts';

export type RtpengineOptions = {
  /** Where media and ng are; 127.0.0.1 by default. */
  readonly address?: string;
  /** First and last media port; by default 400 somewhere below the ephemeral range. */
  readonly ports?: readonly [first: number, last: number];
  /** Where digits are reported as JSON datagrams. */
  readonly dtmfLog?: { readonly address: string; readonly port: number };
  /** Further options of the daemon, as on its command line. */
  readonly extra?: readonly string[];
};

const MEDIA_PORTS = 400;
const LOWEST_PORT = 12_000;
const HIGHEST_PORT = 32_000;
const READY_MS = 10_000;
const ASK_MS = 50;
const STOP_MS = 3000;
const LOG_LINES = 200;

/** Why rtpengine cannot be run here, undefined if it can. */
export function rtpengineMissing(): string | undefined {
  const found = spawnSync('rtpengine', ['--version'], { encoding: 'utf8' });
  if (found.error === undefined) return undefined;
  return 'rtpengine is not installed (apt-get install rtpengine-daemon)';
}

/**
 * Call it first in a test or hook that needs rtpengine: without it the test is skipped and says why, and with CI=true it
 * fails, so that a runner without rtpengine does not pass unnoticed.
 */
export function needRtpengine(context: Mocha.Context): void {
  const reason = rtpengineMissing();
  if (reason === undefined) return;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stdout.write(`    skipped: ${reason}\n`);
  context.skip();
}

/** A running rtpengine of a test's own: userspace, free ports, a folder for recordings that goes with it. */
export class Rtpengine {
  readonly address: string;
  /** Of the ng protocol over UDP. */
  readonly port: number;
  readonly ports: readonly [number, number];
  /** Recordings end up in `pcaps` under it. */
  readonly folder: string;
  /** What it wrote to its log, the last lines of it. */
  readonly log: string[] = [];
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;

  private constructor(options: RtpengineOptions, port: number) {
    this.address = options.address ?? '127.0.0.1';
    this.port = port;
    this.ports = options.ports ?? somePorts();
    this.folder = mkdtempSync(join(tmpdir(), 'rtpengine-'));
    this.#process = spawn('rtpengine', this.#arguments(options), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#exited = new Promise((resolve) => {
      this.#process.once('close', () => resolve());
      this.#process.once('error', () => resolve());
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log.push(...text.trimEnd().split('\n'));
      this.log.splice(0, this.log.length - LOG_LINES);
    });
  }

  /** Starts the daemon and waits until it answers; rejects with its log if it does not. */
  static async start(options: RtpengineOptions = {}): Promise<Rtpengine> {
    const engine = new Rtpengine(options, await freePort(options.address ?? '127.0.0.1'));
    try {
      await engine.#ready();
      return engine;
    } catch (error) {
      await engine.close();
      throw new Error(`rtpengine does not answer: ${String(error)}\n${engine.log.join('\n')}`, {
        cause: error,
      });
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** A client of this daemon; close it before the daemon. */
  client(): NgClient {
    const { address, port } = this;
    return new NgClient({ address, port, clock: systemClock, random: systemRandom });
  }

  async close(): Promise<void> {
    this.#process.kill('SIGTERM');
    const last = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    await this.#exited;
    clearTimeout(last);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #arguments({ dtmfLog, extra = [] }: RtpengineOptions): string[] {
    return [
      '--config-file=none',
      '--table=-1',
      '--foreground',
      '--log-stderr',
      '--log-level=4',
      `--interface=${this.address}`,
      `--listen-ng=${this.address}:${this.port}`,
      `--port-min=${this.ports[0]}`,
      `--port-max=${this.ports[1]}`,
      '--num-threads=2',
      '--delete-delay=0',
      `--recording-dir=${this.folder}`,
      '--recording-method=pcap',
      '--recording-format=eth',
      ...(dtmfLog === undefined ? [] : [`--dtmf-log-dest=${dtmfLog.address}:${dtmfLog.port}`]),
      ...extra,
    ];
  }

  /** Asks again and again: what is sent before it has its socket is lost. */
  async #ready(): Promise<void> {
    const { address, port } = this;
    const options = { address, port, clock: systemClock, random: systemRandom, timeoutMs: ASK_MS };
    let gone = false;
    void this.#exited.then(() => (gone = true));
    for (const until = performance.now() + READY_MS; performance.now() < until;) {
      const client = new NgClient(options);
      const reply = await client.request('ping').catch(() => undefined);
      await client.close();
      // A pong may be somebody else's, who was quicker to take the port.
      if (gone) throw new Error(`it ended with ${this.#process.exitCode}`);
      if (reply?.['result'] === 'pong') return;
    }
    throw new Error('no answer to ping');
  }
}

/** A range that other tests at the same time hardly take too; what is taken all the same the daemon skips. */
function somePorts(): [number, number] {
  const chunks = (HIGHEST_PORT - LOWEST_PORT) / MEDIA_PORTS;
  const first = LOWEST_PORT + Math.floor(Math.random() * chunks) * MEDIA_PORTS;
  return [first, first + MEDIA_PORTS - 1];
}

function freePort(address: string): Promise<number> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, address, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
