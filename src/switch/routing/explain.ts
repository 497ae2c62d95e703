import type { Action, RingResult, RoutingOwner, Rule } from '../../stores/index.ts';
import type { CallRouting, RoutedCall } from './call-routing.ts';
import type { Rung } from './rung.ts';
import { startWalk } from './start-walk.ts';
import type { Looked, WalkStep } from './walk.ts';

/** A call that has not happened, and what is assumed of it. */
export type Supposed = RoutedCall & {
  readonly domain: string;
  /** What is dialled. */
  readonly to: string;
  /** What each ringing comes to, in order; `no-answer` when there are more, `not-reachable` where nothing is registered. */
  readonly results: readonly (RingResult | 'answered')[];
  /** What look-ups would answer: they are not asked. */
  readonly lookUp?: string;
  /** Others' rules are not looked into: a forwarding to them is told, and no more. */
  readonly only?: RoutingOwner;
};

export type ExplainedStep = {
  /** Whose rules lead here: an extension or a number. */
  readonly owner: string;
  readonly looked: readonly Looked[];
  readonly does: 'ring' | 'forward' | 'mailbox' | 'announcement' | 'busy' | 'nothing' | 'end';
  readonly rule?: { readonly id: string; readonly name: string };
  readonly to?: string;
  readonly rings?: readonly Rung[];
  readonly order?: 'together' | 'in-order';
  readonly seconds?: number;
  readonly result?: RingResult | 'answered';
  readonly why?: string;
};

const mostSteps = 64;

/** Walks a call that has not happened, step by step, to its end. Nothing rings and nobody is asked. */
export async function explain(
  routing: CallRouting,
  supposed: Supposed,
  ringSeconds: number,
): Promise<readonly ExplainedStep[]> {
  const told = new Telling(routing, supposed, ringSeconds);
  await told.dialled(supposed.to, new Set());
  return told.steps;
}

type Came = RingResult | 'answered' | undefined;

class Telling {
  readonly steps: ExplainedStep[] = [];
  readonly #routing: CallRouting;
  readonly #supposed: Supposed;
  readonly #ringSeconds: number;
  #rung = 0;

  constructor(routing: CallRouting, supposed: Supposed, ringSeconds: number) {
    this.#routing = routing;
    this.#supposed = supposed;
    this.#ringSeconds = ringSeconds;
  }

