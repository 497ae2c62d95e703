import type { CallRouting } from '../routing/call-routing.ts';
import type { Call } from './call.ts';
import { forwardedHeaders, type History } from './diversion.ts';
import { userOf, type Endpoint } from './endpoint.ts';
import { callerShown, type Manner } from './manner.ts';
import type { Target } from './ring.ts';
import type { Headers } from './signaling.ts';

/** What those who are rung for one call are told: who calls, and through whom the call came to them. */
export class Dressing {
  /** The forwardings before the call came here. */
  readonly history: History;
  readonly #rules: CallRouting;
  readonly #call: Call;
  readonly #from: Endpoint;

  constructor(rules: CallRouting, call: Call, from: Endpoint, history: History) {
    this.#rules = rules;
    this.#call = call;
    this.#from = from;
    this.history = history;
  }

  /** Who calls, as rules see it. */
  get caller() {
    const { number, withheld } = this.#call.caller.identity;
    return { number, anonymous: withheld || number === '', outside: this.#from.kind === 'trunk' };
  }

  dress(target: Target, manner: Manner): Target {
    if (manner.by === undefined) return target;
    const { endpoint } = target;
    const told = endpoint.kind === 'trunk' ? this.#outside(endpoint, manner) : this.#inside(endpoint, manner);
    return { ...target, ...told, headers: { ...target.headers, ...told.headers } };
  }

  #outside({ number }: Extract<Endpoint, { kind: 'trunk' }>, { hops, confirm }: Manner): Dress {
    const { domain } = this.#call;
    return {
      headers: forwardedHeaders(hops, { number, domain }, this.history),
      forwarded: 'outside',
      ...(confirm || this.#rules.needsConfirm(domain, number) ? { confirm: true } : {}),
    };
  }

  #inside(endpoint: Endpoint, { user, shown, hops, confirm }: Manner): Dress {
    const { identity } = this.#call.caller;
    const caller = callerShown(identity, shown, this.#rules.policy(this.#call.domain).mainNumber);
    const dress = {
      ...(caller === undefined ? {} : { caller }),
      ...(confirm ? { confirm } : {}),
    };
    // To the owner's own phones nothing has been forwarded.
    if (user !== undefined && userOf(endpoint)?.id === user.id) return { ...dress, headers: {} };
    return { ...dress, headers: forwardedHeaders(hops, undefined, this.history), forwarded: 'inside' };
  }
}

type Dress = Pick<Target, 'caller' | 'confirm' | 'forwarded'> & { readonly headers: Headers };
