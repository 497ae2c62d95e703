import type { Condition, RingResult, Routing, Rule } from '../../stores/index.ts';
import { asksOthers, asksResult, judge, judgeResult, secondsOf, type Judged } from './conditions.ts';
import type { RoutingFacts } from './facts.ts';
import type { Looked, Walk, WalkStep } from './walk.ts';

/**
 * A walk through one owner's rules, from the first to the last, each looked at once (docs/routing.md). It does nothing
 * itself: who carries it out says what each step came to.
 */
export function startWalk(facts: RoutingFacts, routing: Routing): Walk {
  return new RuleWalk(facts, routing);
}

/** An administrator's rules come first, whatever the order they are stored in. */
export const inOrder = (rules: readonly Rule[]): readonly Rule[] => [
  ...rules.filter((rule) => rule.locked === true),
  ...rules.filter((rule) => rule.locked !== true),
];

type Step = { readonly step: WalkStep; readonly looked: readonly Looked[] };

class RuleWalk implements Walk {
  readonly #facts: RoutingFacts;
  readonly #routing: Routing;
  readonly #rules: readonly Rule[];
  /** What each rule's conditions came to, but for those that ask what a ringing came to. */
  readonly #judged: (Judged | Promise<Judged> | undefined)[] = [];
  /** For each result, the first rule that waits for it, from where it was looked for last; none is the number of rules. */
  readonly #waits = new Map<RingResult, number>();
  #at = 0;
  #waitsFor: 'owner' | 'action' | undefined;
  #hasRung = false;
  #result: RingResult | undefined;
  #looked: Looked[] = [];

  constructor(facts: RoutingFacts, routing: Routing) {
    this.#facts = facts;
    this.#routing = routing;
    this.#rules = inOrder(routing.rules);
  }

  async next(result: RingResult | undefined): Promise<Step> {
    this.#came(result);
    const step = await this.#step();
    const looked = this.#looked;
    this.#looked = [];
    return { step, looked };
  }

