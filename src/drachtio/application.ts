import type { Connection } from '../net/index.ts';
import { FrameWriter } from './frame.ts';
import { printMeta, type Meta } from './leader.ts';
import type { Subscriber } from './verbs.ts';

/** One admin connection: an application, once it has authenticated. */
export class Application implements Subscriber {
  readonly id: string;
  tags: ReadonlySet<string> = new Set();
  authenticated = false;
  readonly remote: { readonly address: string; readonly port: number };
  readonly #connection: Connection;
  #open = true;
  #messages = 0;
  /** Frames of this turn of the event loop; they leave in one write. */
  readonly #frames = new FrameWriter();
  #waiting = false;
  readonly #flush = (): void => {
    this.#waiting = false;
    if (this.#frames.isEmpty) return;
    for (const bytes of this.#frames.take()) this.#connection.write(bytes);
  };

  constructor(id: string, connection: Connection) {
    this.id = id;
    this.#connection = connection;
    this.remote = connection.remote;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Answers the command with that id: `OK…`, `NOK|text` or `NO|text`; with a SIP message, the text ends its line. */
  reply(commandId: string, text: string, sip?: Buffer): void {
    this.#send(`response|${commandId}|${text}`, sip);
  }

  /** A SIP message for this application: `sip|META|transaction|dialog|…`, with the local address when given. */
  event(sip: {
    readonly meta: Meta;
    readonly transactionId: string;
    readonly dialogId: string;
    readonly receivedOn?: string;
    readonly message: Buffer;
  }): void {
    const { meta, transactionId, dialogId, receivedOn = '' } = sip;
    this.#send(`sip|${printMeta(meta)}|${transactionId}|${dialogId}|${receivedOn}\r\n`, sip.message);
  }

  /** Any other event, such as `cdr:start|…`. */
  tell(text: string, body?: Buffer): void {
    this.#send(text, body);
  }

  /** Ends the connection when everything written is out. */
  end(): void {
    this.#open = false;
    this.#flush();
    this.#connection.close();
  }

  /** The connection is gone. */
  lost(): void {
    this.#open = false;
  }

  #send(text: string, body?: Buffer): void {
    if (!this.#open) return;
    this.#messages += 1;
    if (!this.#waiting) {
      this.#waiting = true;
      setImmediate(this.#flush);
    }
    this.#frames.add(`${this.id}-${this.#messages}|${text}`, body);
  }

  describe(): object {
    return {
      id: this.id,
      remote: `${this.remote.address}:${this.remote.port}`,
      tags: [...this.tags],
      authenticated: this.authenticated,
      sent: this.#messages,
    };
  }
}
