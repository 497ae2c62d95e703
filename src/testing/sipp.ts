import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeTcpPort, missingTool, skipWithout, Tool } from './tool.ts';

export type SippOptions = {
  /** The scenario's file. */
  readonly scenario: string;
  /** Where a calling scenario sends to, and where an answering one's outgoing requests would go. */
  readonly target: { readonly address: string; readonly port: number };
  /** How many calls; 1 by default. An answering scenario ends after as many. */
  readonly calls?: number;
  /** Calls a second. */
  readonly rate?: number;
  readonly protocol?: 'udp' | 'tcp';
  /** Its own port, where a later scenario has to take over from an earlier one; a free one by default. */
  readonly port?: number;
  /** The request's user part (`[service]`). */
  readonly service?: string;
  /** Milliseconds that a call lasts, where the scenario has a pause (`-d`). */
  readonly duration?: number;
  /** Lines of the injection file (`[field0]` and so on), read in order. */
  readonly rows?: readonly (readonly string[])[];
  readonly user?: string;
  readonly password?: string;
  /** Seconds after which it gives up and counts as failed; 30 by default. */
  readonly timeout?: number;
  /** Further options as on its command line. */
  readonly extra?: readonly string[];
};

/** Why SIPp cannot be run here; undefined when it can. */
export const sippMissing = (): string | undefined => missingTool('sipp', 'sip-tester');

/** Call it first in a test or hook that needs SIPp. */
export const needSipp = (context: Mocha.Context): void => skipWithout(context, sippMissing());

const freeUdpPort = (): Promise<number> => {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
};

const START_MS = 5000;
const MESSAGE_LOG_CHARACTERS = 6000;

/** One SIPp of a test's own, its figures and message log in a temporary folder that goes with it. */
export class Sipp {
  readonly port: number;
  readonly #tool: Tool;
  readonly #folder: string;
  readonly #protocol: 'udp' | 'tcp';

  private constructor(options: SippOptions, port: number) {
    this.port = port;
    this.#protocol = options.protocol ?? 'udp';
    this.#folder = mkdtempSync(join(tmpdir(), 'sipp-'));
    this.#tool = new Tool('sipp', this.#arguments(options), { cwd: this.#folder });
  }

  /** Starts a scenario and waits until its port is open. */
  static async start(options: SippOptions): Promise<Sipp> {
    if (!existsSync(options.scenario)) throw new Error(`no scenario ${options.scenario}`);
    const port = options.port ?? (await (options.protocol === 'tcp' ? freeTcpPort() : freeUdpPort()));
    const sipp = new Sipp(options, port);
    try {
      await sipp.#listening();
      return sipp;
    } catch (error) {
      await sipp.close();
      throw error;
    }
  }

  /** Runs a scenario to its end and fails unless every call of it succeeded; gives the port it had. */
  static async run(options: SippOptions): Promise<number> {
    const sipp = await Sipp.start(options);
    try {
      await sipp.succeeded();
      return sipp.port;
    } finally {
      await sipp.close();
    }
  }

  /** Waits for the end; fails, with its last messages, unless every call succeeded. */
  async succeeded(): Promise<void> {
    const code = await this.#tool.ended;
    if (code !== 0) throw this.#complain(`ended with ${code}`);
  }

  get output(): string {
    return this.#tool.output;
  }

  async close(): Promise<void> {
    await this.#tool.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #arguments(options: SippOptions): string[] {
    const { target, calls = 1, rate, service, duration, rows, user, password, timeout = 30 } = options;
    if (rows !== undefined) {
      const lines = ['SEQUENTIAL', ...rows.map((row) => row.join(';')), ''];
      writeFileSync(join(this.#folder, 'rows.csv'), lines.join('\n'));
    }
    const switches: (readonly (string | undefined)[])[] = [
      ['-sf', options.scenario],
      ['-i', '127.0.0.1'],
      ['-p', String(this.port)],
      ['-m', String(calls)],
      ['-t', this.#protocol === 'tcp' ? 't1' : 'u1'],
      ['-timeout', `${timeout}s`],
      ['-r', rate?.toString()],
      ['-s', service],
      ['-d', duration?.toString()],
      ['-inf', rows === undefined ? undefined : 'rows.csv'],
      ['-au', user],
      ['-ap', password],
    ];
    const given = switches.flatMap(([name = '', value]) => (value === undefined ? [] : [name, value]));
    const flags = ['-nostdin', '-skip_rlimit', '-timeout_error', '-trace_err', '-trace_msg'];
    return [`${target.address}:${target.port}`, ...given, ...flags, ...(options.extra ?? [])];
  }

  /** It does not say when its socket is open; the system's table does. */
  async #listening(): Promise<void> {
    const deadline = performance.now() + START_MS;
    const suffix = `:${this.port.toString(16).toUpperCase().padStart(4, '0')} `;
    const open = () => readFileSync(`/proc/net/${this.#protocol}`, 'utf8').includes(suffix);
    while (!open() && !this.#tool.over) {
      if (performance.now() > deadline) throw this.#complain('did not open its port');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #complain(what: string): Error {
    const logs = readdirSync(this.#folder)
      .filter((name) => name.endsWith('.log'))
      .map((name) => readFileSync(join(this.#folder, name), 'utf8').slice(-MESSAGE_LOG_CHARACTERS));
    return new Error(`sipp ${what}: ${this.#tool.command}\n${logs.join('\n')}`);
  }
}
