import type { Action, Condition, RingTarget, Rule } from '../../stores/index.ts';

const afterSeconds = ({ afterSeconds }: { readonly afterSeconds?: number }): string =>
  afterSeconds === undefined ? '' : ` after ${afterSeconds} s`;

/** A condition as people say it. */
export function conditionInWords(condition: Condition): string {
  switch (condition.kind) {
    case 'result':
      return `${condition.is.join(' or ')}${afterSeconds(condition)}`;
    case 'caller':
      return callerInWords(condition);
    case 'time':
      return `${condition.schedule} is ${condition.open ? 'open' : 'closed'}`;
    case 'turn':
      return `turn ${condition.is + 1} of ${condition.of}`;
    case 'location':
      return `${(condition.devices ?? ['a phone']).join(' or ')} is at ${condition.networks.join(' or ')}`;
    case 'presence':
      return condition.is.join(' or ');
    case 'calendar':
      return `calendar ${condition.calendar} says ${condition.is}`;
    case 'look-up':
      return `look-up answers ${condition.is.join(' or ')}`;
    default:
      return `not (${conditionInWords(condition.condition)})`;
  }
}

function callerInWords({
  numbers = [],
  lists = [],
  anonymous,
  outside,
}: Extract<Condition, { kind: 'caller' }>): string {
  const among = [...numbers, ...lists.map((name) => `list ${name}`)];
  const parts = [
    ...(anonymous === undefined ? [] : [anonymous ? 'anonymous' : 'not anonymous']),
    ...(outside === undefined ? [] : [outside ? 'from outside' : 'from inside']),
    ...(among.length === 0 ? [] : [among.join(' or ')]),
  ];
  return parts.length === 0 ? 'any caller' : `caller ${parts.join(', ')}`;
}

export const whenInWords = ({ when }: Pick<Rule, 'when'>): string =>
  when.length === 0 ? 'always' : when.map(conditionInWords).join(' and ');

const targetInWords = ({ to, afterSeconds = 0 }: RingTarget): string =>
  afterSeconds === 0 ? to : `${to} after ${afterSeconds} s`;

/** What a rule does, as people say it. */
export function actionInWords(action: Action): string {
  switch (action.kind) {
    case 'ring': {
      const together = action.order === 'together' ? ' + ' : ', then ';
      return `ring ${action.targets.map(targetInWords).join(together)} for ${action.seconds} s`;
    }
    case 'forward':
      return `forward to ${action.to}${action.seconds === undefined ? '' : ` for ${action.seconds} s`}`;
    case 'mailbox':
      return typeof action.of === 'object' ? `mailbox of ${action.of.extension}` : `${action.of} mailbox`;
    case 'announcement':
      return `announcement ${action.file}`;
    case 'busy':
      return 'busy';
    default:
      return 'ring, and no further rule';
  }
}
