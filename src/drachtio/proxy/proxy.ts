import type { Clock, Timer } from '../../base/index.ts';
import {
  createResponse,
  parseNameAddress,
  setToTag,
  type ClientTransaction,
  type Destination,
  type HeaderField,
  type IncomingRequest,
  type Listener,
  type MessageEvent,
  type SipRequest,
  type SipResponse,
  type UserAgentCore,
} from '../../sip/index.ts';
import {
  applyFields,
  copyRequest,
  copyResponse,
  destinationsOf,
  nextHopOf,
  recordPath,
  recordRoute,
} from './forward.ts';
import type { ProxyOrder } from './proxy-order.ts';
import { newContext, stepContext, type ContextEffect, type ContextEvent } from './response-context.ts';

export type ProxyListener = {
  /** The final response of one target; `event` is undefined when it was made here. */
  onFinal(response: SipResponse, event: MessageEvent | undefined): void;
  onDone(): void;
};

export type ProxyOptions = {
  readonly core: UserAgentCore;
  readonly clock: Clock;
  /** Milliseconds of timer C (RFC 3261 §16.6 step 11). */
  readonly timerC: number;
};

type Branch = {
  readonly target: string;
  /** The target came with a redirect and becomes the Request-URI whatever that was. */
  readonly redirected: boolean;
  client?: ClientTransaction;
  latest?: SipResponse;
  reported: boolean;
  timers: Map<'c' | 'provisional' | 'final', Timer>;
};

const newBranch = (target: string, redirected: boolean): Branch => ({
  target,
  redirected,
  reported: false,
  timers: new Map(),
});

/** The URIs of a redirect, the most wanted first (RFC 3261 §20.10). */
const contactsOf = (response: SipResponse): string[] =>
  response.headers
    .list('contact')
    .map((value) => parseNameAddress(value))
    .filter((address) => address !== undefined)
    .toSorted((a, b) => Number(b.parameters.get('q') ?? 1) - Number(a.parameters.get('q') ?? 1))
    .map(({ uri }) => uri);

/** A request on its way to its targets (RFC 3261 §16): the driver of a response context. */
export class Proxy {
  readonly #options: ProxyOptions;
  readonly #order: ProxyOrder;
  readonly #incoming: IncomingRequest;
  readonly #fields: readonly HeaderField[];
  readonly #listener: ProxyListener;
  readonly #branches: Branch[];
  readonly #tried = new Set<string>();
  #state;

