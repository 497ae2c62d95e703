import { createRequest, createResponse, toTag, type SipRequest, type SipResponse } from '../message/index.ts';
import type { Flow, MessageEvent, SendResult } from '../transport/types.ts';
import { machines, type Context } from './context.ts';
import { step, type AnyMachine, type Effect } from './machine.ts';
import type { ServerEvent } from './server-machines.ts';
import { Timers } from './timers.ts';
import type { ServerTransaction } from './types.ts';

export type ServerOwner = {
  ack(ack: SipRequest, event: MessageEvent): void;
  ended(server: Server): void;
};

const eventOf = (status: number): ServerEvent => {
  if (status <= 100) return 'send 100';
  if (status < 200) return 'send 1xx';
  return status < 300 ? 'send 2xx' : 'send 3xx';
};

type Sending = { readonly response: SipResponse; readonly done: ((result: SendResult) => void) | undefined };

const forgotten = createRequest('', '');

/** A request that came in: the driver of a server machine. */
export class Server implements ServerTransaction {
  readonly id: string;
  readonly key: string;
  readonly callKey: string;
  readonly flow: Flow;
  userData: unknown;
  readonly #isInvite: boolean;
  #request: SipRequest;
  readonly #context: Context;
  readonly #owner: ServerOwner;
  readonly #machine: AnyMachine<ServerEvent>;
  readonly #timers: Timers;
  #state: string;
  #last: SipResponse | undefined;

  constructor(
    context: Context,
    owner: ServerOwner,
    what: {
      readonly id: string;
      readonly key: string;
      readonly callKey: string;
      readonly request: SipRequest;
      readonly flow: Flow;
    },
  ) {
    this.id = what.id;
    this.key = what.key;
    this.callKey = what.callKey;
    this.#request = what.request;
    this.#isInvite = what.request.method === 'INVITE';
    this.flow = what.flow;
    this.#context = context;
    this.#owner = owner;
    const kind = this.#isInvite ? machines.inviteServer : machines.nonInviteServer;
    this.#machine = what.flow.reliable ? kind.reliable : kind.unreliable;
    this.#state = this.#machine.initial.to;
    this.#timers = new Timers(context.clock, context.timers, (event) => this.step(event));
  }

  get request(): SipRequest {
    return this.#request;
  }

  get state(): string {
    return this.#state;
  }

  get open(): boolean {
    return this.#state === 'proceeding' || this.#state === 'trying';
  }

  /** The last response that was sent. */
  get last(): SipResponse | undefined {
    return this.#last;
  }

  begin(): void {
    for (const effect of this.#machine.initial.effects) {
      // RFC 3261 §17.2.1: with no grace for the user, 100 follows as soon as it had the request (`settle`).
      if (effect.do === 'start' && (effect.timer !== 'T' || this.#context.timers.trying > 0)) {
        this.#timers.start(effect.timer);
      }
    }
  }

  /** The user has had the request. */
  settle(): void {
    if (this.#context.timers.trying === 0 && this.#last === undefined) this.step('timer T');
  }

  respond(response: SipResponse, done?: (result: SendResult) => void): boolean {
    const { status } = response;
    // RFC 4320 §4.2: nobody is left to hear a 408.
    if (status === 408 && !this.#isInvite) return false;
    const event = eventOf(status);
    if (step(this.#machine, this.#state, event) === undefined) return false;
    // RFC 3261 §8.2.7: a challenge needs no state; who has not heard it asks again, and is challenged again. Half of a
    // flood of registrations would otherwise be remembered for half a minute.
    const isForgotten =
      (status === 401 || status === 407) && !this.#isInvite && toTag(this.#request) === undefined;
    this.#sending = { response, done };
    this.step(event);
    if (isForgotten) this.terminate();
    return true;
  }

  #sending: Sending | undefined;

  step(name: ServerEvent, ack?: { readonly request: SipRequest; readonly event: MessageEvent }): void {
    const transition = step(this.#machine, this.#state, name);
    if (transition === undefined) return;
    this.#state = transition.to;
    for (const effect of transition.effects) {
      if (effect.do === 'report ACK') {
        if (ack !== undefined) this.#owner.ack(ack.request, ack.event);
      } else this.#run(effect);
    }
    if (transition.to === 'terminated') this.#end();
    // A busy server holds some ten thousand of these for half a minute each: no more than they need.
    else if (transition.to === 'completed' || transition.to === 'confirmed') this.#slim();
  }

  forget(): void {
    if (this.#state !== 'accepted') return;
    this.#slim();
    this.#last = undefined;
  }

  #slim(): void {
    this.#request = forgotten;
    this.userData = undefined;
  }

  terminate(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.#end();
  }

  #end(): void {
    this.#slim();
    this.#timers.stopAll();
    this.#owner.ended(this);
  }

  #run(effect: Effect): void {
    switch (effect.do) {
      case 'start':
        return this.#timers.start(effect.timer);
      case 'stop':
        return this.#timers.stop(effect.timer);
      case 'back off':
        return this.#timers.backOff(effect.timer);
      case 'send response':
        return this.#sendNew();
      case 'send 100':
        return this.#send(createResponse(this.request, 100), undefined);
      case 'repeat response':
        if (this.#last !== undefined) this.#send(this.#last, undefined);
        return undefined;
      default:
        return undefined;
    }
  }

  #sendNew(): void {
    const sending = this.#sending;
    this.#sending = undefined;
    if (sending !== undefined) this.#send(sending.response, sending.done);
  }

  #send(response: SipResponse, done: ((result: SendResult) => void) | undefined): void {
    this.#last = response;
    this.#context.transport.sendResponse(response, this.flow, (result) => {
      if (!result.ok) this.step('transport error');
      done?.(result);
    });
  }
}