  /** What dialling something comes to: rules first, where its owner has some. */
  async dialled(to: string, visited: ReadonlySet<string>): Promise<Came> {
    const { domain } = this.#supposed;
    const owner = this.#routing.ownerOf(domain, to);
    if (owner !== undefined) return this.#walk(owner, visited);
    const rings = this.#routing.whoRings(domain, to);
    const known = rings.length > 0;
    return known
      ? this.#ring({ owner: to, looked: [], does: 'ring', rings, seconds: this.#ringSeconds })
      : this.#say({
          owner: to,
          looked: [],
          does: 'end',
          why: 'no such extension or number',
          result: 'not-reachable',
        });
  }

  async #walk(owner: RoutingOwner, visited: ReadonlySet<string>): Promise<Came> {
    const { lookUp } = this.#supposed;
    const facts = { ...this.#routing.facts(owner, this.#supposed), lookUp: async () => lookUp };
    const walk = startWalk(facts, this.#routing.routing(owner));
    const inner = new Set([...visited, nameIn(owner)]);
    let came: Came;
    while (this.steps.length < mostSteps) {
      // oxlint-disable-next-line no-await-in-loop -- each step depends on what the one before came to
      const { step, looked } = await walk.next(came === 'answered' ? undefined : came);
      const begun = { owner: facts.ownerName, looked };
      if (step.do === 'end') {
        const { result = 'not-reachable' } = step;
        return this.#ends(begun, result, visited);
      }
      // oxlint-disable-next-line no-await-in-loop -- likewise
      came = await this.#step(owner, step, begun, inner);
      if (came === 'answered') return came;
    }
    return came;
  }

  /** Only the walk that the caller began with ends the call; one within it goes on in the outer one. */
  #ends(begun: Begun, result: RingResult, visited: ReadonlySet<string>): Came {
    if (visited.size === 0 || begun.looked.length > 0)
      return this.#say({ ...begun, does: visited.size === 0 ? 'end' : 'nothing', result });
    return result;
  }

  async #step(
    owner: RoutingOwner,
    step: Exclude<WalkStep, { do: 'end' }>,
    begun: Begun,
    visited: ReadonlySet<string>,
  ): Promise<Came> {
    if (step.do === 'act') return this.#act(step.rule, step.action, begun, visited);
    const seconds = step.seconds ?? this.#ringSeconds;
    const target = this.#routing.targetOf(owner);
    if (target === undefined)
      return this.#ring({ ...begun, does: 'ring', rings: this.#routing.whoRingsFor(owner), seconds });
    return this.#forward({ ...begun, to: target, seconds }, visited);
  }

  async #act(
    rule: Rule,
    action: Exclude<Action, { kind: 'stop' }>,
    begun: Begun,
    visited: ReadonlySet<string>,
  ): Promise<Came> {
    const named = { ...begun, rule: { id: rule.id, name: rule.name } };
    switch (action.kind) {
      case 'forward': {
        const { to, seconds = this.#ringSeconds, confirm = false } = action;
        return this.#forward({ ...named, to, seconds }, visited, confirm);
      }
      case 'ring': {
        const rings = action.targets.flatMap(({ to, afterSeconds, seconds }) =>
          this.#routing.whoRings(this.#supposed.domain, to, action.confirm).map((rung): Rung => ({
            ...rung,
            ...(this.#isSilent(to, begun.owner) ? { silent: true } : {}),
            ...(afterSeconds === undefined ? {} : { afterSeconds }),
            ...(seconds === undefined ? {} : { seconds }),
          })),
        );
        return this.#ring({ ...named, does: 'ring', rings, order: action.order, seconds: action.seconds });
      }
      case 'mailbox':
        this.#say({ ...named, does: 'mailbox', to: boxOf(action.of, begun.owner) });
        return 'answered';
      case 'announcement':
        this.#say({ ...named, does: 'announcement', to: action.file });
        return 'answered';
      default:
        this.#say({ ...named, does: 'busy', result: 'busy' });
        return 'answered';
    }
  }

  /** Who does not want to be disturbed is not rung by the rules of others. */
  #isSilent(to: string, owner: string): boolean {
    const whose = this.#routing.ownerOf(this.#supposed.domain, to);
    if (whose?.kind !== 'user' || this.#routing.nameOf(whose) === owner) return false;
    return this.#routing.presence(whose).has('do-not-disturb');
  }

  /** Inside, the call goes on as one to that extension; outside, it rings there. */
  async #forward(
    step: Begun & { readonly to: string; readonly seconds: number },
    visited: ReadonlySet<string>,
    confirm = false,
  ): Promise<Came> {
    const { domain, only } = this.#supposed;
    const { to } = step;
    const next = this.#routing.ownerOf(domain, to);
    if (next === undefined)
      return this.#ring({ ...step, does: 'ring', rings: this.#routing.whoRings(domain, to, confirm) });
    if (visited.has(nameIn(next))) {
      this.#say({ ...step, does: 'nothing', why: `the call has been at ${to} already` });
      return undefined;
    }
    if (only !== undefined && only.id !== next.id) {
      this.#rung++;
      return this.#say({
        ...step,
        does: 'forward',
        result: this.#supposed.results[this.#rung - 1] ?? 'no-answer',
      });
    }
    this.#say({ ...step, does: 'forward' });
    return this.dialled(to, visited);
  }

  #ring(step: Omit<ExplainedStep, 'result'>): Came {
    const { rings = [] } = step;
    const gone = rings.every(({ registered, silent }) => registered === false || silent === true);
    const result = this.#supposed.results[this.#rung++] ?? (gone ? 'not-reachable' : 'no-answer');
    return this.#say({ ...step, result });
  }

  #say(step: ExplainedStep): Came {
    this.steps.push(step);
    return step.result;
  }
}

type Begun = Pick<ExplainedStep, 'owner' | 'looked' | 'rule'>;

const nameIn = ({ kind, id }: RoutingOwner): string => `${kind}:${id}`;

const boxOf = (of: Extract<Action, { kind: 'mailbox' }>['of'], owner: string): string =>
  typeof of === 'object' ? of.extension : of === 'own' ? owner : 'of whom it was forwarded to';
