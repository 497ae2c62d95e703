import { connect, type Socket } from 'node:net';
import { createFrameReader, FrameWriter } from '../../src/drachtio/frame.ts';

export type AdminMessage = { readonly tokens: readonly string[]; readonly sip: string };

/** A client of the admin protocol that hides nothing. */
export class AdminClient {
  readonly socket: Socket;
  readonly #reader = createFrameReader(4_000_000);
  readonly #messages: AdminMessage[] = [];
  #wake: () => void = () => undefined;
  #sent = 0;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#reader.push(data, (frame) => {
        const text = frame.toString();
        const cr = text.indexOf('\r\n');
        this.#messages.push({
          tokens: (cr < 0 ? text : text.slice(0, cr)).split('|'),
          sip: cr < 0 ? '' : text.slice(cr + 2),
        });
      });
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** Connects, authenticates and subscribes. */
  static async open(port: number, secret: string, ...verbs: readonly string[]): Promise<AdminClient> {
    const client = new AdminClient(connect(port, '127.0.0.1'));
    await client.command(`authenticate|${secret}|`);
    for (const verb of verbs) await client.command(`route|${verb}`);
    return client;
  }

  send(message: string): string {
    this.#sent += 1;
    const id = `m${this.#sent}`;
    const frame = new FrameWriter();
    frame.add(`${id}|${message}`);
    this.socket.write(Buffer.concat(frame.take()));
    return id;
  }

  /** Sends and gives back the first reply to it: tokens from `OK` or `NOK` on. */
  async command(message: string): Promise<AdminMessage> {
    const id = this.send(message);
    const reply = await this.next(({ tokens }) => tokens[1] === 'response' && tokens[2] === id);
    return { tokens: reply.tokens.slice(3), sip: reply.sip };
  }

  async next(fits: (message: AdminMessage) => boolean): Promise<AdminMessage> {
    for (;;) {
      const index = this.#messages.findIndex(fits);
      if (index >= 0) return this.#messages.splice(index, 1)[0] as AdminMessage;
      if (this.closed) throw new Error('the engine closed the connection');
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** The next `sip` event whose start line fits. */
  event(startsWith: string): Promise<AdminMessage> {
    return this.next(({ tokens, sip }) => tokens[1] === 'sip' && sip.startsWith(startsWith));
  }

  close(): void {
    this.socket.destroy();
  }
}
