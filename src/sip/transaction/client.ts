import type { HeaderField, SipRequest, SipResponse } from '../message/index.ts';
import type { Destination, Flow, MessageEvent, SendResult } from '../transport/types.ts';
import { ackFor, cancelFor } from './build.ts';
import type { ClientEvent } from './client-machines.ts';
import { machines, type Context } from './context.ts';
import { clientKey } from './keys.ts';
import { step, type AnyMachine, type Effect } from './machine.ts';
import { Timers } from './timers.ts';
import type { ClientFailure, ClientHandlers, ClientTransaction } from './types.ts';

type Failure = { readonly failure: ClientFailure; readonly detail: string };

type AttemptOwner = {
  response(attempt: Attempt, response: SipResponse, event: MessageEvent | undefined): void;
  failed(attempt: Attempt, failure: Failure): void;
  sent(attempt: Attempt, result: SendResult & { readonly ok: true }): void;
  wantsCancel(attempt: Attempt): void;
  ended(attempt: Attempt): void;
};

type AttemptOptions = {
  readonly request: SipRequest;
  readonly branch: string;
  readonly destination: Destination;
  readonly owner: AttemptOwner;
};

const eventOf = (status: number): ClientEvent => {
  if (status <= 100) return '100';
  if (status < 200) return '1xx';
  return status < 300 ? '2xx' : '3xx';
};

const isReliable = (destination: Destination): boolean =>
  destination.kind === 'flow' ? destination.flow.reliable : destination.protocol !== 'udp';

/** One request to one destination: the driver of a client machine. */
export class Attempt {
  readonly key: string;
  request: SipRequest | undefined;
  readonly branch: string;
  /** Whether any response came. */
  answered = false;
  flow: Flow | undefined;
  #state: string;
  #machine: AnyMachine<ClientEvent>;
  #destination: Destination;
  #ack: SipRequest | undefined;
  #failure = '';
  readonly #context: Context;
  readonly #owner: AttemptOwner;
  readonly #timers: Timers;

  constructor(context: Context, { request, branch, destination, owner }: AttemptOptions) {
    const kind = request.method === 'INVITE' ? machines.inviteClient : machines.nonInviteClient;
    this.#machine = isReliable(destination) ? kind.reliable : kind.unreliable;
    this.#state = this.#machine.initial.to;
    this.key = clientKey(branch, request.method);
    this.request = request;
    this.branch = branch;
    this.#context = context;
    this.#owner = owner;
    this.#destination = destination;
    this.#timers = new Timers(context.clock, context.timers, (event) => this.step(event));
  }

  get state(): string {
    return this.#state;
  }

  /** Where ACK and CANCEL go: over the flow that the request went. */
  get destination(): Destination {
    return this.#destination;
  }

  begin(): void {
    for (const effect of this.#machine.initial.effects) this.#run(effect, undefined, undefined);
  }

  receive(response: SipResponse, event: MessageEvent): void {
    this.answered = true;
    this.step(eventOf(response.status), response, event);
  }

  step(name: ClientEvent, response?: SipResponse, event?: MessageEvent): void {
    const transition = step(this.#machine, this.#state, name);
    if (transition === undefined) return;
    this.#state = transition.to;
    for (const effect of transition.effects) this.#run(effect, response, event);
    if (transition.to === 'terminated') this.#end();
    // What waits for retransmissions needs its request no more.
    else if (transition.to === 'completed' || transition.to === 'accepted') this.request = undefined;
  }

  terminate(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.#end();
  }

  #end(): void {
    this.#timers.stopAll();
    this.#owner.ended(this);
  }

  #run(effect: Effect, response: SipResponse | undefined, event: MessageEvent | undefined): void {
    switch (effect.do) {
      case 'start':
        return this.#timers.start(effect.timer);
      case 'stop':
        return this.#timers.stop(effect.timer);
      case 'back off':
        return this.#timers.backOff(effect.timer);
      case 'hold':
        return this.#timers.hold(effect.timer);
      case 'send request':
        return this.#send();
      case 'send ACK':
        return this.#sendAck(response);
      case 'send CANCEL':
        return this.#owner.wantsCancel(this);
      case 'report response':
        if (response !== undefined) this.#owner.response(this, response, event);
        return undefined;
      case 'report timeout':
        return this.#owner.failed(this, { failure: 'timeout', detail: 'no final response in time' });
      case 'report failure':
        return this.#owner.failed(this, { failure: 'transport', detail: this.#failure });
      default:
        return undefined;
    }
  }

  readonly #onSent = (result: SendResult): void => {
    if (!result.ok) {
      this.#failure = `${result.failure}: ${result.detail}`;
      return this.step('transport error');
    }
    if (this.flow !== undefined || this.#state === 'terminated') return;
    this.flow = result.flow;
    this.#destination = { kind: 'flow', flow: result.flow };
    // A large request that was moved to TCP needs no retransmission (RFC 3261 §18.1.1).
    if (result.flow.reliable && this.#machine === machines.inviteClient.unreliable) {
      this.#machine = machines.inviteClient.reliable;
      this.#timers.stop('A');
    } else if (result.flow.reliable && this.#machine === machines.nonInviteClient.unreliable) {
      this.#machine = machines.nonInviteClient.reliable;
      this.#timers.stop('E');
    }
    this.#owner.sent(this, result);
  };

  #send(): void {
    if (this.request === undefined) return;
    this.#context.transport.sendRequest(this.request, this.#destination, this.#onSent);
  }

  #sendAck(response: SipResponse | undefined): void {
    if (this.#ack === undefined) {
      if (response === undefined || this.request === undefined) return;
      this.#ack = ackFor(this.request, response);
    }
    this.#context.transport.sendRequest(this.#ack, this.#destination, (result) => {
      if (!result.ok) this.step('transport error');
    });
  }
}

