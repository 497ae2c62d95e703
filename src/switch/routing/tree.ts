import type { Routing, RoutingOwner, Rule } from '../../stores/index.ts';
import { inOrder } from './start-walk.ts';
import { actionInWords, whenInWords } from './in-words.ts';
import { targetsOf } from './policy.ts';

/** What a tree is drawn from. */
export type TreeParts = {
  readonly routing: (owner: RoutingOwner) => Routing;
  readonly nameOf: (owner: RoutingOwner) => string;
  readonly ownerOf: (dialled: string) => RoutingOwner | undefined;
  /** What a number leads to without a rule. */
  readonly targetOf: (owner: RoutingOwner) => string | undefined;
};

const mostOwners = 20;

/**
 * Where calls to somebody go when nobody answers: the rules that are switched on, whatever their profile, and those of
 * whomever they lead to, as a flowchart of Mermaid.
 */
export function failoverTree(parts: TreeParts, owner: RoutingOwner): string {
  const waiting = [owner];
  const drawn = new Map<string, string>();
  const lines = ['flowchart TD'];
  for (let next = waiting.shift(); next !== undefined && drawn.size < mostOwners; next = waiting.shift()) {
    if (drawn.has(keyOf(next))) continue;
    drawn.set(keyOf(next), nodeOf(next));
    const { lines: own, leadsTo } = branch(parts, next);
    lines.push(...own);
    waiting.push(...leadsTo);
  }
  return `${lines.join('\n')}\n`;
}

const keyOf = ({ kind, id }: RoutingOwner): string => `${kind}:${id}`;

/** Ids of Mermaid are words; what is no letter or digit becomes its code. */
const word = (text: string): string => text.replaceAll(/[^0-9A-Za-z]/g, (one) => `_${one.charCodeAt(0)}_`);
const nodeOf = (owner: RoutingOwner): string => `${owner.kind}_${word(owner.id)}`;
const label = (text: string): string =>
  `"${text.replaceAll('"', '#quot;').replaceAll(/[\p{Cc}\p{Cf}<>]/gu, ' ')}"`;

function branch(parts: TreeParts, owner: RoutingOwner) {
  const root = nodeOf(owner);
  const leadsTo: RoutingOwner[] = [];
  const lines = [`  ${root}([${label(parts.nameOf(owner))}])`];
  const towards = (from: string, dialled: string): void => {
    const next = parts.ownerOf(dialled);
    if (next === undefined) return;
    leadsTo.push(next);
    lines.push(`  ${from} -.-> ${nodeOf(next)}`);
  };
  const rules = reached(parts.routing(owner).rules);
  let way = `${root} -->`;
  rules.forEach((rule, i) => {
    const asked = `${root}_${i}`;
    const done = `${asked}_then`;
    lines.push(`  ${way} ${asked}{${label(question(rule))}}`);
    lines.push(
      `  ${asked} -- ${isAlways(rule) ? 'always' : 'yes'} --> ${done}[${label(actionInWords(rule.then))}]`,
    );
    for (const to of targetsOf(rule.then)) towards(done, to);
    const goesOn = !isLast(rule);
    way = isAlways(rule) ? `${done} -- not answered -->` : `${asked} -- no -->`;
    if (goesOn && !isAlways(rule)) lines.push(`  ${done} -- not answered --> ${root}_${i + 1}`);
  });
  const last = rules.at(-1);
  if (last !== undefined && isAlways(last) && isLast(last)) return { lines, leadsTo };
  const end = `${root}_${rules.length}`;
  const own = parts.targetOf(owner);
  const rest = own === undefined ? `${parts.nameOf(owner)} rings, if nobody has` : `goes on to ${own}`;
  lines.push(`  ${way} ${end}[${label(rest)}]`);
  if (own !== undefined) towards(end, own);
  return { lines, leadsTo };
}

const isAlways = ({ when, profiles }: Rule): boolean => when.length === 0 && profiles === undefined;
const isLast = ({ then }: Rule): boolean => then.kind !== 'ring' && then.kind !== 'forward';

/** The rules that are switched on, up to the one after which none is looked at. */
function reached(rules: readonly Rule[]): readonly Rule[] {
  const on = inOrder(rules).filter(({ enabled }) => enabled);
  const end = on.findIndex((rule) => isAlways(rule) && isLast(rule));
  return end < 0 ? on : on.slice(0, end + 1);
}

const question = (rule: Rule): string =>
  `${rule.name}: ${whenInWords(rule)}${rule.profiles === undefined ? '' : ` (${rule.profiles.join(', ')})`}`;
