import type { Clock, Random, Timer } from '../base/index.ts';
import { bindDatagram, type DatagramSocket } from '../net/index.ts';
import { parseNgMessage, printNgMessage } from './message.ts';
import type { NgDictionary } from './value.ts';

export type NgClientOptions = {
  /** The engine's ng address. */
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a request may take with all of its repetitions; 5 s where it is left out. */
  readonly timeoutMs?: number;
  /** After how long without an answer a request is repeated; 1 s where it is left out. */
  readonly repeatMs?: number;
};

type Pending = { readonly done: (reply: NgDictionary | Error) => void; timer: Timer };

const REPEAT_MS = 1000;
/** A burst of replies must not be lost while the thread is at something else: each one lost costs a repetition. */
const RECEIVE_BUFFER = 1 << 20;

/** The client side of ng over UDP: a request is repeated now and then with its cookie until it is answered. */
export class NgClient {
  readonly #socket: DatagramSocket;
  readonly #options: NgClientOptions;
  readonly #pending = new Map<string, Pending>();

  constructor(options: NgClientOptions) {
    this.#options = options;
    const address = options.address.includes(':') ? '::' : '0.0.0.0';
    this.#socket = bindDatagram({ address, port: 0, receiveBuffer: RECEIVE_BUFFER });
    this.#socket.onMessage = (datagram) => this.#receive(datagram);
  }

  /** Resolves to the reply whatever its `result`; rejects when nobody answers in time or the client closes. */
  request(command: string, body: NgDictionary = {}): Promise<NgDictionary> {
    const cookie = this.#options.random.hex(16);
    const datagram = printNgMessage(cookie, 'bencode', { command, ...body });
    const until = this.#options.clock.now() + (this.#options.timeoutMs ?? 5000);
    return new Promise((resolve, reject) => {
      const done = (reply: NgDictionary | Error) => {
        this.#pending.get(cookie)?.timer.cancel();
        this.#pending.delete(cookie);
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      };
      const send = () => {
        const left = until - this.#options.clock.now();
        if (left <= 0) return done(new Error(`no answer to ng command ${command}`));
        this.#socket.send(datagram, this.#options.port, this.#options.address);
        this.#pending.set(cookie, {
          done,
          timer: this.#options.clock.after(Math.min(this.#options.repeatMs ?? REPEAT_MS, left), send),
        });
      };
      send();
    });
  }

  close(): Promise<void> {
    for (const pending of this.#pending.values()) pending.done(new Error('the ng client was closed'));
    return this.#socket.close();
  }

  #receive(datagram: Buffer): void {
    const message = parseNgMessage(datagram);
    if (message?.body !== undefined) this.#pending.get(message.cookie)?.done(message.body);
  }
}
