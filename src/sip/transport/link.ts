import type { Clock, Timer } from '../../base/index.ts';
import { hostPort, type CloseReason, type Connection, type StreamProtocol } from '../../net/index.ts';
import { StreamFramer, type MessageLimits, type ParseFailure } from '../message/index.ts';
import { stunAnswer } from './stun.ts';
import type { Address, Flow, Listener, SendFailure } from './types.ts';

const pong = Buffer.from('\r\n');

export class StreamFlow implements Flow {
  readonly id: string;
  readonly protocol: StreamProtocol;
  readonly local: Address;
  readonly remote: Address;
  readonly reliable = true;

  constructor(number: number, connection: Connection) {
    this.protocol = connection.protocol;
    this.local = connection.local;
    this.remote = connection.remote;
    this.id = `${this.protocol}:${number}/${hostPort(this.remote)}`;
  }
}

/** What a write comes to: the flow it went over, or why it did not. */
export type WriteDone = (flow: Flow | undefined, failure?: SendFailure, detail?: string) => void;

export type LinkHandlers = {
  /** One whole message. */
  onMessage(bytes: Buffer, link: Link): void;
  onKeepAlive(): void;
  /** The stream cannot be read on; the link closes after an answer, if one is given, has been written. */
  onBroken(failure: ParseFailure, link: Link): void;
  onClosed(link: Link, reason: CloseReason, detail: string): void;
};

export type LinkOptions = {
  readonly number: number;
  readonly listener: Listener;
  /** Under which name the link is found again for requests to the same place. */
  readonly key: string;
  readonly messageLimits: MessageLimits;
  readonly writeBufferBytes: number;
  readonly handlers: LinkHandlers;
};

type Waiting = { readonly bytes: Buffer; readonly done: WriteDone };

/** One connection that carries SIP: frames what comes in, holds back what goes out until it is up. */
export class Link {
  readonly key: string;
  readonly listener: Listener;
  readonly #options: LinkOptions;
  readonly #framer: StreamFramer;
  #connection: Connection | undefined;
  #flow: StreamFlow | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #proving: Timer | undefined;

  constructor(options: LinkOptions) {
    this.key = options.key;
    this.listener = options.listener;
    this.#options = options;
    this.#framer = new StreamFramer(options.messageLimits);
  }

  /** Known once the connection is up. */
  get flow(): Flow | undefined {
    return this.#flow;
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /** The connection that this link is made of; it may still be on its way up. */
  bind(connection: Connection): void {
    this.#connection = connection;
  }

  /** The connection is up. */
  open(connection: Connection): Flow {
    this.#connection = connection;
    this.#flow = new StreamFlow(this.#options.number, connection);
    return this.#flow;
  }

  /** Sends what waited for the connection to come up. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { bytes, done } of waiting) this.write(bytes, done);
  }

  /** Ends the connection unless a message comes in time. */
  mustProve(clock: Clock, ms: number): void {
    this.#proving = clock.after(ms, () => this.#connection?.destroy('idle', 'no message in time'));
  }

  /** The peer sent something that makes sense. */
  proven(): void {
    this.#proving?.cancel();
    this.#proving = undefined;
  }

  write(bytes: Buffer, done: WriteDone): void {
    if (this.#flow === undefined) return this.#hold(bytes, done);
    if (this.#connection?.write(bytes) === true) done(this.#flow);
    else done(undefined, 'closed', 'the connection is closed');
  }

  /** Ends the connection once what was written is out. */
  close(): void {
    this.#connection?.close();
  }

  destroy(): void {
    this.#connection?.destroy('local');
  }

  received(data: Buffer): void {
    if (this.#options.listener.protocol === 'ws' || this.#options.listener.protocol === 'wss') {
      this.#receivedWhole(data);
    } else this.#receivedStream(data);
  }

  closed(reason: CloseReason, detail: string): void {
    this.proven();
    const failure: SendFailure = reason === 'timeout' || reason === 'refused' ? reason : 'closed';
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#options.handlers.onClosed(this, reason, detail);
    for (const { done } of waiting) done(undefined, failure, detail);
  }

  #hold(bytes: Buffer, done: WriteDone): void {
    if (this.#waitingBytes + bytes.length > this.#options.writeBufferBytes) {
      return done(undefined, 'timeout', 'too much waits for the connection to come up');
    }
    this.#waitingBytes += bytes.length;
    this.#waiting.push({ bytes, done });
  }

  #receivedWhole(data: Buffer): void {
    // RFC 7118 knows no keep-alive of its own, but clients send the CRLFs of RFC 5626 all the same.
    if (data.length > 4 || !data.every((byte) => byte === 0x0d || byte === 0x0a)) {
      return this.#options.handlers.onMessage(data, this);
    }
    this.#options.handlers.onKeepAlive();
    if (data.length === 4) this.#connection?.write(pong);
  }

  #receivedStream(data: Buffer): void {
    const { handlers } = this.#options;
    const connection = this.#connection;
    if (connection === undefined) return;
    for (const event of this.#framer.push(data)) {
      if (event.kind === 'message') handlers.onMessage(event.bytes, this);
      else if (event.kind === 'failure') handlers.onBroken(event.failure, this);
      else this.#keptAlive(event.kind === 'ping' ? pong : stunAnswer(event.bytes, connection.remote));
    }
  }

  // RFC 5626 §3.5.1: a double CRLF is answered with one.
  #keptAlive(answer: Buffer | undefined): void {
    this.#options.handlers.onKeepAlive();
    if (answer !== undefined) this.#connection?.write(answer);
  }
}
