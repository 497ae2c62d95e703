import type { Condition, RoutingOwner, RoutingStore, Rule } from '../../stores/index.ts';
import type { CallRouting, LookUps } from './call-routing.ts';
import { readNetwork } from '../trunks/networks.ts';
import { isTimeZone } from './schedules.ts';

export type CheckParts = {
  readonly routing: RoutingStore;
  readonly rules: CallRouting;
  readonly lookUps: LookUps;
  readonly hasTrunk: (domain: string, name: string) => boolean;
};

/** What is wrong with a rule that is to be saved; undefined when nothing is. */
export function checkRule(
  parts: CheckParts,
  owner: RoutingOwner,
  rule: Pick<Rule, 'when' | 'then' | 'locked'>,
): string | undefined {
  for (const condition of rule.when) {
    const wrong = checkCondition(parts, owner.domain, condition);
    if (wrong !== undefined) return wrong;
  }
  const { then } = rule;
  if (then.kind === 'forward' && then.trunk !== undefined && !parts.hasTrunk(owner.domain, then.trunk))
    return `There is no trunk ${then.trunk}`;
  if (then.kind === 'mailbox' && typeof then.of === 'object') {
    const { extension } = then.of;
    if (parts.rules.inside(owner.domain, extension) === undefined)
      return `There is no extension ${extension}`;
  }
  return parts.rules.refusal(owner, rule, true);
}

function checkCondition(parts: CheckParts, domain: string, condition: Condition): string | undefined {
  const { routing, lookUps } = parts;
  const missing = (there: unknown, what: string) => (there === undefined ? `There is no ${what}` : undefined);
  switch (condition.kind) {
    case 'not':
      return checkCondition(parts, domain, condition.condition);
    case 'time':
      return missing(routing.schedule(domain, condition.schedule), `schedule ${condition.schedule}`);
    case 'turn':
      return missing(isTimeZone(condition.timeZone) || undefined, `time zone ${condition.timeZone}`);
    case 'location':
      return checkNetworks(condition.networks);
    case 'calendar':
      return missing(routing.calendar(domain, condition.calendar), `calendar ${condition.calendar}`);
    case 'caller': {
      const gone = condition.lists?.find((name) => routing.callerList(domain, name) === undefined);
      return gone === undefined ? undefined : `There is no caller list ${gone}`;
    }
    case 'look-up': {
      const { url } = condition;
      return lookUps.allows(url) ? undefined : `The configuration does not allow look-ups at ${url}`;
    }
    default:
      return undefined;
  }
}

function checkNetworks(networks: readonly string[]): string | undefined {
  const unknown = networks.find((network) => readNetwork(network) === undefined);
  return unknown === undefined ? undefined : `${unknown} is no address and no network`;
}
