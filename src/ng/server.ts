import type { Clock, Logger, Timer } from '../base/index.ts';
import {
  bindDatagram,
  defaultConnectionLimits,
  listenForConnections,
  type ConnectionServer,
  type DatagramSocket,
} from '../net/index.ts';
import { parseNgMessage, printNgMessage, type NgMessage } from './message.ts';
import { NgSplitter } from './splitter.ts';
import { ngText, type NgDictionary } from './value.ts';

/** The reply to a request: a dictionary, or one that was encoded already (bencode). */
export type NgAnswer = NgDictionary | Uint8Array;

/** Answers a request; what it throws is answered as an error with the error's message. `message` is as it came. */
export type NgHandler = (request: NgDictionary, message: NgMessage) => NgAnswer | Promise<NgAnswer>;

export type NgServerOptions = {
  /** Where to listen for UDP. */
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handle: NgHandler;
};

const GENERATION_MS = 10_000;
const MOST_COOKIES = 200_000;
const RECEIVE_BUFFER = 1 << 20;

/** Commands that change nothing. */
const questions = new Set(['query', 'list', 'ping', 'statistics']);

/** Of rtpengine's WebSocket (RFC 6455 §1.9). */
const SUB_PROTOCOL = 'ng.rtpengine.com';
const LIMITS = Object.freeze({
  ...defaultConnectionLimits,
  connections: 1000,
  messageBytes: 4 * 1024 * 1024,
});

type Answer = Buffer | Promise<Buffer>;

/**
 * The server side of ng, over UDP and wherever else it is told to `listen`. A request that comes again with the same cookie gets the same answer without
 * being carried out again; answers are kept for 10 to 20 s, longer than any client tries. What only asks is asked again:
 * such answers are large, and at hundreds of calls a second would be most of what the engine holds.
 */
export class NgServer {
  readonly #socket: DatagramSocket;
  readonly #options: NgServerOptions;
  readonly #listening: ConnectionServer[] = [];
  #answers = new Map<string, Answer>();
  #older = new Map<string, Answer>();
  #swap: Timer;

  /** Binds at once; throws where the address or port cannot be had. */
  constructor(options: NgServerOptions) {
    this.#options = options;
    this.#socket = bindDatagram({ ...options, receiveBuffer: RECEIVE_BUFFER });
    this.#socket.onMessage = (datagram, { address, port }) =>
      this.#receive(datagram, (reply) => this.#socket.send(reply, port, address));
    this.#swap = options.clock.after(GENERATION_MS, () => this.#nextGeneration());
  }

  get address(): string {
    return this.#socket.address;
  }

  get port(): number {
    return this.#socket.port;
  }

  /**
   * Takes commands over TCP, back to back, or over WebSocket, one a message, as well. Rejects where the address cannot be
   * had.
   */
  async listen(
    protocol: 'tcp' | 'ws',
    local: { readonly address: string; readonly port: number },
  ): Promise<ConnectionServer> {
    const server = await listenForConnections({
      protocol,
      local,
      limits: LIMITS,
      subProtocol: SUB_PROTOCOL,
      onConnection: (connection) => {
        const send = (reply: Buffer) => void connection.write(reply);
        const splitter = new NgSplitter();
        return {
          onClosed: () => undefined,
          onData: (data) => {
            const messages = protocol === 'ws' ? [data] : splitter.split(data);
            for (const message of messages) this.#receive(message, send);
            if (splitter.broken) connection.destroy('local', 'no ng message');
          },
        };
      },
    });
    this.#listening.push(server);
    return server;
  }

  async close(): Promise<void> {
    this.#swap.cancel();
    await Promise.all([this.#socket.close(), ...this.#listening.map((server) => server.close())]);
  }

  #nextGeneration(): void {
    this.#older = this.#answers;
    this.#answers = new Map();
    this.#swap = this.#options.clock.after(GENERATION_MS, () => this.#nextGeneration());
  }

  #receive(bytes: Buffer, send: (reply: Buffer) => void): void {
    const message = parseNgMessage(bytes);
    if (message === undefined) return;
    let answer = this.#answers.get(message.cookie) ?? this.#older.get(message.cookie);
    if (answer === undefined) {
      if (this.#answers.size >= MOST_COOKIES) this.#nextGeneration();
      answer = this.#answer(message);
      if (isKept(message)) this.#answers.set(message.cookie, answer);
    }
    if (answer instanceof Promise) void answer.then(send);
    else send(answer);
  }

  #answer(message: NgMessage): Answer {
    const finish = (reply: NgAnswer) => {
      const bytes = printNgMessage(message.cookie, message.encoding, reply);
      if (isKept(message)) this.#answers.set(message.cookie, bytes);
      return bytes;
    };
    if (message.body === undefined) return finish(ngError(message.problem));
    try {
      const reply = this.#options.handle(message.body, message);
      if (!(reply instanceof Promise)) return finish(reply);
      return reply.then(finish, (error: unknown) => finish(this.#failed(error)));
    } catch (error) {
      return finish(this.#failed(error));
    }
  }

  #failed(error: unknown): NgDictionary {
    this.#options.logger.error({ err: error }, 'an ng command failed');
    return ngError(error instanceof Error ? error.message : String(error));
  }
}

const isKept = ({ body }: NgMessage): boolean =>
  body === undefined || !questions.has(ngText(body, 'command') ?? '');

/** rtpengine's shape of a refusal: its result, and a sentence to match on. */
export const ngError = (reason: string): NgDictionary => ({ result: 'error', 'error-reason': reason });
