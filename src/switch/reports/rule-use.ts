import type {
  Action,
  CallRecord,
  DirectoryStore,
  Routing,
  RoutingOwner,
  RoutingPolicy,
  Rule,
} from '../../stores/index.ts';
import { uriParts } from '../registrar/index.ts';

/** A rule, and whether it still does anything (S2-91). Times are wall-clock milliseconds. */
export type RuleUse = {
  /** An extension or a number. */
  readonly owner: string;
  readonly kind: RoutingOwner['kind'];
  readonly rule: { readonly id: string; readonly name: string };
  readonly enabled: boolean;
  readonly changedAt: number;
  readonly changedBy: string;
  readonly ageDays: number;
  /** How often it was taken within the time that was looked at, and when last. */
  readonly hits: number;
  readonly lastHit?: number;
  /** Older than that time, and not taken once in it. */
  readonly stale: boolean;
  /** Of a main or emergency number, as the policy has them (S2-68). */
  readonly protected: boolean;
  /** It may lead to outside numbers. */
  readonly outside: boolean;
};

const dayMs = 86_400_000;

type Hits = { count: number; last: number };

/** Counts how often rules were taken. */
export class RuleHits {
  readonly #hits = new Map<string, Hits>();

  add({ trace = [] }: CallRecord): void {
    for (const { rule, taken, at } of trace) {
      if (rule === undefined || taken !== true) continue;
      const hits = this.#hits.get(rule.id) ?? { count: 0, last: 0 };
      this.#hits.set(rule.id, { count: hits.count + 1, last: Math.max(hits.last, at) });
    }
  }

  of(id: string): Hits | undefined {
    return this.#hits.get(id);
  }
}

export type RuleUseOptions = {
  readonly directory: DirectoryStore;
  readonly policy: RoutingPolicy | undefined;
  readonly now: number;
  /** Milliseconds that were looked at. */
  readonly lookedAt: number;
};

/** Every rule of a domain and what it was good for, the longest unused first. */
export function ruleUse(
  routings: readonly Routing[],
  hits: RuleHits,
  options: RuleUseOptions,
): readonly RuleUse[] {
  return routings
    .flatMap((routing) => routing.rules.map((rule) => useOf(routing.owner, rule, hits, options)))
    .toSorted((a, b) => (a.lastHit ?? 0) - (b.lastHit ?? 0) || a.changedAt - b.changedAt);
}

function useOf(owner: RoutingOwner, rule: Rule, hits: RuleHits, options: RuleUseOptions): RuleUse {
  const { directory, policy, now, lookedAt } = options;
  const name = nameOf(directory, owner);
  const found = hits.of(rule.id);
  const age = now - rule.changedAt;
  return {
    owner: name,
    kind: owner.kind,
    rule: { id: rule.id, name: rule.name },
    enabled: rule.enabled,
    changedAt: rule.changedAt,
    changedBy: rule.changedBy,
    ageDays: Math.floor(age / dayMs),
    hits: found?.count ?? 0,
    ...(found === undefined ? {} : { lastHit: found.last }),
    stale: found === undefined && age >= lookedAt,
    protected: policy?.protectedNumbers.includes(name) ?? false,
    outside: targetsOf(rule.then).some((to) => directory.resolve(owner.domain, to) === undefined),
  };
}

function nameOf(directory: DirectoryStore, { domain, kind, id }: RoutingOwner): string {
  if (kind === 'number') return id;
  if (kind === 'user') return directory.userById(id)?.extension ?? id;
  return directory.groups(domain).find((group) => group.id === id)?.extension ?? id;
}

/** Whom an action rings, as it is written; a full address counts by its user part. */
function targetsOf(action: Action): readonly string[] {
  const written =
    action.kind === 'ring'
      ? action.targets.map(({ to }) => to)
      : action.kind === 'forward'
        ? [action.to]
        : [];
  return written.map((to) => uriParts(to)?.user ?? to);
}