  constructor(
    options: ProxyOptions,
    order: ProxyOrder,
    request: { readonly incoming: IncomingRequest; readonly fields: readonly HeaderField[] },
    listener: ProxyListener,
  ) {
    this.#options = options;
    this.#order = order;
    this.#incoming = request.incoming;
    this.#fields = request.fields;
    this.#listener = listener;
    this.#branches = order.targets.map((target) => newBranch(target, false));
    for (const target of order.targets) this.#tried.add(target);
    const isInvite = request.incoming.request.method === 'INVITE';
    this.#state = newContext(order.targets.length, order.serial, isInvite);
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  cancel(): void {
    this.#step({ type: 'cancel' });
  }

  #step(event: ContextEvent): void {
    const [state, effects] = stepContext(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ContextEffect): void {
    if (effect.type === 'start') return this.#start(effect.branch);
    if (effect.type === 'cancel') return this.#branches[effect.branch]?.client?.cancel();
    if (effect.type === 'forward') return this.#forward(this.#branches[effect.branch]?.latest);
    if (effect.type === 'nothing') return this.#forward(undefined);
    this.#listener.onDone();
  }

  #start(index: number): void {
    const branch = this.#branches[index];
    if (branch === undefined) return;
    const { core } = this.#options;
    const { request } = this.#incoming;
    const replace = branch.redirected || (core.isOwn(request.uri) && !branch.target.startsWith('tel:'));
    const copy = copyRequest(request, core, replace ? branch.target : request.uri);
    applyFields(copy, this.#fields);
    const hop = branch.target.startsWith('tel:') ? nextHopOf(copy) : branch.target;
    destinationsOf(core, hop, (destinations) => {
      const first = destinations[0];
      const leaving = first === undefined ? undefined : core.transport.listenerFor(first);
      if (leaving === undefined) return this.#failed(index, 503, 'no way to the target');
      if (this.#order.recordRoute) {
        if (request.method === 'REGISTER') recordPath(copy, leaving);
        else recordRoute(copy, this.#arrivedOn(), leaving);
      }
      this.#send(index, copy, destinations);
    });
  }

  #arrivedOn(): Listener | undefined {
    return this.#options.core.transport.listenerFor({ kind: 'flow', flow: this.#incoming.event.flow });
  }

  #send(index: number, copy: SipRequest, destinations: readonly Destination[]): void {
    const branch = this.#branches[index];
    if (branch === undefined) return;
    const { provisionalMs, finalMs } = this.#order;
    if (provisionalMs !== undefined) this.#arm(index, 'provisional', provisionalMs);
    if (finalMs !== undefined) this.#arm(index, 'final', finalMs);
    if (copy.method === 'INVITE') this.#arm(index, 'c', this.#options.timerC);
    branch.client = this.#options.core.transactions.request(copy, destinations, {
      onResponse: (response, event) => this.#responded(index, response, event),
      onFailure: (failure, detail) =>
        this.#failed(index, failure === 'timeout' ? 408 : 503, failure === 'timeout' ? undefined : detail),
    });
    // CANCEL came while the target's address was looked up.
    if (this.#state.branches[index]?.cancelled) branch.client.cancel();
  }

  #arm(index: number, name: 'c' | 'provisional' | 'final', ms: number): void {
    const branch = this.#branches[index];
    branch?.timers.get(name)?.cancel();
    branch?.timers.set(
      name,
      this.#options.clock.after(ms, () => this.#step({ type: 'overdue', branch: index })),
    );
  }

  #disarm(branch: Branch, ...names: ('c' | 'provisional' | 'final')[]): void {
    for (const name of names) {
      branch.timers.get(name)?.cancel();
      branch.timers.delete(name);
    }
  }

  #responded(index: number, response: SipResponse, event: MessageEvent | undefined): void {
    const branch = this.#branches[index];
    if (branch === undefined) return;
    const back = copyResponse(response);
    const { status } = response;
    if (status < 200) {
      this.#disarm(branch, 'provisional');
      // Timer C starts anew with each 1xx but 100 (RFC 3261 §16.7 step 2).
      if (status > 100 && branch.timers.has('c')) this.#arm(index, 'c', this.#options.timerC);
      branch.latest = back;
      return this.#step({ type: 'provisional', branch: index, status });
    }
    this.#disarm(branch, 'provisional', 'final', 'c');
    branch.latest = back;
    this.#report(branch, back, event);
    this.#step({ type: 'final', branch: index, status, added: this.#follow(response) });
  }

  #failed(index: number, status: number, reason: string | undefined): void {
    const branch = this.#branches[index];
    if (branch === undefined) return;
    this.#disarm(branch, 'provisional', 'final', 'c');
    branch.latest = this.#local(status, reason);
    this.#report(branch, branch.latest, undefined);
    this.#step({ type: 'final', branch: index, status });
  }

  #report(branch: Branch, response: SipResponse, event: MessageEvent | undefined): void {
    if (branch.reported) return;
    branch.reported = true;
    this.#listener.onFinal(response, event);
  }

  /** Adds the targets of a redirect that is followed, and tells how many are new. */
  #follow(response: SipResponse): number {
    if (!this.#order.followRedirects || response.status < 300 || response.status >= 400) return 0;
    const fresh = contactsOf(response).filter((uri) => !this.#tried.has(uri) && this.#tried.size < 32);
    for (const uri of fresh) {
      this.#tried.add(uri);
      this.#branches.push(newBranch(uri, true));
    }
    return fresh.length;
  }

  #forward(response: SipResponse | undefined): void {
    this.#incoming.transaction.respond(response ?? this.#local(this.#state.closed ? 487 : 408));
  }

  /** A final response of our own. */
  #local(status: number, reason?: string): SipResponse {
    const response = createResponse(this.#incoming.request, status, reason);
    setToTag(response, this.#incoming.localTag);
    return response;
  }
}
