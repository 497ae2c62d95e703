import type { Action, Condition, Rule, Schedule } from '../../stores/index.ts';
import type { Answers, Block, BlockAnswers, CallerAnswers } from './answers.ts';

/** A rule as it would be made, by whoever takes it: nothing here ever is. */
export type SuggestedRule = Pick<Rule, 'name' | 'when' | 'then'>;

/** Something that the records speak for, with what it rests on. */
export type Suggestion = {
  readonly kind: 'device first' | 'straight to others' | 'straight to mailbox' | 'caller to';
  readonly text: string;
  readonly rule: SuggestedRule;
  /** The schedule that the rule names, where it names one. */
  readonly schedule?: Pick<Schedule, 'name' | 'timeZone' | 'weekly' | 'holidays' | 'dates'>;
  readonly statistics: {
    readonly calls: number;
    readonly answered: number;
    /** How many of them speak for it. */
    readonly supporting: number;
  } & Partial<Block>;
};

/** How much has to be there before anything is suggested. */
export type Evidence = {
  readonly calls: number;
  readonly callerCalls: number;
  /** 0 to 1. */
  readonly share: number;
  /** Who answers less than this in a block had better not be waited for; 0 to 1. */
  readonly rarely: number;
};

export const usualEvidence: Evidence = { calls: 10, callerCalls: 4, share: 0.8, rarely: 0.2 };

/** What a user's records suggest, the best supported first (S2-79 to S2-82). */
export function suggestionsFor(
  answers: Answers,
  user: { readonly extension: string; readonly devices: readonly string[]; readonly timeZone: string },
  evidence: Evidence = usualEvidence,
): readonly Suggestion[] {
  const { extension, devices, timeZone } = user;
  const ofBlocks = answers
    .blocks()
    .flatMap(
      (block) =>
        deviceFirst(block, { devices, timeZone, evidence }) ?? absent(block, timeZone, evidence) ?? [],
    );
  const ofCallers = answers.callers().flatMap((caller) => callerTo(caller, extension, evidence) ?? []);
  return [...ofBlocks, ...ofCallers].toSorted((a, b) => b.statistics.supporting - a.statistics.supporting);
}

type DeviceContext = {
  readonly devices: readonly string[];
  readonly timeZone: string;
  readonly evidence: Evidence;
};

/** One device answers nearly everything at that time: the others can wait. */
function deviceFirst(
  block: BlockAnswers,
  { devices, timeZone, evidence }: DeviceContext,
): Suggestion | undefined {
  const [first] = block.devices;
  if (first === undefined || block.answered < evidence.calls || !devices.includes(first.device))
    return undefined;
  const others = devices.filter((device) => device !== first.device);
  if (first.answered < block.answered * evidence.share || others.length === 0) return undefined;
  const action: Action = {
    kind: 'ring',
    order: 'together',
    seconds: 30,
    targets: [{ to: first.device }, ...others.map((to) => ({ to, afterSeconds: 10 }))],
  };
  const text = `${first.answered} of ${block.answered} answers were on ${first.device}: ring it first, and the others after 10 s`;
  return inBlock('device first', block, timeZone, { text, action, supporting: first.answered });
}

/** Hardly anything is answered at that time: whoever answers instead can be rung at once, else there is the mailbox. */
function absent(block: BlockAnswers, timeZone: string, evidence: Evidence): Suggestion | undefined {
  if (block.calls < evidence.calls || block.answered > block.calls * evidence.rarely) return undefined;
  const missed = block.calls - block.answered;
  const [other] = block.instead;
  const said = `${block.answered} of ${block.calls} calls were answered`;
  if (other !== undefined && other.answered >= missed / 2)
    return inBlock('straight to others', block, timeZone, {
      text: `${said}, ${other.answered} by ${other.to}: forward them there at once`,
      action: { kind: 'forward', to: other.to },
      supporting: other.answered,
    });
  return inBlock('straight to mailbox', block, timeZone, {
    text: `${said}: take messages at once`,
    action: { kind: 'mailbox', of: 'own' },
    supporting: missed,
  });
}

/** One caller ends up with somebody else nearly every time. */
function callerTo(
  { caller, calls, answered, instead }: CallerAnswers,
  extension: string,
  evidence: Evidence,
): Suggestion | undefined {
  const [other] = instead;
  if (other === undefined || calls < evidence.callerCalls || other.answered < calls * evidence.share)
    return undefined;
  if (other.to === extension || other.to === caller) return undefined;
  const when: readonly Condition[] = [{ kind: 'caller', numbers: [caller] }];
  return {
    kind: 'caller to',
    text: `${other.answered} of ${calls} calls of ${caller} ended with ${other.to}: forward them there`,
    rule: ruled(`${caller} to ${other.to}`, when, { kind: 'forward', to: other.to }),
    statistics: { calls, answered, supporting: other.answered },
  };
}

function ruled(name: string, when: readonly Condition[], action: Action): SuggestedRule {
  return { name, when, then: action };
}

const two = (hour: number): string => `${String(hour).padStart(2, '0')}:00`;

function inBlock(
  kind: Suggestion['kind'],
  { days, from, to, calls, answered }: BlockAnswers,
  timeZone: string,
  {
    text,
    action,
    supporting,
  }: { readonly text: string; readonly action: Action; readonly supporting: number },
): Suggestion {
  const name = `${days} ${two(from).slice(0, 2)}-${two(to).slice(0, 2)}`;
  const weekly = [{ days: days === 'weekend' ? [6, 7] : [1, 2, 3, 4, 5], from: two(from), to: two(to) }];
  return {
    kind,
    text: `${days}, ${two(from)} to ${two(to)}: ${text}`,
    rule: ruled(name, [{ kind: 'time', schedule: name, open: true }], action),
    schedule: { name, timeZone, weekly, holidays: [], dates: [] },
    statistics: { days, from, to, calls, answered, supporting },
  };
}
