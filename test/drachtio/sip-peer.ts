import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  createHeaders,
  createRequest,
  createResponse,
  parseMessage,
  printMessage,
  setToTag,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../../src/sip/index.ts';

let names = 0;

type Extra = Readonly<Record<string, string>>;

/** A SIP endpoint on UDP that does what the test says and nothing else: no retransmission, no automatism. */
export class SipPeer {
  readonly #socket: Socket;
  readonly #received: { readonly message: SipMessage; readonly port: number }[] = [];
  #wake: () => void = () => undefined;
  #closed = false;
  port = 0;

  private constructor() {
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (bytes, { port }) => {
      const result = parseMessage(bytes);
      if (!result.ok) return;
      this.#received.push({ message: result.message, port });
      this.#wake();
    });
  }

  static async open(): Promise<SipPeer> {
    const peer = new SipPeer();
    peer.#socket.bind(0, '127.0.0.1');
    await once(peer.#socket, 'listening');
    peer.port = peer.#socket.address().port;
    return peer;
  }

  get uri(): string {
    return `sip:peer@127.0.0.1:${this.port}`;
  }

  send(message: SipMessage, port: number): void {
    this.#socket.send(printMessage(message), port, '127.0.0.1');
  }

  /** A request of this peer, with a new branch, sent to the engine at `port`. */
  request(
    port: number,
    method: string,
    extra: Extra & { readonly uri?: string; readonly body?: string } = {},
  ): SipRequest {
    names += 1;
    const { uri = `sip:app@127.0.0.1:${port}`, body = '', ...headers } = extra;
    const table = createHeaders([
      { name: 'Via', value: `SIP/2.0/UDP 127.0.0.1:${this.port};rport;branch=z9hG4bK-peer-${names}` },
      { name: 'From', value: `<${this.uri}>;tag=peer${names}` },
      { name: 'To', value: `<${uri}>` },
      { name: 'Call-ID', value: `call-${names}@peer` },
      { name: 'CSeq', value: `1 ${method}` },
      { name: 'Contact', value: `<${this.uri}>` },
      { name: 'Max-Forwards', value: '70' },
    ]);
    if (body !== '') table.set('Content-Type', 'application/sdp');
    for (const [name, value] of Object.entries(headers)) table.set(name, value);
    const request = createRequest(method, uri, table, Buffer.from(body));
    this.send(request, port);
    return request;
  }

  /** A request in the dialog that an INVITE and its 200 made: `method` is `2 BYE`, with the CSeq number. */
  inDialog(invite: SipRequest, ok: SipResponse, numbered: string, extra: Extra = {}): SipRequest {
    const method = numbered.split(' ')[1] ?? '';
    names += 1;
    const contact = /<([^>]+)>/.exec(ok.headers.get('contact') ?? '')?.[1] ?? '';
    const table = createHeaders(invite.headers);
    table.set('Via', `SIP/2.0/UDP 127.0.0.1:${this.port};rport;branch=z9hG4bK-peer-${names}`);
    table.set('To', ok.headers.get('to') ?? '');
    table.set('CSeq', numbered);
    for (const name of ['Content-Type', 'Route']) table.delete(name);
    const routes = ok.headers.list('record-route').toReversed();
    if (routes.length > 0) table.set('Route', routes);
    const { body = '', ...headers } = extra;
    for (const [name, value] of Object.entries(headers)) table.set(name, value);
    const request = createRequest(method, contact, table, Buffer.from(body));
    const first = /:(\d+)/.exec(
      /<sips?:[^>]*>/.exec(routes[0] ?? `<${contact}>`)?.[0].replace(/^<sips?:/, '') ?? '',
    );
    this.send(request, Number(first?.[1] ?? 5060));
    return request;
  }

  /** Answers a request that came from the engine at `port`. */
  respond(request: SipRequest, port: number, status: number, extra: Extra = {}): SipResponse {
    const { body = '', ...headers } = extra;
    const response = createResponse(request, status);
    if (status > 100) setToTag(response, `peer-tag-${this.port}`);
    if (status < 300 && status > 100) response.headers.set('Contact', `<${this.uri}>`);
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    if (body !== '') {
      response.headers.set('Content-Type', 'application/sdp');
      response.body = Buffer.from(body);
    }
    this.send(response, port);
    return response;
  }

  /** The next message that fits; others before it stay. */
  async next(fits: (message: SipMessage) => boolean): Promise<SipMessage> {
    for (;;) {
      const index = this.#received.findIndex(({ message }) => fits(message));
      if (index >= 0) return this.#received.splice(index, 1)[0]?.message as SipMessage;
      if (this.#closed) throw new Error('closed while waiting for a message');
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  async nextRequest(method: string): Promise<SipRequest> {
    return (await this.next((m) => m.kind === 'request' && m.method === method)) as SipRequest;
  }

  async nextResponse(status: number, method?: string): Promise<SipResponse> {
    const fits = (m: SipMessage) =>
      m.kind === 'response' &&
      m.status === status &&
      (method === undefined || m.headers.get('cseq')?.endsWith(` ${method}`) === true);
    return (await this.next(fits)) as SipResponse;
  }

  /** What has arrived and nobody asked for. */
  get unread(): string[] {
    return this.#received.map(({ message: m }) => (m.kind === 'request' ? m.method : String(m.status)));
  }

  close(): void {
    this.#closed = true;
    this.#wake();
    this.#socket.close();
  }
}
