import type { RoutingOwner } from '../../stores/index.ts';
import type { CallRouting } from '../routing/call-routing.ts';
import type { History } from './diversion.ts';

/** A call that is forwarded outside. `rung` when it rings no more there, `over` when that leg is over or never came. */
export type Forwarding = { readonly rung: () => void; readonly over: () => void };

/** A call that has been through more forwardings than this goes outside no more. */
const maxForwardings = 5;

const keyOf = ({ domain, kind, id }: RoutingOwner, caller: string): string =>
  JSON.stringify([domain, kind, id, caller]);

/** All calls that rules have forwarded outside: as many as the policy allows, and none of them in a circle. */
export class Forwardings {
  readonly #rules: CallRouting;
  /** Those that ring outside now, by whose rule it was and who calls. */
  readonly #ringing = new Map<string, number>();

  constructor(rules: CallRouting) {
    this.#rules = rules;
  }

  /** One more, or why not: the policy's limits, or that the call has come back by its own way outside. */
  begin(
    owner: RoutingOwner,
    caller: { readonly number: string; readonly outside: boolean },
    history: History,
  ) {
    const circle = this.#circle(owner, caller, history);
    if (circle !== undefined) return circle;
    const taken = this.#rules.takeForward(owner);
    if (!taken.ok) return taken.why;
    const key = keyOf(owner, caller.number);
    this.#ringing.set(key, (this.#ringing.get(key) ?? 0) + 1);
    let rings = true;
    const rung = () => {
      if (!rings) return;
      rings = false;
      const left = (this.#ringing.get(key) ?? 1) - 1;
      if (left === 0) this.#ringing.delete(key);
      else this.#ringing.set(key, left);
    };
    const forwarding: Forwarding = {
      rung,
      over: () => {
        rung();
        taken.release();
      },
    };
    return forwarding;
  }

  #circle(
    owner: RoutingOwner,
    caller: { readonly number: string; readonly outside: boolean },
    { numbers, count }: History,
  ): string | undefined {
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
    const named = this.#rules.ownerOf(domain, number);
    if (is(named)) return true;
    const found = this.#rules.inside(domain, number);
    return found?.kind === 'number' && is(this.#rules.ownerOf(domain, found.number.target));
  }
}
