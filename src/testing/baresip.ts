import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goertzelPower, meanSquare } from '../rtp/index.ts';
import { freeTcpPort, missingTool, skipWithout, Tool } from './tool.ts';

export type BaresipOptions = {
  readonly user: string;
  readonly password?: string;
  /** Where it registers and sends its calls; without one it calls by address. */
  readonly server?: { readonly address: string; readonly port: number };
  readonly domain?: string;
  readonly protocol?: 'udp' | 'tcp';
  readonly displayName?: string;
  /** Hz of the tone it speaks; 440 by default. */
  readonly tone?: number;
  /** Answers by itself. */
  readonly answers?: boolean;
  /** Seconds of its registration. */
  readonly expires?: number;
  /** Further lines of its configuration. */
  readonly config?: readonly string[];
};

/** An event of baresip's: `CALL_ESTABLISHED`, `REGISTER_OK` and so on. */
export type BaresipEvent = {
  readonly type: string;
  readonly direction?: string;
  readonly peeruri?: string;
  readonly param?: string;
};

type Waiter = { readonly holds: () => boolean; readonly resolve: () => void };

const modulePaths = [
  '/usr/lib/baresip/modules',
  '/usr/lib64/baresip/modules',
  '/usr/local/lib/baresip/modules',
];
const modulePath = () => modulePaths.find((path) => existsSync(path));

/** Why baresip cannot be run here; undefined when it can. */
export const baresipMissing = (): string | undefined =>
  missingTool('baresip', 'baresip-core') ??
  (modulePath() === undefined ? `baresip has no modules in ${modulePaths.join(', ')}` : undefined);

/** Call it first in a test or hook that needs baresip. */
export const needBaresip = (context: Mocha.Context): void => skipWithout(context, baresipMissing());

const configuration = (options: BaresipOptions, folder: string, port: number): string =>
  [
    'sip_listen 127.0.0.1:0',
    'net_interface 127.0.0.1',
    `audio_source ausine,${options.tone ?? 440}`,
    // A player that nobody listens to; what is heard is written to a file by the sndfile filter.
    'audio_player aubridge,nobody',
    'audio_alert aubridge,alert',
    'ausrc_srate 48000',
    'ausrc_channels 2',
    'rtp_ports 20000-29999',
    `snd_path ${folder}`,
    `ctrl_tcp_listen 127.0.0.1:${port}`,
    `module_path ${modulePath()}`,
    ...['g711', 'aubridge', 'ausine', 'sndfile'].map((name) => `module ${name}.so`),
    'module_tmp account.so',
    ...['menu', 'ctrl_tcp'].map((name) => `module_app ${name}.so`),
    ...(options.config ?? []),
    '',
  ].join('\n');

const account = (options: BaresipOptions): string => {
  const { user, password, server, displayName, expires = 120 } = options;
  const host = options.domain ?? server?.address ?? '127.0.0.1';
  const transport = `;transport=${options.protocol ?? 'udp'}`;
  return [
    `${displayName === undefined ? '' : `"${displayName}" `}<sip:${user}@${host}${transport}>`,
    ...(password === undefined ? [] : [`auth_user=${user}`, `auth_pass=${password}`]),
    ...(server === undefined ? [] : [`outbound="sip:${server.address}:${server.port}${transport}"`]),
    `regint=${server === undefined ? 0 : expires}`,
    `answermode=${options.answers === true ? 'auto' : 'manual'}`,
    'audio_codecs=PCMU/8000/1,PCMA/8000/1',
  ].join(';');
};

const START_MS = 5000;
const WAIT_MS = 10_000;
const SAMPLE_BYTES = 2;
// How much newly heard sound says that a tone is there now.
const FRESH_MS = 300;

/** A baresip of a test's own: its configuration in a temporary folder, a tone for a microphone, and what it hears recorded. */
export class Baresip {
  readonly user: string;
  readonly events: BaresipEvent[] = [];
  readonly #tool: Tool;
  readonly #folder: string;
  readonly #port: number;
  readonly #waiters = new Set<Waiter>();
  readonly #replies = new Map<string, (data: unknown) => void>();
  #control: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #tokens = 0;

