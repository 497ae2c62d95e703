import type { Logger } from '../../base/index.ts';
import { dialStream, defaultConnectionLimits, type ConnectionHandlers } from '../../net/index.ts';
import type { HeaderField, IncomingRequest, UserAgentCore } from '../../sip/index.ts';
import type { AdminServer } from '../admin-server.ts';
import type { Application } from '../application.ts';
import type { NewRequestHandlers } from '../gateway.ts';
import type { RequestHandler } from '../options.ts';
import type { ProxyTable } from '../proxy/proxy-table.ts';
import type { Verbs } from '../verbs.ts';
import { parseApplicationUri, parseInstruction, type Instruction } from './instruction.ts';
import { ask, type Fetch } from './query.ts';

export type HandlerOptions = {
  readonly handlers: readonly RequestHandler[];
  readonly core: () => UserAgentCore;
  readonly admin: () => AdminServer;
  readonly proxies: ProxyTable;
  readonly verbs: Verbs<Application>;
  readonly fetch: Fetch;
  readonly log: Logger;
  /** Gives the request to an application that is ready for it. */
  readonly offer: (incoming: IncomingRequest, application: Application, receivedOn: string) => void;
};

const connectMs = 2_000;

type Arrival = { readonly incoming: IncomingRequest; readonly receivedOn: string };

/** New requests for which a routing service or an application that listens is configured. */
export class OutboundHandlers implements NewRequestHandlers {
  readonly #options: HandlerOptions;
  /** Requests whose application was dialled and has yet to authenticate. */
  readonly #expected = new Map<Application, Arrival>();

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  takes(method: string): boolean {
    return this.#handlerOf(method) !== undefined;
  }

  handle(incoming: IncomingRequest, receivedOn: string): boolean {
    const handler = this.#handlerOf(incoming.request.method);
    if (handler === undefined) return false;
    const arrival = { incoming, receivedOn };
    const direct = parseApplicationUri(handler.url);
    if (direct !== undefined) this.#connect(arrival, direct);
    else void this.#ask(arrival, handler);
    return true;
  }

  #handlerOf(method: string): RequestHandler | undefined {
    return this.#options.handlers.find((h) => h.method === '*' || h.method.toUpperCase() === method);
  }

  /** A connection has authenticated; when it was dialled, the request that it is for goes there. */
  authenticated(application: Application): void {
    const arrival = this.#expected.get(application);
    if (arrival === undefined) return;
    this.#expected.delete(application);
    // Its caller may have given up meanwhile.
    if (arrival.incoming.state !== 'waiting') return application.end();
    this.#options.offer(arrival.incoming, application, arrival.receivedOn);
  }

  async #ask(arrival: Arrival, handler: RequestHandler): Promise<void> {
    const { fetch, log } = this.#options;
    try {
      const instruction = parseInstruction(await ask(fetch, handler, arrival.incoming));
      if (instruction !== undefined) return this.#follow(arrival, instruction);
      log.warn({ url: handler.url }, 'the routing service answered what makes no sense');
    } catch (error) {
      log.warn({ url: handler.url, err: error }, 'the routing service did not answer');
    }
    this.#answer(arrival.incoming, 500);
  }

  #follow(arrival: Arrival, instruction: Instruction): void {
    const { incoming } = arrival;
    // It may have been cancelled while the service was asked.
    if (incoming.state !== 'waiting') return;
    switch (instruction.action) {
      case 'reject':
        return this.#answer(incoming, instruction.status, [], instruction.reason);
      case 'redirect':
        return this.#answer(
          incoming,
          302,
          instruction.contacts.map((uri) => ({
            name: 'Contact',
            value: uri.includes('<') ? uri : `<${uri}>`,
          })),
        );
      case 'proxy': {
        const quiet = { onFinal: () => undefined, onDone: () => undefined };
        const order = { ...instruction.order, transactionId: incoming.id };
        return this.#options.proxies.start(order, { incoming, fields: [] }, quiet);
      }
      case 'connect':
        return this.#connect(arrival, instruction);
      default:
        return this.#toTag(arrival, instruction.tag);
    }
  }

  #toTag({ incoming, receivedOn }: Arrival, tag: string): void {
    const application = this.#options.verbs.pick(incoming.request.method.toLowerCase(), tag);
    if (application === undefined) return this.#answer(incoming, 480);
    this.#options.offer(incoming, application, receivedOn);
  }

  /** Dials an application. It authenticates as any other; then the request is its. */
  #connect(arrival: Arrival, where: Extract<Instruction, { action: 'connect' }>): void {
    let handlers: ConnectionHandlers | undefined;
    let application: Application | undefined;
    const connection = dialStream(
      {
        protocol: where.tls ? 'tls' : 'tcp',
        remote: { address: where.host, port: where.port },
        tls: { verifyPeer: false },
        limits: { ...defaultConnectionLimits, handshakeMs: connectMs },
      },
      {
        onOpen: () => {
          ({ application, handlers } = this.#options.admin().adopt(connection));
          this.#expected.set(application, arrival);
        },
        onData: (data) => handlers?.onData(data),
        onClosed: (reason, detail) => {
          handlers?.onClosed(reason, detail);
          const pending = application === undefined || this.#expected.delete(application);
          if (!pending) return;
          this.#options.log.warn({ ...where, detail }, 'no application answers there');
          this.#answer(arrival.incoming, 480);
        },
      },
    );
  }

  #answer(
    incoming: IncomingRequest,
    status: number,
    headers: readonly HeaderField[] = [],
    reason?: string,
  ): void {
    this.#options.core().respond(incoming, { status, headers, ...(reason !== undefined && { reason }) });
  }
}
