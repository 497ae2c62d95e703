import type { RoutingOwner } from '../../stores/index.ts';
import type { CallRouting } from '../routing/call-routing.ts';
import type { History } from './diversion.ts';

/** A call that a rule forwards outside. */
export type Outgoing = {
  readonly callId: string;
  readonly owner: RoutingOwner;
  readonly caller: { readonly number: string; readonly outside: boolean };
  readonly history: History;
};

/** One number that is rung outside: `rung` when it rings no more, `over` when it talks no more, or never did. */
export type Forwarding = { readonly rung: () => void; readonly over: () => void };

/** A call that has been through as many forwardings as this goes outside no more. */
const maxForwardings = 5;

type Live = { rings: number; refs: number; readonly release: () => void };

const keyOf = ({ domain, kind, id }: RoutingOwner, more: string): string =>
  JSON.stringify([domain, kind, id, more]);

/** All calls that rules have forwarded outside: as many as the policy allows, and none of them in a circle. */
export class Forwardings {
  readonly #rules: CallRouting;
  /** By owner and call: several numbers that ring for one call are one forwarding to the policy. */
  readonly #live = new Map<string, Live>();
  /** The calls that ring outside now, by owner and caller. */
  readonly #ringing = new Map<string, Set<string>>();

  constructor(rules: CallRouting) {
    this.#rules = rules;
  }

  /** One more, or why not: the policy's limits, or that the call has come back by its own way outside. */
  begin(outgoing: Outgoing): Forwarding | string {
    const key = keyOf(outgoing.owner, outgoing.callId);
    const known = this.#live.get(key);
    if (known !== undefined) return this.#forwarding(outgoing, key, known);
    const circle = this.#circle(outgoing);
    if (circle !== undefined) return circle;
    const taken = this.#rules.takeForward(outgoing.owner);
    if (!taken.ok) return taken.why;
    const live: Live = { rings: 0, refs: 0, release: taken.release };
    this.#live.set(key, live);
    return this.#forwarding(outgoing, key, live);
  }

  #forwarding(outgoing: Outgoing, key: string, live: Live): Forwarding {
    live.rings += 1;
    live.refs += 1;
    this.#rings(outgoing, true);
    let [rings, lives] = [true, true];
    const rung = () => {
      if (!rings) return;
      rings = false;
      live.rings -= 1;
      if (live.rings === 0) this.#rings(outgoing, false);
    };
    const over = () => {
      rung();
      if (!lives) return;
      lives = false;
      live.refs -= 1;
      if (live.refs > 0) return;
      this.#live.delete(key);
      live.release();
    };
    return { rung, over };
  }

  #rings({ owner, caller, callId }: Outgoing, on: boolean): void {
    const key = keyOf(owner, caller.number);
    const calls = this.#ringing.get(key) ?? new Set();
    if (on) calls.add(callId);
    else calls.delete(callId);
    if (calls.size > 0) this.#ringing.set(key, calls);
    else this.#ringing.delete(key);
  }

  #circle({ owner, caller, history: { numbers, count } }: Outgoing): string | undefined {
    if (count >= maxForwardings) return `the call has been forwarded ${count} times on its way here`;
    if (numbers.some((number) => this.#leadsTo(owner, number)))
      return 'the call has been forwarded from here before';
    // A carrier may drop what tells of it: then the same caller comes in while that call still rings outside.
    const same = caller.outside && caller.number !== '' && this.#ringing.has(keyOf(owner, caller.number));
    return same ? 'a call of this caller is being forwarded from here already' : undefined;
  }

  #leadsTo(owner: RoutingOwner, number: string): boolean {
    const { domain } = owner;
    const is = (one: RoutingOwner | undefined) => one?.kind === owner.kind && one.id === owner.id;
    if (is(this.#rules.ownerOf(domain, number))) return true;
    const found = this.#rules.inside(domain, number);
    return found?.kind === 'number' && is(this.#rules.ownerOf(domain, found.number.target));
  }
}
