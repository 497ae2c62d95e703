import {
  branch,
  cseq,
  createResponse,
  setToTag,
  toTag,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';
import type { Destination, Flow, MessageEvent, SendResult } from '../transport/types.ts';
import { Recent } from '../transport/index.ts';
import { strayAckFor } from './build.ts';
import { Client, type Attempt, type AttemptRegistry } from './client.ts';
import {
  defaultTransactionLimits,
  type Context,
  type TransactionLimits,
  type TransactionOptions,
} from './context.ts';
import { callKey, hasToTag, magicCookie, responseKey, serverKey } from './keys.ts';
import { Server, type ServerOwner } from './server.ts';
import { defaultTimers } from './timers.ts';
import type { ClientHandlers, ClientTransaction, TransactionLayer, TransactionUser } from './types.ts';

const ignore = (): void => undefined;

const nobody: TransactionUser = {
  onRequest: ignore,
  onAck: ignore,
  onCancel: ignore,
  onStrayResponse: ignore,
};

/** The running transactions over one transport layer; see `TransactionLayer`. */
class Layer implements TransactionLayer, AttemptRegistry, ServerOwner {
  readonly #options: TransactionOptions;
  readonly #context: Context;
  readonly #limits: TransactionLimits;
  readonly #servers = new Map<string, Server>();
  /** The first server transaction of each call key: for merged requests and for changed Vias. */
  readonly #calls = new Map<string, Server>();
  readonly #attempts = new Map<string, Attempt>();
  /** INVITEs refused lately, and their Retry-After. */
  readonly #refused = new Recent<number>(50_000);
  readonly #ownBranch: string;
  readonly #counters = { requests: 0, retransmissions: 0, merged: 0, refused: 0, stray: 0, sent: 0 };
  #user = nobody;
  #ids = 0;

  constructor(options: TransactionOptions) {
    this.#options = options;
    const { transport, clock, timers = defaultTimers } = options;
    this.#context = { transport, clock, timers };
    this.#limits = { ...defaultTransactionLimits, ...options.limits };
    this.#ownBranch = magicCookie + options.random.hex(4);
    transport.onMessage((event) => this.#onMessage(event));
  }

  setUser(user: TransactionUser): void {
    this.#user = user;
  }

  newBranch(): string {
    return this.#ownBranch + this.#options.random.hex(8);
  }

  owns(response: SipResponse): boolean {
    return branch(response)?.startsWith(this.#ownBranch) === true;
  }

  request(
    request: SipRequest,
    destinations: readonly Destination[],
    handlers: ClientHandlers,
  ): ClientTransaction {
    this.#counters.sent++;
    const id = this.#newId('c');
    const full = this.#attempts.size >= this.#limits.client;
    const client = new Client(this.#context, this, { id, request, destinations, handlers });
    if (full) handlers.onFailure('overloaded', 'too many client transactions');
    else client.start();
    return client;
  }

  sendAck(ack: SipRequest, destinations: readonly Destination[], done: (result: SendResult) => void): void {
    const { transport } = this.#context;
    const [destination, ...others] = destinations;
    const listener = destination && transport.listenerFor(destination);
    if (destination === undefined || listener === undefined) {
      if (others.length > 0) return this.sendAck(ack, others, done);
      return done({ ok: false, failure: 'no-transport', detail: 'nowhere to send the ACK to' });
    }
    ack.headers.prepend('Via', transport.viaFor(listener, this.newBranch()));
    transport.sendRequest(ack, destination, (result) => {
      if (result.ok || others.length === 0) return done(result);
      ack.headers.shift('Via');
      this.sendAck(ack, others, done);
    });
  }

  close(): void {
    for (const server of this.#servers.values()) server.terminate();
    for (const attempt of this.#attempts.values()) attempt.terminate();
    this.#user = nobody;
  }

  describe(): object {
    return { servers: this.#servers.size, clients: this.#attempts.size, counters: { ...this.#counters } };
  }

  add(attempt: Attempt): void {
    this.#attempts.set(attempt.key, attempt);
  }

  delete(attempt: Attempt): void {
    if (this.#attempts.get(attempt.key) === attempt) this.#attempts.delete(attempt.key);
  }

  ack(ack: SipRequest, event: MessageEvent): void {
    this.#user.onAck(ack, event);
  }

  ended(server: Server): void {
    this.#servers.delete(server.key);
    if (this.#calls.get(server.callKey) === server) this.#calls.delete(server.callKey);
  }

  #newId(kind: string): string {
    return `${this.#ownBranch.slice(magicCookie.length)}-${kind}${(this.#ids++).toString(36)}`;
  }

  #onMessage(event: MessageEvent): void {
    const { message } = event;
    if (message.kind === 'response') this.#onResponse(message, event);
    else if (message.method === 'ACK') this.#onAck(message, event);
    else if (message.method === 'CANCEL') this.#onCancel(message, event);
    else this.#onRequest(message, event);
  }

  /** The new server transaction; undefined when the request was a retransmission, or too much. */
  #open(request: SipRequest, flow: Flow): Server | undefined {
    const { method } = request;
    const key = serverKey(request, method);
    if (key === undefined) return undefined;
    const known = this.#servers.get(key);
    if (known !== undefined) {
      this.#counters.retransmissions++;
      known.step('request');
      return undefined;
    }
    const retryAfter = this.#servers.size >= this.#limits.server ? 5 : this.#tooMany(request, key);
    if (retryAfter !== undefined) {
      this.#counters.refused++;
      this.#refuse(request, flow, retryAfter);
      return undefined;
    }
    const id = this.#newId('s');
    const server = new Server(this.#context, this, {
      id,
      key,
      callKey: callKey(request, method),
      request,
      flow,
    });
    this.#servers.set(key, server);
    server.begin();
    return server;
  }

  /** Retry-After for a request that the user does not want. One that crosses its refusal is not wanted later either. */
  #tooMany(request: SipRequest, key: string): number | undefined {
    if (request.method !== 'INVITE' && request.method !== 'REGISTER') return undefined;
    if (this.#user.refuses === undefined) return undefined;
    if (toTag(request) !== undefined) return undefined;
    const retryAfter = this.#refused.get(key) ?? this.#user.refuses(request);
    if (retryAfter !== undefined) this.#refused.set(key, retryAfter);
    return retryAfter;
  }

  /** 503 without state (RFC 3261 §8.2.7, §21.5.4). */
  #refuse(request: SipRequest, flow: Flow, retryAfter: number): void {
    const headers = [{ name: 'Retry-After', value: String(retryAfter) }];
    const response = createResponse(request, 503, undefined, headers);
    setToTag(response, this.#options.random.hex(4));
    this.#context.transport.sendResponse(response, flow, ignore);
  }

  #onRequest(request: SipRequest, event: MessageEvent): void {
    const server = this.#open(request, event.flow);
    if (server === undefined) return;
    this.#counters.requests++;
    const first = this.#calls.get(server.callKey);
    if (first === undefined) this.#calls.set(server.callKey, server);
    else if (toTag(request) === undefined) return this.#onMerged(server, event);
    this.#user.onRequest(server, event);
    if (request.method === 'INVITE') server.settle();
  }

  #onMerged(server: Server, event: MessageEvent): void {
    this.#counters.merged++;
    if (this.#user.onMerged !== undefined) {
      this.#user.onMerged(server, event);
      if (server.request.method === 'INVITE') server.settle();
      return;
    }
    const response = createResponse(server.request, 482);
    setToTag(response, this.#options.random.hex(8));
    server.respond(response);
  }

  #onAck(ack: SipRequest, event: MessageEvent): void {
    const key = serverKey(ack, 'INVITE');
    const known = key === undefined ? undefined : this.#servers.get(key);
    if (known !== undefined) return known.step('ack', { request: ack, event });
    const changed = this.#calls.get(callKey(ack, 'INVITE'));
    if (changed?.state === 'completed' && hasToTag(ack, changed.last)) {
      return changed.step('ack', { request: ack, event });
    }
    this.#user.onAck(ack, event);
  }

  #onCancel(cancel: SipRequest, event: MessageEvent): void {
    const server = this.#open(cancel, event.flow);
    if (server === undefined) return;
    const key = serverKey(cancel, 'INVITE');
    // RFC 3261 §9.2; and by what a NAT that rewrites Via cannot change.
    const invite =
      (key === undefined ? undefined : this.#servers.get(key)) ?? this.#calls.get(callKey(cancel, 'INVITE'));
    this.#user.onCancel(server, invite, event);
  }

  #onResponse(response: SipResponse, event: MessageEvent): void {
    const key = responseKey(response);
    const attempt = key === undefined ? undefined : this.#attempts.get(key);
    if (attempt !== undefined) return attempt.receive(response, event);
    this.#counters.stray++;
    this.#acknowledgeStray(response, event.flow);
    this.#user.onStrayResponse(response, event);
  }

  /** A late refusal of an INVITE of ours is repeated until it is acknowledged, whoever still knows of the call. */
  #acknowledgeStray(response: SipResponse, flow: Flow): void {
    if (response.status < 300 || cseq(response)?.method !== 'INVITE') return;
    if (!this.owns(response)) return;
    const { address, port } = flow.remote;
    const uri = `sip:${address.includes(':') ? `[${address}]` : address}:${port}`;
    this.#context.transport.sendRequest(strayAckFor(response, uri), { kind: 'flow', flow }, ignore);
  }
}

/** The transaction layer over a transport layer, whose messages it takes from now on. */
export const createTransactionLayer = (options: TransactionOptions): TransactionLayer => new Layer(options);
