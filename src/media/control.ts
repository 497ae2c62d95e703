import type { Clock, Logger } from '../base/index.ts';
import { bindDatagram, type DatagramSocket } from '../net/index.ts';
import { ngError, ngText, NgServer, type NgDictionary } from '../ng/index.ts';
import { callId } from './commands/refusal.ts';
import type { MediaEngineOptions } from './options.ts';
import type { RelayThreadOptions } from './protocol.ts';
import { RelayThread } from './relay-thread.ts';
import { CommandStatistics, mergeStatistics } from './statistics.ts';

/** Commands that make a call where there is none. */
const makers = new Set(['offer', 'publish', 'create']);
const MOST_CALLS_LISTED = 32;

/**
 * The ng side of the engine: takes the commands and hands each to the relay thread that has its call. A new call
 * goes to the thread that has the fewest. A thread that dies takes its own calls with it, is replaced, and each lost
 * call is announced.
 */
export class Control {
  readonly #options: MediaEngineOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #server: NgServer;
  readonly #threads: RelayThread[] = [];
  readonly #homes = new Map<string, RelayThread>();
  readonly #statistics: CommandStatistics;
  readonly #log: DatagramSocket | undefined;
  #tcp: number | undefined;
  #webSocket: number | undefined;
  #closing = false;

  private constructor(options: MediaEngineOptions, clock: Clock, logger: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#statistics = new CommandStatistics(clock);
    const { listen, dtmfLog } = options;
    if (dtmfLog !== undefined)
      this.#log = bindDatagram({ address: dtmfLog.address.includes(':') ? '::' : '0.0.0.0', port: 0 });
    this.#server = new NgServer({ ...listen, clock, logger, handle: (request) => this.#handle(request) });
  }

  /** Resolves once commands are answered; rejects where an address cannot be bound or a thread does not start. */
  static async start(options: MediaEngineOptions, clock: Clock, logger: Logger): Promise<Control> {
    const control = new Control(options, clock, logger);
    try {
      const count = Math.max(1, options.threads);
      for (let i = 0; i < count; i++) control.#threads.push(control.#spawn(i, count));
      await Promise.all(control.#threads.map((thread) => thread.ready));
      await control.#listen(options);
    } catch (error) {
      await control.close();
      throw error;
    }
    return control;
  }

  get address(): string {
    return this.#server.address;
  }

  get port(): number {
    return this.#server.port;
  }

  async #listen({ listenTcp, listenWebSocket }: MediaEngineOptions): Promise<void> {
    if (listenTcp !== undefined) this.#tcp = (await this.#server.listen('tcp', listenTcp)).local.port;
    if (listenWebSocket !== undefined)
      this.#webSocket = (await this.#server.listen('ws', listenWebSocket)).local.port;
  }

  /** The ports of the other ways in, where there are any. */
  get tcpPort(): number | undefined {
    return this.#tcp;
  }

  get webSocketPort(): number | undefined {
    return this.#webSocket;
  }

  get threads(): readonly RelayThread[] {
    return this.#threads;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#server.close();
    await this.#log?.close();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #spawn(index: number, count: number): RelayThread {
    const thread: RelayThread = new RelayThread(this.#share(index, count), this.#logger, {
      ended: (call) => this.#forget(call, thread),
      notify: (event) => this.#notify(event),
      died: () => this.#replace(index, count, thread),
    });
    return thread;
  }

  /** Each thread has its own part of the ports, so that none needs to ask another. */
  #share(index: number, count: number): RelayThreadOptions {
    const [first, last] = this.#options.ports;
    const pairs = Math.floor((last - first + 1) / 2 / count);
    const from = first + (first % 2) + index * pairs * 2;
    const { addresses, advertise, recordingDirectory, mediaTimeoutMs } = this.#options;
    return {
      addresses,
      ...(advertise === undefined ? {} : { advertise }),
      ...(mediaTimeoutMs === undefined ? {} : { mediaTimeoutMs }),
      ...(recordingDirectory === undefined ? {} : { recordingDirectory }),
      ports: [from, index === count - 1 ? last : from + pairs * 2 - 1],
    };
  }

  #forget(call: string, thread: RelayThread): void {
    if (this.#homes.get(call) !== thread) return;
    this.#homes.delete(call);
    thread.calls--;
  }

  #replace(index: number, count: number, thread: RelayThread): void {
    if (this.#closing) return;
    const lost = [...this.#homes].filter(([, home]) => home === thread).map(([call]) => call);
    this.#logger.error({ thread: index, calls: lost.length }, 'a relay thread died; its calls are lost');
    for (const call of lost) {
      this.#homes.delete(call);
      this.#notify({ callid: call, type: 'CALL_LOST', timestamp: Math.floor(this.#clock.wall() / 1000) });
    }
    this.#threads[index] = this.#spawn(index, count);
  }

  #notify(event: NgDictionary): void {
    const to = this.#options.dtmfLog;
    if (to !== undefined) this.#log?.send(Buffer.from(JSON.stringify(event)), to.port, to.address);
  }

  async #handle(request: NgDictionary): Promise<NgDictionary> {
    const command = ngText(request, 'command') ?? '';
    const started = this.#clock.now();
    const reply = await this.#dispatch(command, request);
    this.#statistics.count(command, this.#clock.now() - started, reply['result'] === 'error');
    return reply;
  }

  #dispatch(command: string, request: NgDictionary): NgDictionary | Promise<NgDictionary> {
    if (command === 'ping') return { result: 'pong' };
    if (command === 'list') return this.#list(request);
    if (command === 'statistics') return this.#gather(request);
    const id = callId(request);
    const home = id === undefined ? undefined : this.#homes.get(id);
    if (home !== undefined) return home.execute(request);
    const thread = this.#idlest();
    if (thread === undefined) return ngError('No media thread is running');
    if (id === undefined || !makers.has(command)) return thread.execute(request);
    this.#homes.set(id, thread);
    thread.calls++;
    return thread.execute(request);
  }

  #idlest(): RelayThread | undefined {
    let best = this.#threads[0];
    for (const thread of this.#threads) if (thread.calls < best!.calls) best = thread;
    return best;
  }

  #list(request: NgDictionary): NgDictionary {
    const limit = Number(ngText(request, 'limit') ?? MOST_CALLS_LISTED);
    return { calls: [...this.#homes.keys()].slice(0, Math.max(0, limit)), result: 'ok' };
  }

  async #gather(request: NgDictionary): Promise<NgDictionary> {
    const parts = await Promise.all(this.#threads.map((thread) => thread.execute(request)));
    const used = parts.filter((part) => part['result'] === 'ok');
    return { statistics: mergeStatistics(used, this.#statistics, this.#options), result: 'ok' };
  }
}