/** Where attempts are found by the responses that come in. */
export type AttemptRegistry = {
  add(attempt: Attempt): void;
  delete(attempt: Attempt): void;
  newBranch(): string;
};

type CancelWish = {
  readonly headers: readonly HeaderField[];
  readonly done: ((cancel: SipRequest, result: SendResult) => void) | undefined;
};

/** A request of ours, tried at one destination after the other (RFC 3263 §4.3). */
export class Client implements ClientTransaction, AttemptOwner {
  readonly id: string;
  readonly request: SipRequest;
  readonly #context: Context;
  readonly #registry: AttemptRegistry;
  readonly #destinations: readonly Destination[];
  readonly #handlers: ClientHandlers;
  #next = 0;
  #live = 0;
  #current: Attempt | undefined;
  #cancel: CancelWish | undefined;
  #sent = false;
  #over = false;

  constructor(
    context: Context,
    registry: AttemptRegistry,
    what: {
      readonly id: string;
      readonly request: SipRequest;
      readonly destinations: readonly Destination[];
      readonly handlers: ClientHandlers;
    },
  ) {
    this.id = what.id;
    this.request = what.request;
    this.#context = context;
    this.#registry = registry;
    this.#destinations = what.destinations;
    this.#handlers = what.handlers;
  }

  get flow(): Flow | undefined {
    return this.#current?.flow;
  }

  get state(): string {
    return this.#current?.state ?? 'calling';
  }

  start(): void {
    this.#tryNext({ failure: 'no-transport', detail: 'no destination' });
  }

  cancel(headers: readonly HeaderField[] = [], done?: CancelWish['done']): void {
    if (this.request.method !== 'INVITE' || this.#cancel !== undefined) return;
    this.#cancel = { headers, done };
    this.#current?.step('cancel');
  }

  terminate(): void {
    this.#over = true;
    this.#current?.terminate();
  }

  #tryNext(why: Failure): void {
    const { transport } = this.#context;
    let reason = why;
    while (this.#next < this.#destinations.length) {
      const destination = this.#destinations[this.#next++] as Destination;
      const listener = transport.listenerFor(destination);
      if (listener === undefined) {
        reason = { failure: 'no-transport', detail: 'requested protocol/transport not available' };
        continue;
      }
      if (this.#current !== undefined) {
        this.request.headers.shift('Via');
        this.#handlers.onNextDestination?.(this.request, destination, listener);
      }
      const branch = this.#registry.newBranch();
      this.request.headers.prepend('Via', transport.viaFor(listener, branch));
      return this.#begin(
        new Attempt(this.#context, { request: this.request, branch, destination, owner: this }),
      );
    }
    this.#over = true;
    this.#handlers.onFailure(reason.failure, reason.detail);
    if (this.#live === 0) this.#handlers.onEnd?.();
  }

  #begin(attempt: Attempt): void {
    this.#current = attempt;
    this.#live++;
    this.#registry.add(attempt);
    attempt.begin();
  }

  get #mayTryAnother(): boolean {
    return !this.#over && this.#cancel === undefined && this.#next < this.#destinations.length;
  }

  response(attempt: Attempt, response: SipResponse, event: MessageEvent | undefined): void {
    if (attempt !== this.#current || this.#over) return;
    // RFC 3263 §4.3: 503 is a failure of that destination.
    if (response.status === 503 && this.#mayTryAnother) {
      return this.#tryNext({ failure: 'transport', detail: '503' });
    }
    this.#handlers.onResponse(response, event);
  }

  failed(attempt: Attempt, failure: Failure): void {
    if (attempt !== this.#current || this.#over) return;
    if (!attempt.answered && this.#mayTryAnother) return this.#tryNext(failure);
    this.#over = true;
    this.#handlers.onFailure(failure.failure, failure.detail);
  }

  sent(attempt: Attempt, result: SendResult & { readonly ok: true }): void {
    if (this.#sent || this.#over || attempt !== this.#current) return;
    this.#sent = true;
    this.#handlers.onSent?.(result);
  }

  wantsCancel(attempt: Attempt): void {
    const wish = this.#cancel;
    const { request, branch, destination } = attempt;
    if (request === undefined) return;
    const cancel = cancelFor(request, wish?.headers ?? []);
    const owner = new CancelOwner(this.#registry, (result) => wish?.done?.(cancel, result));
    const cancelling = new Attempt(this.#context, { request: cancel, branch, destination, owner });
    this.#registry.add(cancelling);
    cancelling.begin();
  }

  ended(attempt: Attempt): void {
    this.#registry.delete(attempt);
    this.#live--;
    if (this.#live === 0 && attempt === this.#current) this.#handlers.onEnd?.();
  }
}

/** Nobody waits for what a CANCEL comes to: the INVITE's final response tells (RFC 3261 §9.1). */
class CancelOwner implements AttemptOwner {
  readonly #registry: AttemptRegistry;
  readonly #done: (result: SendResult) => void;

  constructor(registry: AttemptRegistry, done: (result: SendResult) => void) {
    this.#registry = registry;
    this.#done = done;
  }

  sent(_: Attempt, result: SendResult): void {
    this.#done(result);
  }

  failed(attempt: Attempt, { detail }: Failure): void {
    if (attempt.flow === undefined) this.#done({ ok: false, failure: 'closed', detail });
  }

  ended(attempt: Attempt): void {
    this.#registry.delete(attempt);
  }

  response(): void {
    return undefined;
  }

  wantsCancel(): void {
    return undefined;
  }
}