  /** An action that came to nothing at all has rung nobody; the owner's own ringing always counts. */
  #came(result: RingResult | undefined): void {
    const waited = this.#waitsFor;
    this.#waitsFor = undefined;
    if (waited === undefined || (waited === 'action' && result === undefined)) return;
    this.#hasRung = true;
    this.#result = result ?? 'not-reachable';
  }

  async #step(): Promise<WalkStep> {
    for (; this.#at < this.#rules.length; this.#at++) {
      const rule = this.#rules[this.#at] as Rule;
      // oxlint-disable-next-line no-await-in-loop -- in order, and a rule that is taken ends it
      const step = this.#passesAtOnce(rule) ? undefined : await this.#lookAt(rule);
      if (step !== undefined) return step;
    }
    if (this.#hasRung) return this.#end(this.#result);
    if (this.#silenced()) {
      this.#note(undefined, false, `${this.#facts.ownerName} does not want to be disturbed: nothing rings`);
      return this.#end('busy');
    }
    this.#note(undefined, true, `no rule is left: ${this.#facts.ownerName} rings`);
    return this.#ringOwner(undefined);
  }

  #end(result: RingResult | undefined): WalkStep {
    this.#hasRung = true;
    this.#result = result;
    return { do: 'end', result };
  }

  #ringOwner(seconds: number | undefined): WalkStep {
    this.#waitsFor = 'owner';
    return { do: 'ring-owner', seconds };
  }

  /** Most rules are not for this call, and to tell that takes no waiting. */
  #passesAtOnce(rule: Rule): boolean {
    const asleep = this.#asleep(rule);
    const judged = asleep === undefined ? this.#others(this.#at) : { holds: false, why: asleep };
    if (judged instanceof Promise || judged.holds === true) return false;
    this.#note(rule, false, judged.why);
    return true;
  }

  async #lookAt(rule: Rule): Promise<WalkStep | undefined> {
    const others = await this.#others(this.#at);
    if (others.holds !== true) return this.#pass(rule, others.why);
    const reasons = [others.why];
    let result: RingResult | undefined;
    if (rule.when.some(asksResult)) {
      result = this.#hasRung ? this.#result : await this.#foretold();
      if (result === undefined) return this.#ringFirst(rule);
      const judged = judgeResults(rule, result);
      if (judged.holds !== true) return this.#pass(rule, judged.why);
      reasons.push(this.#hasRung ? judged.why : `${this.#facts.ownerName} is ${result}`);
    }
    return this.#take(rule, reasons.filter((why) => why !== '').join(', ') || 'always', result);
  }

  async #ringFirst(rule: Rule): Promise<WalkStep> {
    const seconds = await this.#ringSeconds();
    const time = seconds === undefined ? '' : ` for at most ${seconds} s`;
    this.#note(
      undefined,
      true,
      `${this.#facts.ownerName} rings${time}, as rule "${rule.name}" asks what comes of it`,
    );
    return this.#ringOwner(seconds);
  }

  #take(rule: Rule, why: string, result: RingResult | undefined): WalkStep | undefined {
    const action = rule.then;
    const refused = this.#facts.refusal(rule);
    if (refused !== undefined) return this.#pass(rule, `${why}; but refused: ${refused}`);
    if (action.kind === 'forward' && this.#facts.isOwner(action.to))
      return this.#pass(rule, `${why}; but it leads to ${action.to} itself, which changes nothing`);
    this.#note(rule, true, why);
    if (action.kind === 'stop') {
      // The loop moves on by one more.
      this.#at = this.#rules.length - 1;
      return undefined;
    }
    this.#at++;
    this.#waitsFor = 'action';
    return { do: 'act', rule, action, ...(result === undefined ? {} : { result }) };
  }

  #asleep(rule: Rule): string | undefined {
    if (!rule.enabled) return 'switched off';
    const { profiles } = rule;
    if (profiles === undefined) return undefined;
    const active = this.#routing.profile;
    if (active !== undefined && profiles.includes(active)) return undefined;
    return `for profile ${profiles.join(' or ')}; active is ${active ?? 'none'}`;
  }

  #others(index: number): Judged | Promise<Judged> {
    return (this.#judged[index] ??= judgeOthers(this.#rules[index] as Rule, this.#facts));
  }

  #silenced(): boolean {
    return this.#facts.presence.has('do-not-disturb');
  }

  /**
   * What ringing the owner would come to, where that is known without: spares the ringing, but only when a rule from
   * here on waits for just that. Otherwise somebody in a call hears a second one, and a phone may yet register.
   */
  async #foretold(): Promise<RingResult | undefined> {
    if (this.#silenced()) return 'busy';
    if (!this.#facts.reachable && (await this.#waiting('not-reachable')) !== undefined)
      return 'not-reachable';
    if (this.#facts.presence.has('in-call') && (await this.#waiting('busy')) !== undefined) return 'busy';
    return undefined;
  }

  /** How long the owner rings: what the first rule says that will be taken when nobody answers. */
  async #ringSeconds(): Promise<number | undefined> {
    const rule = await this.#waiting('no-answer');
    return rule?.when.map(secondsOf).find((seconds) => seconds !== undefined);
  }

  /** The first rule from here on that will be taken if the ringing comes to `result`. */
  async #waiting(result: RingResult): Promise<Rule | undefined> {
    let i = Math.max(this.#at, this.#waits.get(result) ?? 0);
    // oxlint-disable-next-line no-await-in-loop -- the first that holds is looked for
    while (i < this.#rules.length && !(await this.#isFor(i, result))) i++;
    this.#waits.set(result, i);
    return this.#rules[i];
  }

  async #isFor(index: number, result: RingResult): Promise<boolean> {
    const rule = this.#rules[index] as Rule;
    if (this.#asleep(rule) !== undefined || !rule.when.some(asksResult)) return false;
    return judgeResults(rule, result).holds === true && (await this.#others(index)).holds === true;
  }

  #pass(rule: Rule, why: string): undefined {
    this.#note(rule, false, why);
    return undefined;
  }

  #note(rule: Rule | undefined, taken: boolean, why: string): void {
    const { owner } = this.#routing;
    this.#looked.push({
      owner,
      ...(rule === undefined ? {} : { rule: { id: rule.id, name: rule.name } }),
      taken,
      why,
    });
  }
}

const all = (judged: readonly Judged[]): Judged =>
  judged.find(({ holds }) => holds !== true) ?? { holds: true, why: judged.map(({ why }) => why).join(', ') };

const judgeResults = ({ when }: Rule, result: RingResult): Judged =>
  all(when.filter(asksResult).map((condition) => judgeResult(condition, result)));

/** What costs a request is asked last, and only when all the rest holds. A promise only where something is asked. */
function judgeOthers({ when }: Rule, facts: RoutingFacts): Judged | Promise<Judged> {
  const here: Judged[] = [];
  for (const condition of when) {
    if (asksResult(condition) || asksOthers(condition)) continue;
    const judged = judge(condition, facts) as Judged;
    if (judged.holds !== true) return judged;
    here.push(judged);
  }
  const asking = when.filter(asksOthers);
  return asking.length === 0 ? all(here) : judgeAsking(asking, here, facts);
}

async function judgeAsking(
  asking: readonly Condition[],
  here: readonly Judged[],
  facts: RoutingFacts,
): Promise<Judged> {
  const judged = [...here];
  for (const condition of asking) {
    // oxlint-disable-next-line no-await-in-loop -- in order: the first that fails spares the rest
    const one = await judge(condition, facts);
    if (one.holds !== true) return one;
    judged.push(one);
  }
  return all(judged);
}