  private constructor(options: BaresipOptions, port: number) {
    this.user = options.user;
    this.#port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'baresip-'));
    writeFileSync(join(this.#folder, 'config'), configuration(options, this.#folder, port));
    writeFileSync(join(this.#folder, 'accounts'), '');
    writeFileSync(join(this.#folder, 'contacts'), '');
    this.#tool = new Tool('baresip', ['-4', '-f', this.#folder]);
  }

  /** Starts it; it registers by itself (`registered()` waits for that). */
  static async start(options: BaresipOptions): Promise<Baresip> {
    const baresip = new Baresip(options, await freeTcpPort());
    try {
      await baresip.#connect();
      // Only now, so that the outcome of its registration is among the events.
      await baresip.command('uanew', account(options));
      return baresip;
    } catch (error) {
      await baresip.close();
      throw error;
    }
  }

  get log(): string {
    return this.#tool.output;
  }

  /** Waits until it has registered; fails when it was refused. */
  async registered(): Promise<void> {
    const seen = (type: string) => this.events.some((e) => e.type === type);
    await this.until(() => seen('REGISTER_OK') || seen('REGISTER_FAIL'), 'its registration');
    if (!seen('REGISTER_OK')) throw this.#complain('was refused by the registrar');
  }

  /** Waits for an event of that type, past ones included; `count` of them when given. */
  async event(type: string, count = 1): Promise<BaresipEvent> {
    const found = () => this.events.filter((e) => e.type === type);
    await this.until(() => found().length >= count, type);
    const event = found()[count - 1];
    if (event === undefined) throw this.#complain(`no ${type}`);
    return event;
  }

  /** Calls a URI, or a number at its domain. */
  dial(target: string): Promise<string> {
    return this.command('dial', target);
  }

  accept(): Promise<string> {
    return this.command('accept');
  }

  hangup(): Promise<string> {
    return this.command('hangup');
  }

  hold(): Promise<string> {
    return this.command('hold');
  }

  resume(): Promise<string> {
    return this.command('resume');
  }

  /** Digits as telephone events (RFC 4733). */
  press(digits: string): Promise<string> {
    return this.command('sndcode', digits);
  }

  /** One command of its menu; resolves with what it says to it. */
  command(command: string, params?: string): Promise<string> {
    const token = String(++this.#tokens);
    const text = JSON.stringify({ command, token, ...(params === undefined ? {} : { params }) });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#replies.delete(token);
        reject(this.#complain(`did not answer to ${command}`));
      }, WAIT_MS);
      this.#replies.set(token, (data) => {
        clearTimeout(timer);
        resolve(typeof data === 'string' ? data : '');
      });
      this.#control?.write(`${Buffer.byteLength(text)}:${text},`);
    });
  }

  /** The share, 0 to 1, of the last `ms` it heard that is a tone of `frequency`, from its recording of the latest call. */
  heardShare(frequency: number, ms = 500): number {
    const heard = this.#recording();
    if (heard === undefined) return 0;
    const { pcm, rate } = heard;
    const count = Math.min(pcm.length, Math.floor((ms * rate) / 1000));
    const span = { from: pcm.length - count, count };
    const power = meanSquare(pcm, span.from, count);
    if (count === 0 || power < 1000) return 0; // silence has no tone
    return goertzelPower(pcm, span, frequency, rate) / power;
  }

  /** Waits until what it hears from now on is that tone. */
  async hears(frequency: number): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    const { pcm, rate } = this.#recording() ?? { pcm: [], rate: 8000 };
    const enough = pcm.length + (FRESH_MS * rate) / 1000;
    const fresh = () => (this.#recording()?.pcm.length ?? 0) >= enough;
    while (!fresh() || this.heardShare(frequency, FRESH_MS) < 0.5) {
      if (performance.now() > deadline) throw this.#complain(`heard no ${frequency} Hz`);
      // The recording is a file of another process: there is nothing to be told by.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  until(holds: () => boolean, what: string, timeout = WAIT_MS): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#complain(`waited ${timeout} ms for ${what}`));
      }, timeout);
      const waiter: Waiter = {
        holds,
        resolve: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  async close(): Promise<void> {
    this.#control?.destroy();
    await this.#tool.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #connect(): Promise<void> {
    const deadline = performance.now() + START_MS;
    while (!(await this.#tryConnect())) {
      if (this.#tool.over || performance.now() > deadline) throw this.#complain('did not start');
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  #tryConnect(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        this.#control = socket;
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => this.#read(chunk));
        resolve(true);
      });
    });
  }

  /** Netstrings of JSON: events and answers. */
  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const length = Number(this.#received.toString('latin1', 0, colon));
      const end = colon + 1 + length;
      if (this.#received.length <= end) return;
      this.#take(JSON.parse(this.#received.toString('utf8', colon + 1, end)) as Record<string, unknown>);
      this.#received = this.#received.subarray(end + 1);
    }
  }

  #take(said: Record<string, unknown>): void {
    if (said['event'] === true) this.events.push(said as BaresipEvent);
    else {
      const token = String(said['token']);
      this.#replies.get(token)?.(said['data']);
      this.#replies.delete(token);
    }
    for (const waiter of this.#waiters) if (waiter.holds()) waiter.resolve();
  }

  /** What came out of the decoder in the latest call; its length in the WAV header is only right once the call ended. */
  #recording(): { readonly pcm: Int16Array; readonly rate: number } | undefined {
    const name = readdirSync(this.#folder)
      .filter((file) => file.startsWith('dump-') && file.endsWith('-dec.wav'))
      .sort()
      .at(-1);
    if (name === undefined) return undefined;
    const bytes = readFileSync(join(this.#folder, name));
    const data = bytes.indexOf('data');
    if (data < 0 || bytes.length < data + 8 + SAMPLE_BYTES) return undefined;
    const samples = Math.floor((bytes.length - data - 8) / SAMPLE_BYTES);
    const pcm = Int16Array.from({ length: samples }, (_, i) =>
      bytes.readInt16LE(data + 8 + i * SAMPLE_BYTES),
    );
    return { pcm, rate: bytes.readUInt32LE(24) };
  }

  #complain(what: string): Error {
    const events = this.events.map((e) => `  ${e.type} ${e.peeruri ?? ''} ${e.param ?? ''}`).join('\n');
    return new Error(`baresip ${this.user} ${what}\n${events}\n${this.log}`);
  }
}
