import {
  branch,
  callId,
  cseq,
  createRequest,
  createResponse,
  parseMessage,
  printMessage,
  printVia,
  topVia,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import type { PhoneRemote, PhoneWire } from './phone-wire.ts';

/** One message as a phone saw it. `at` is `performance.now()`. */
export type Recorded = {
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly message: SipMessage;
  /** A retransmission of one recorded before. */
  readonly repeated: boolean;
  readonly remote: PhoneRemote;
};

export type Arrival = { readonly request: SipRequest; readonly from: PhoneRemote };

export type Exchange = {
  readonly request: SipRequest;
  readonly remote: PhoneRemote;
  /** Every response, provisional ones and repeated 2xx included, in order. */
  readonly responses: SipResponse[];
  /** The final response; rejects when none came in 64*T1. */
  readonly final: Promise<SipResponse>;
};

type ClientState = {
  readonly exchange: Exchange;
  readonly onResponse: (response: SipResponse) => void;
  settle(response: SipResponse): void;
  fail(error: Error): void;
  timers: Set<NodeJS.Timeout>;
  done: boolean;
};

type ServerState = {
  readonly arrival: Arrival;
  response: SipResponse | undefined;
  acked: boolean;
  timer: NodeJS.Timeout | undefined;
};

export type ExchangeOptions = {
  readonly t1: number;
  /** Called for each message in and out, before it is acted on. */
  readonly record: (
    message: SipMessage,
    direction: 'in' | 'out',
    repeated: boolean,
    remote: PhoneRemote,
  ) => void;
  readonly onRequest: (arrival: Arrival) => void;
  readonly onAck: (arrival: Arrival) => void;
  /** A 2xx to INVITE that came again, or from another branch of a fork. */
  readonly onStray: (response: SipResponse, remote: PhoneRemote) => void;
  /** Changes the top Via of a request on its way out, as a NAT or a broken phone does. */
  readonly rewriteVia: (via: string, request: SipRequest) => string;
};

const T2 = 4000;

/**
 * A scripted phone's transactions, the simplest that work: retransmission over UDP (RFC 3261 §17), repeated requests
 * answered with the last response, ACK to failures. Written apart from the switch's own, so that a fault of one is not
 * hidden by the other.
 */
export class PhoneExchanges {
  readonly #wire: PhoneWire;
  readonly #options: ExchangeOptions;
  readonly #clients = new Map<string, ClientState>();
  readonly #servers = new Map<string, ServerState>();
  /** Deaf and dumb: a phone that lost its power. */
  dead = false;

  constructor(wire: PhoneWire, options: ExchangeOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  get busy(): number {
    return [...this.#clients.values()].filter((c) => !c.done).length;
  }

  /** Sends a request with a fresh Via in front and follows it to its final response. */
  send(request: SipRequest, remote: PhoneRemote, onResponse: (response: SipResponse) => void): Exchange {
    const id = `z9hG4bK${crypto.randomUUID().replaceAll('-', '')}`;
    this.#prependVia(request, id);
    return this.#start(request, remote, onResponse);
  }

  /** Sends a request that belongs to an earlier one's branch: CANCEL, or the ACK of a failure (RFC 3261 §9.1, §17.1.1.3). */
  sendBeside(
    exchange: Exchange,
    method: 'CANCEL',
    extra: readonly { name: string; value: string }[],
  ): Exchange {
    const { request: invite, remote } = exchange;
    const request = this.#like(invite, method, extra);
    request.headers.prepend('Via', this.#options.rewriteVia(invite.headers.list('via')[0] ?? '', request));
    return this.#start(request, remote, () => undefined);
  }

  /** Sends an ACK to a 2xx: a request of its own that nothing answers (RFC 3261 §13.2.2.4). */
  sendAck(request: SipRequest, remote: PhoneRemote): void {
    this.#prependVia(request, `z9hG4bK${crypto.randomUUID().replaceAll('-', '')}`);
    this.#transmit(request, remote);
  }

  /** Sends the same bytes again, whatever they are. */
  repeat(message: SipMessage, remote: PhoneRemote): void {
    this.#transmit(message, remote, true);
  }

  /** Answers a request; a final response to INVITE is repeated until its ACK comes (RFC 3261 §13.3.1.4, §17.2.1). */
  respond(arrival: Arrival, response: SipResponse): void {
    const state = this.#servers.get(serverKey(arrival.request));
    if (state !== undefined) {
      state.response = response;
      if (arrival.request.method === 'INVITE' && response.status >= 200) this.#repeatFinal(state, response);
    }
    this.#transmit(response, responseTarget(arrival));
  }

  receive(bytes: Buffer, from: PhoneRemote): void {
    if (this.dead) return;
    const result = parseMessage(bytes);
    if (!result.ok) return;
    if (result.message.kind === 'request') this.#receiveRequest({ request: result.message, from });
    else this.#receiveResponse(result.message, from);
  }

  close(): void {
    this.dead = true;
    for (const state of this.#clients.values()) this.#stop(state);
    for (const state of this.#servers.values()) clearTimeout(state.timer);
    this.#clients.clear();
    this.#servers.clear();
  }

  #start(request: SipRequest, remote: PhoneRemote, onResponse: (response: SipResponse) => void): Exchange {
    const { promise: final, resolve: settle, reject: fail } = Promise.withResolvers<SipResponse>();
    final.catch(() => undefined);
    const exchange: Exchange = { request, remote, responses: [], final };
    const state: ClientState = { exchange, onResponse, settle, fail, timers: new Set(), done: false };
    this.#clients.set(`${branch(request)} ${request.method}`, state);
    this.#transmit(request, remote);
    this.#retransmit(state);
    return exchange;
  }

  #prependVia(request: SipRequest, id: string): void {
    const { protocol, sentBy } = this.#wire;
    const via = `SIP/2.0/${protocol.toUpperCase()} ${sentBy};branch=${id};rport`;
    request.headers.prepend('Via', this.#options.rewriteVia(via, request));
  }

  #like(invite: SipRequest, method: string, extra: readonly { name: string; value: string }[]): SipRequest {
    const request = createRequest(method, invite.uri);
    for (const name of ['Route', 'From', 'To', 'Call-ID']) {
      for (const value of invite.headers.all(name)) request.headers.add(name, value);
    }
    request.headers.add('CSeq', `${cseq(invite)?.number ?? 1} ${method}`);
    request.headers.add('Max-Forwards', '70');
    for (const { name, value } of extra) request.headers.add(name, value);
    return request;
  }

  #transmit(message: SipMessage, remote: PhoneRemote, repeated = false): void {
    if (this.dead) return;
    this.#options.record(message, 'out', repeated, remote);
    this.#wire.send(printMessage(message), remote);
  }

  /** Timers A, B, E and F (RFC 3261 §17.1). */
  #retransmit(state: ClientState): void {
    const { request, remote, responses } = state.exchange;
    const { t1 } = this.#options;
    const later = (ms: number, action: () => void) => {
      const timer = setTimeout(() => {
        state.timers.delete(timer);
        action();
      }, ms);
      state.timers.add(timer);
    };
    const again = (interval: number) => {
      if (state.done || (request.method === 'INVITE' && responses.length > 0)) return;
      this.#transmit(request, remote, true);
      const next = request.method === 'INVITE' ? 2 * interval : Math.min(2 * interval, T2);
      later(next, () => again(next));
    };
    if (!this.#wire.reliable) later(t1, () => again(t1));
    later(64 * t1, () => {
      // A ringing INVITE waits as long as its caller does.
      if (state.done || (request.method === 'INVITE' && responses.length > 0)) return;
      this.#stop(state);
      state.fail(new Error(`no final response to ${request.method} in ${64 * t1} ms`));
    });
  }

  #stop(state: ClientState): void {
    state.done = true;
    for (const timer of state.timers) clearTimeout(timer);
    state.timers.clear();
  }

  #receiveResponse(response: SipResponse, remote: PhoneRemote): void {
    const state = this.#clients.get(`${branch(response)} ${cseq(response)?.method}`);
    const repeated = state?.done === true && response.status === state.exchange.responses.at(-1)?.status;
    this.#options.record(response, 'in', repeated, remote);
    if (state === undefined) return this.#options.onStray(response, remote);
    const { request } = state.exchange;
    if (request.method === 'INVITE' && response.status >= 300) this.#ackFailure(state.exchange, response);
    if (state.done) {
      if (request.method === 'INVITE' && response.status < 300) this.#options.onStray(response, remote);
      return;
    }
    state.exchange.responses.push(response);
    if (response.status >= 200) this.#stop(state);
    state.onResponse(response);
    if (response.status >= 200) state.settle(response);
  }

  #ackFailure(exchange: Exchange, response: SipResponse): void {
    const ack = this.#like(exchange.request, 'ACK', []);
    ack.headers.set('To', response.headers.get('to') ?? '');
    ack.headers.prepend('Via', exchange.request.headers.list('via')[0] ?? '');
    this.#transmit(ack, exchange.remote);
  }

  #receiveRequest(arrival: Arrival): void {
    const { request, from } = arrival;
    const key = serverKey(request);
    const known = this.#servers.get(key);
    if (request.method === 'ACK') {
      const answered = known ?? this.#serverOf(request);
      this.#options.record(request, 'in', answered?.acked === true, from);
      if (answered !== undefined) {
        answered.acked = true;
        clearTimeout(answered.timer);
      }
      this.#options.onAck(arrival);
      return;
    }
    this.#options.record(request, 'in', known !== undefined, from);
    if (known !== undefined) {
      if (known.response !== undefined) this.#transmit(known.response, responseTarget(known.arrival), true);
      return;
    }
    this.#servers.set(key, { arrival, response: undefined, acked: false, timer: undefined });
    this.#options.onRequest(arrival);
  }

  /** The INVITE that an ACK to its 2xx belongs to: same dialog and CSeq number, another branch. */
  #serverOf(ack: SipRequest): ServerState | undefined {
    return [...this.#servers.values()].find(
      ({ arrival: { request } }) =>
        request.method === 'INVITE' &&
        callId(request) === callId(ack) &&
        cseq(request)?.number === cseq(ack)?.number,
    );
  }

  #repeatFinal(state: ServerState, response: SipResponse): void {
    const { t1 } = this.#options;
    // A 2xx is repeated over every transport (RFC 3261 §13.3.1.4), a failure over unreliable ones.
    if (this.#wire.reliable && response.status >= 300) return;
    const started = performance.now();
    const again = (interval: number) => {
      if (state.acked || performance.now() - started > 64 * t1) return;
      this.#transmit(response, responseTarget(state.arrival), true);
      state.timer = setTimeout(again, Math.min(2 * interval, T2), Math.min(2 * interval, T2));
    };
    clearTimeout(state.timer);
    state.timer = setTimeout(again, t1, t1);
  }
}

const serverKey = (request: SipRequest): string => {
  const method = request.method === 'ACK' ? 'INVITE' : request.method;
  return `${branch(request)} ${topVia(request)?.host} ${method} ${callId(request)} ${cseq(request)?.number}`;
};

/** RFC 3261 §18.2.2 and RFC 3581 §4: back to the source, at the port of the source only when `rport` asks for it. */
const responseTarget = ({ request, from }: Arrival): PhoneRemote => {
  const via = topVia(request);
  if (via === undefined || via.transport !== 'UDP' || via.parameters.has('rport')) return from;
  return { address: from.address, port: via.port ?? 5060 };
};

/** A response to a request that arrived, `received` and `rport` filled in. */
export const answerTo = ({ request, from }: Arrival, status: number, reason?: string): SipResponse => {
  const response = createResponse(request, status, reason);
  const via = topVia(request);
  if (via === undefined) return response;
  const parameters = new Map(via.parameters);
  parameters.set('received', from.address);
  if (parameters.has('rport')) parameters.set('rport', String(from.port));
  response.headers.shift('Via');
  response.headers.prepend('Via', printVia({ ...via, parameters }));
  return response;
};
