import type { Clock, Logger } from '../base/index.ts';
import {
  decodeBencode,
  encodeBencode,
  ngError,
  ngText,
  NgServer,
  type NgAnswer,
  type NgDictionary,
  type NgMessage,
} from '../ng/index.ts';
import type { CallHome, CallHomeListener } from './call-home.ts';
import type { CallLedger } from './call-ledger.ts';
import { callId } from './commands/refusal.ts';
import { EventLog } from './event-log.ts';
import { LocalRelay } from './local-relay.ts';
import type { MediaEngineOptions } from './options.ts';
import type { RelayThreadOptions } from './protocol.ts';
import { RelayThread } from './relay-thread.ts';
import { CommandStatistics, mergeStatistics } from './statistics.ts';

/** Commands that make a call where there is none. */
const makers = new Set(['offer', 'publish', 'create']);
const MOST_CALLS_LISTED = 32;

/** The relay that has a call, and how many commands it was given for it. */
type Home = { readonly relay: CallHome; commands: number };

/** What the control side runs with. */
export type ControlParts = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where its calls are noted for whoever started its thread. */
  readonly ledger?: CallLedger | undefined;
};

/**
 * The ng side of the engine: takes the commands and hands each to the relay that has its call. A single relay is on
 * this very thread, so that nothing is handed over. Of several each has a thread of its own, and a new call goes to the
 * one that has the fewest; a thread that dies takes its own calls with it, is replaced, and each lost call is announced.
 */
export class Control {
  readonly #options: MediaEngineOptions;
  readonly #parts: ControlParts;
  readonly #server: NgServer;
  readonly #relays: CallHome[] = [];
  readonly #threads: RelayThread[] = [];
  readonly #homes = new Map<string, Home>();
  readonly #statistics: CommandStatistics;
  readonly #log: EventLog | undefined;
  #tcp: number | undefined;
  #webSocket: number | undefined;
  #closing = false;

