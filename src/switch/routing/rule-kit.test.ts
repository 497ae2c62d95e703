import type { Condition, Action, Presence, RingResult, Routing, Rule } from '../../stores/index.ts';
import type { RoutingFacts } from './facts.ts';
import { NumberReader } from './numbers.ts';
import { TimeZones } from './schedules.ts';
import type { Looked, Walk, WalkStep } from './walk.ts';

/** What the tests of rules share. */
export const owner = { domain: 'pbx.test', kind: 'user', id: 'u100' } as const;

export const forward = (to: string): Action => ({ kind: 'forward', to });

export function rule(id: string, when: readonly Condition[], then: Action, more: Partial<Rule> = {}): Rule {
  return { id, name: id, enabled: true, when, then, changedAt: 0, changedBy: '100', ...more };
}

export const routingOf = (rules: readonly Rule[], more: Partial<Routing> = {}): Routing => ({
  owner,
  rules,
  profiles: [],
  ...more,
});

const numbers = new NumberReader();
const zones = new TimeZones();

/** User 100 at her desk on a Tuesday at noon UTC, called by 200. */
export function factsOf(more: Partial<RoutingFacts> = {}): RoutingFacts {
  const wall = more.wall ?? Date.parse('2026-03-03T12:00:00Z');
  const { caller = { number: '200', anonymous: false, outside: false } } = more;
  const ways = caller.outside ? numbers.waysToWrite(caller.number, 'DE') : [caller.number];
  return {
    wall,
    caller,
    ownerName: '100',
    presence: new Set<Presence>(['available']),
    reachable: true,
    localTime: (zone) => zones.at(zone, wall),
    callerAmong: (entries) => numbers.find(entries, ways, 'DE'),
    isAt: () => false,
    schedule: () => undefined,
    callerList: () => undefined,
    calendar: () => undefined,
    lookUp: async () => undefined,
    isOwner: (dialled) => dialled === '100',
    refusal: () => undefined,
    ...more,
  };
}

export const calling = (number: string, anonymous = false): Partial<RoutingFacts> => ({
  caller: { number, anonymous, outside: true },
});

/** A walk to its end: the steps in words, and all that was looked at. */
export async function walked(
  walk: Walk,
  results: (step: WalkStep, index: number) => RingResult | undefined = () => 'no-answer',
): Promise<{ readonly steps: readonly string[]; readonly looked: readonly Looked[] }> {
  const steps: string[] = [];
  const looked: Looked[] = [];
  let result: RingResult | undefined;
  for (let i = 0; ; i++) {
    const next = await walk.next(result);
    looked.push(...next.looked);
    steps.push(inWords(next.step));
    if (next.step.do === 'end') return { steps, looked };
    if (i > 500) throw new Error('the walk does not end');
    result = results(next.step, i);
  }
}

export function inWords(step: WalkStep): string {
  if (step.do === 'ring-owner') return `owner ${step.seconds ?? '-'}`;
  return step.do === 'end' ? `end ${step.result ?? '-'}` : step.rule.id;
}
