import { isDeepStrictEqual } from 'node:util';
import type { FastifyRequest } from 'fastify';
import type { Action, Condition, Routing, RoutingOwner, Rule } from '../stores/index.ts';
import type { ApiParts } from './api-parts.ts';
import { Refused } from './problem.ts';
import { mostRules } from './rule-schemas.ts';
import type { Who } from './who.ts';

/** A rule as a client says it; its id where it is one that is there. */
export type RuleSaid = {
  readonly id?: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly profiles?: readonly string[];
  readonly when: readonly Condition[];
  readonly then: Action;
  readonly locked?: boolean;
};

/** Whose rules, and what they are called in the audit log: `users/100`. */
export type Owned = { readonly owner: RoutingOwner; readonly what: string };

type Change = (rules: readonly Rule[]) => readonly Rule[];

/** Rules as clients change them: checked, one change after another, and written down. */
export class RuleBook {
  readonly #parts: ApiParts;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  rules({ owner }: Owned): readonly Rule[] {
    return this.routing({ owner }).rules;
  }

  routing({ owner }: Pick<Owned, 'owner'>): Routing {
    return this.#parts.product.rules.routing(owner);
  }

  one(owned: Owned, id: string): Rule {
    return one(this.rules(owned), id);
  }

  /** Refuses with 412 when the request has seen other rules, and with 403, 404 or 422 as `change` does. */
  async change(
    request: FastifyRequest,
    owned: Owned,
    seen: (rules: readonly Rule[]) => object,
    change: Change,
  ): Promise<readonly Rule[]> {
    const { product, etags, auditLog } = this.#parts;
    let before: readonly Rule[] = [];
    const after = await product.rules.change(owned.owner, (routing) => {
      before = routing.rules;
      etags.check(request, seen(before));
      const rules = change(before);
      if (rules.length > mostRules) throw new Refused(422, `More than ${mostRules} rules`);
      return isDeepStrictEqual(rules, before) ? routing : { ...routing, rules };
    });
    if (after.rules !== before)
      auditLog.write(request.who, {
        action: 'change',
        what: `${owned.what}/rules`,
        ...difference(before, after.rules),
      });
    return after.rules;
  }

  /** The rule that a request says, as it is kept. One that is the same as before keeps who changed it, and when. */
  settled({ who }: FastifyRequest, { owner }: Owned, said: RuleSaid, before?: Rule): Rule {
    const { random, clock, product } = this.#parts;
    if (!who.asker.admin && (said.locked === true || before?.locked === true))
      throw new Refused(403, 'Only an administrator locks and changes locked rules');
    const stamp = { id: random.hex(8), changedAt: clock.wall(), changedBy: this.nameOf(who) };
    if (before !== undefined) {
      if (isDeepStrictEqual(written(said, before), before)) return before;
      stamp.id = before.id;
    }
    const rule = written(said, stamp);
    const wrong = product.rules.check(owner, rule);
    if (wrong !== undefined) throw new Refused(422, `Rule "${rule.name}": ${wrong}`);
    return rule;
  }

  /** All of the asker's rules as a request says them, in that order. A user's locked rules stay where they are. */
  replaced(
    request: FastifyRequest,
    owned: Owned,
    said: readonly RuleSaid[],
    before: readonly Rule[],
  ): readonly Rule[] {
    const { admin } = request.who.asker;
    const known = new Map(before.map((rule) => [rule.id, rule]));
    const ids = said.flatMap(({ id }) => (id === undefined ? [] : [id]));
    if (new Set(ids).size < ids.length) throw new Refused(422, 'A rule is in the list twice');
    const fixed = admin ? [] : before.filter(({ locked }) => locked === true);
    const settled = said
      .filter(({ id }) => !fixed.some((rule) => rule.id === id))
      .map((one) => this.settled(request, owned, one, known.get(one.id ?? '')));
    return [...fixed, ...settled];
  }

  /** `administrator`, or a user's extension. */
  nameOf({ asker }: Who): string {
    if (asker.userId === undefined) return 'administrator';
    return this.#parts.directory.userById(asker.userId)?.extension ?? asker.userId;
  }
}

/** What the audit log has of a change: the rules that are not the same as before, or the order that is not. */
function difference(before: readonly Rule[], after: readonly Rule[]): { before: unknown; after: unknown } {
  const gone = before.filter((rule) => !after.includes(rule));
  const come = after.filter((rule) => !before.includes(rule));
  const order = (rules: readonly Rule[]) => ({ order: rules.map(({ id }) => id) });
  return gone.length + come.length === 0
    ? { before: order(before), after: order(after) }
    : { before: gone, after: come };
}

function written(
  said: RuleSaid,
  { id, changedAt, changedBy }: Pick<Rule, 'id' | 'changedAt' | 'changedBy'>,
): Rule {
  const { name, enabled, profiles, when, then, locked } = said;
  return {
    id,
    name,
    enabled,
    ...(profiles === undefined ? {} : { profiles }),
    when,
    then,
    changedAt,
    changedBy,
    ...(locked === true ? { locked } : {}),
  };
}

export function one(rules: readonly Rule[], id: string): Rule {
  const found = rules.find((rule) => rule.id === id);
  if (found === undefined) throw new Refused(404, 'No such rule');
  return found;
}