  private constructor(options: MediaEngineOptions, parts: ControlParts) {
    this.#options = options;
    this.#parts = parts;
    this.#statistics = new CommandStatistics(parts.clock);
    if (options.dtmfLog !== undefined) this.#log = new EventLog(options.dtmfLog);
    this.#server = new NgServer({
      ...options.listen,
      ...parts,
      handle: (request, message) => this.#handle(request, message),
    });
  }

  /** Resolves once commands are answered; rejects where an address cannot be bound or a thread does not start. */
  static async start(options: MediaEngineOptions, parts: ControlParts): Promise<Control> {
    const control = new Control(options, parts);
    try {
      await control.#open(Math.max(1, options.threads));
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

  async #open(count: number): Promise<void> {
    if (count === 1) {
      const relay: LocalRelay = await LocalRelay.open(
        this.#share(0, 1),
        this.#parts.logger,
        this.#listener(() => relay),
      );
      this.#relays.push(relay);
      return;
    }
    for (let i = 0; i < count; i++) this.#spawn(i, count);
    await Promise.all(this.#threads.map((thread) => thread.ready));
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

  /** The relays' threads where there are several relays; a single one has none of its own. */
  get threads(): readonly RelayThread[] {
    return this.#threads;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#server.close();
    await Promise.all(this.#relays.map((relay) => relay.close()));
    await this.#log?.close();
  }

  #spawn(index: number, count: number): void {
    const thread: RelayThread = new RelayThread(this.#share(index, count), this.#parts.logger, {
      ...this.#listener(() => thread),
      died: () => this.#replace(index, count, thread),
    });
    this.#threads[index] = thread;
    this.#relays[index] = thread;
  }

  #listener(relay: () => CallHome): CallHomeListener {
    return {
      ended: (call) => this.#forget(call, relay()),
      notify: (event) => this.#log?.tell(event),
    };
  }

  /** Each relay has its own part of the ports, so that none needs to ask another. */
  #share(index: number, count: number): RelayThreadOptions {
    const [first, last] = this.#options.ports;
    const pairs = Math.floor((last - first + 1) / 2 / count);
    const from = first + (first % 2) + index * pairs * 2;
    const { addresses, advertise, recordingDirectory, mediaTimeoutMs, io } = this.#options;
    return {
      addresses,
      ...(advertise === undefined ? {} : { advertise }),
      ...(io === undefined ? {} : { io }),
      ...(mediaTimeoutMs === undefined ? {} : { mediaTimeoutMs }),
      ...(recordingDirectory === undefined ? {} : { recordingDirectory }),
      ports: [from, index === count - 1 ? last : from + pairs * 2 - 1],
    };
  }

  #forget(call: string, relay: CallHome): void {
    if (this.#homes.get(call)?.relay !== relay) return;
    this.#homes.delete(call);
    relay.calls--;
    this.#parts.ledger?.delete(call);
  }

  #replace(index: number, count: number, thread: RelayThread): void {
    if (this.#closing) return;
    const lost = [...this.#homes].filter(([, { relay }]) => relay === thread).map(([call]) => call);
    this.#parts.logger.error(
      { thread: index, calls: lost.length },
      'a relay thread died; its calls are lost',
    );
    for (const call of lost) {
      this.#forget(call, thread);
      this.#log?.tellLost(call, this.#parts.clock.wall());
    }
    this.#spawn(index, count);
  }

  #handle(request: NgDictionary, message: NgMessage): NgAnswer | Promise<NgAnswer> {
    const command = ngText(request, 'command') ?? '';
    const started = this.#parts.clock.now();
    const count = (reply: NgAnswer): NgAnswer => {
      this.#statistics.count(command, this.#parts.clock.now() - started, isError(reply));
      return reply;
    };
    const encoded = () => (message.encoding === 'bencode' ? message.text : encodeBencode(request));
    const reply = this.#dispatch(command, request, encoded);
    return reply instanceof Promise ? reply.then(count) : count(reply);
  }

  #dispatch(command: string, request: NgDictionary, encoded: () => Uint8Array): NgAnswer | Promise<NgAnswer> {
    if (command === 'ping') return { result: 'pong' };
    if (command === 'list') return this.#list(request);
    if (command === 'statistics') return this.#gather(request, encoded);
    const id = callId(request);
    const home = id === undefined ? undefined : this.#homes.get(id);
    if (home !== undefined) {
      home.commands++;
      return home.relay.execute(request, encoded);
    }
    const relay = this.#idlest();
    if (relay === undefined) return ngError('No media thread is running');
    const reply = () => relay.execute(request, encoded);
    return id !== undefined && makers.has(command) ? this.#make(id, relay, reply) : reply();
  }

  /** Known from here on, so that what comes meanwhile for the same call goes to the same relay. */
  #make(
    id: string,
    relay: CallHome,
    execute: () => NgAnswer | Promise<NgAnswer>,
  ): NgAnswer | Promise<NgAnswer> {
    const home: Home = { relay, commands: 1 };
    this.#homes.set(id, home);
    relay.calls++;
    this.#parts.ledger?.add(id);
    const settle = (reply: NgAnswer): NgAnswer => {
      if (home.commands === 1 && isError(reply)) this.#forget(id, relay);
      return reply;
    };
    const reply = execute();
    return reply instanceof Promise ? reply.then(settle) : settle(reply);
  }

  #idlest(): CallHome | undefined {
    let best = this.#relays[0];
    for (const relay of this.#relays) if (relay.calls < best!.calls) best = relay;
    return best;
  }

  #list(request: NgDictionary): NgDictionary {
    const limit = Number(ngText(request, 'limit') ?? MOST_CALLS_LISTED);
    return { calls: [...this.#homes.keys()].slice(0, Math.max(0, limit)), result: 'ok' };
  }

  async #gather(request: NgDictionary, encoded: () => Uint8Array): Promise<NgDictionary> {
    const replies = await Promise.all(this.#relays.map(async (relay) => relay.execute(request, encoded)));
    const used = replies.map(decoded).filter((part) => part['result'] === 'ok');
    return { statistics: mergeStatistics(used, this.#statistics, this.#options), result: 'ok' };
  }
}

const decoded = (reply: NgAnswer): NgDictionary =>
  reply instanceof Uint8Array ? ((decodeBencode(reply)?.value ?? {}) as NgDictionary) : reply;

/** How an encoded refusal begins (`ngError`). */
const refusal = Buffer.from('d6:result5:error');

const isError = (reply: NgAnswer): boolean =>
  reply instanceof Uint8Array
    ? refusal.equals(reply.subarray(0, refusal.length))
    : reply['result'] === 'error';
