import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSocket } from 'node:dgram';
import { goertzelPower, meanSquare, WAV_HEADER_LENGTH, wavHeader } from '../rtp/index.ts';
import { missingTool, skipWithout, Tool } from './tool.ts';

export type LinphoneOptions = {
  readonly user: string;
  readonly password: string;
  readonly domain: string;
  readonly server: { readonly address: string; readonly port: number };
  readonly protocol?: 'udp' | 'tcp';
  /** Hz of the tone it speaks; 440 by default. */
  readonly tone?: number;
};

/** Why linphone cannot be run here; undefined when it can. */
export const linphoneMissing = (): string | undefined => missingTool('linphonec', 'linphone-cli');

/** Call it first in a test or hook that needs linphone. */
export const needLinphone = (context: Mocha.Context): void => skipWithout(context, linphoneMissing());

const WAIT_MS = 10_000;
const RATE = 8000;
const TONE_SECONDS = 30;
const AMPLITUDE = 8000;

/** It takes 0 and -1 for "none", so it is given a port that was free a moment ago. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

const configuration = (options: LinphoneOptions, ports: { readonly sip: number; readonly rtp: number }) => {
  const { user, password, domain, server, protocol = 'udp' } = options;
  const proxy = `<sip:${server.address}:${server.port};transport=${protocol}`;
  return [
    '[sip]',
    `sip_port=${protocol === 'udp' ? ports.sip : 0}`,
    `sip_tcp_port=${protocol === 'tcp' ? ports.sip : 0}`,
    'sip_tls_port=0',
    'default_proxy=0',
    'guess_hostname=0',
    `contact=sip:${user}@127.0.0.1`,
    '[net]',
    'stun_server=',
    '[rtp]',
    `audio_rtp_port=${ports.rtp}`,
    '[proxy_0]',
    `reg_proxy=${proxy}>`,
    `reg_route=${proxy};lr>`,
    `reg_identity=sip:${user}@${domain}`,
    'reg_expires=300',
    'reg_sendregister=1',
    'publish=0',
    '[auth_info_0]',
    `username=${user}`,
    `passwd=${password}`,
    `realm=${domain}`,
    `domain=${domain}`,
    '',
  ].join('\n');
};

function toneFile(frequency: number): Buffer {
  const pcm = Buffer.alloc(TONE_SECONDS * RATE * 2);
  for (let i = 0; i < TONE_SECONDS * RATE; i++)
    pcm.writeInt16LE(Math.round(AMPLITUDE * Math.sin((2 * Math.PI * frequency * i) / RATE)), i * 2);
  return Buffer.concat([wavHeader(RATE, 1, pcm.length), pcm]);
}

/** A linphone of a test's own, its console driven by what is typed; a tone for a microphone, and what it hears recorded. */
export class Linphone {
  readonly user: string;
  readonly #tool: Tool;
  readonly #folder: string;
  readonly #waiters = new Set<() => void>();

  private constructor(options: LinphoneOptions, ports: { readonly sip: number; readonly rtp: number }) {
    this.user = options.user;
    this.#folder = mkdtempSync(join(tmpdir(), 'linphone-'));
    mkdirSync(join(this.#folder, '.local/share/linphone'), { recursive: true });
    const file = join(this.#folder, 'linphonerc');
    writeFileSync(file, configuration(options, ports));
    writeFileSync(join(this.#folder, 'tone.wav'), toneFile(options.tone ?? 440));
    this.#tool = new Tool('linphonec', ['-c', file, '-d', '0'], {
      env: { HOME: this.#folder },
      cwd: this.#folder,
      reads: true,
      heard: () => {
        for (const look of this.#waiters) look();
      },
    });
  }

  /** Starts it and waits until it has registered. */
  static async start(options: LinphoneOptions): Promise<Linphone> {
    const linphone = new Linphone(options, { sip: await freeUdpPort(), rtp: await freeUdpPort() });
    try {
      await linphone.says(/linphonec>/);
      linphone.#type('soundcard use files');
      await linphone.says(/Using wav files/);
      linphone.#type(`record ${join(linphone.#folder, 'heard.wav')}`);
      await linphone.#registered();
      return linphone;
    } catch (error) {
      await linphone.close();
      throw error;
    }
  }

  dial(number: string): void {
    this.#type(`call ${number}`);
  }

  /** Waits for a call, and gives who calls as its display shows it. */
  async incoming(): Promise<string> {
    return (await this.says(/Receiving new incoming call from (.*), assigned id/))[1] ?? '';
  }

  answer(): void {
    this.#type('answer');
  }

  hangup(): void {
    this.#type('terminate');
  }

  /** Waits until it shows that the call is up, and speaks its tone. */
  async talks(): Promise<void> {
    await this.says(/Media streams established/);
    this.#type(`play ${join(this.#folder, 'tone.wav')}`);
  }

  async ended(): Promise<string> {
    return (await this.says(/ended \(([^)]*)\)|Call \d+ with .* error/))[1] ?? '';
  }

  /** Waits until what it has heard last is mostly a tone of that frequency. */
  async hears(frequency: number): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (this.#heardShare(frequency) < 0.5) {
      if (performance.now() > deadline) throw this.#complain(`heard no ${frequency} Hz`);
      // The recording is a file of another process: there is nothing to be told by.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until its console has said that. */
  says(what: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = what.exec(this.#tool.output);
        if (found === null) return;
        this.#waiters.delete(look);
        clearTimeout(timer);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        reject(this.#complain(`did not say ${what}`));
      }, WAIT_MS);
      this.#waiters.add(look);
      look();
    });
  }

  async close(): Promise<void> {
    this.#type('quit');
    await this.#tool.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #type(line: string): void {
    this.#tool.write(`${line}\n`);
  }

  async #registered(): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!/registered, identity=/.test(this.#tool.output)) {
      if (this.#tool.over || performance.now() > deadline) throw this.#complain('did not register');
      this.#type('status register');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #heardShare(frequency: number): number {
    let bytes: Buffer;
    try {
      bytes = readFileSync(join(this.#folder, 'heard.wav'));
    } catch {
      return 0;
    }
    // Its header is written last: until then there are as many zeros.
    const samples = Math.floor((bytes.length - WAV_HEADER_LENGTH) / 2);
    const count = Math.min(samples, RATE / 4);
    if (count < RATE / 8) return 0;
    const start = WAV_HEADER_LENGTH + (samples - count) * 2;
    const pcm = Int16Array.from({ length: count }, (_, i) => bytes.readInt16LE(start + i * 2));
    const power = meanSquare(pcm, 0, count);
    return power < 1000 ? 0 : goertzelPower(pcm, { from: 0, count }, frequency, RATE) / power;
  }

  #complain(what: string): Error {
    return new Error(`linphone ${this.user} ${what}\n${this.#tool.output.slice(-4000)}`);
  }
}
