import type { Condition, RingResult } from '../../stores/index.ts';
import type { LookUp, RoutingFacts } from './facts.ts';
import { isOpen, turnOn } from './schedules.ts';

/** `holds` is undefined where it cannot be told; such a condition is not met, and nor is its opposite. */
export type Judged = { readonly holds: boolean | undefined; readonly why: string };

type Of<K extends Condition['kind']> = Extract<Condition, { kind: K }>;

/** Whether a condition looks at what a ringing came to. */
export const asksResult = (condition: Condition): boolean =>
  condition.kind === 'not' ? asksResult(condition.condition) : condition.kind === 'result';

/** Whether it has to ask somebody else, which takes time. */
export const asksOthers = (condition: Condition): boolean =>
  condition.kind === 'not' ? asksOthers(condition.condition) : condition.kind === 'look-up';

/** Who rejects a call by a key sends 486 or 603 as the phone's maker likes: both are busy to a rule for busy. */
const resultIs = (wanted: readonly RingResult[], result: RingResult): boolean =>
  wanted.includes(result) || (result === 'declined' && wanted.includes('busy'));

/** Judges what looks at the result of a ringing. */
export function judgeResult(condition: Condition, result: RingResult): Judged {
  if (condition.kind === 'not') return opposite(judgeResult(condition.condition, result));
  if (condition.kind !== 'result') return { holds: undefined, why: `${condition.kind} is no result` };
  const holds = resultIs(condition.is, result);
  return {
    holds,
    why: holds ? `the ringing came to ${result}` : `${result} is not ${condition.is.join(' or ')}`,
  };
}

/** The seconds that a condition gives the ringing before it. */
export const secondsOf = (condition: Condition): number | undefined =>
  condition.kind === 'not'
    ? secondsOf(condition.condition)
    : condition.kind === 'result'
      ? condition.afterSeconds
      : undefined;

/** Judges everything but the result of a ringing. A promise for look-ups alone. */
export function judge(condition: Condition, facts: RoutingFacts): Judged | Promise<Judged> {
  switch (condition.kind) {
    case 'caller':
      return judgeCaller(condition, facts);
    case 'time':
      return judgeTime(condition, facts);
    case 'turn':
      return judgeTurn(condition, facts);
    case 'location':
      return judgeLocation(condition, facts);
    case 'presence':
      return judgePresence(condition, facts);
    case 'calendar':
      return judgeCalendar(condition, facts);
    case 'look-up':
      return judgeLookUp(condition, facts);
    case 'not':
      return negated(judge(condition.condition, facts));
    default:
      return { holds: undefined, why: 'nothing has rung yet' };
  }
}

const negated = (judged: Judged | Promise<Judged>): Judged | Promise<Judged> =>
  judged instanceof Promise ? judged.then(opposite) : opposite(judged);

const opposite = ({ holds, why }: Judged): Judged => ({
  holds: holds === undefined ? undefined : !holds,
  why: holds === undefined ? why : `not wanted: ${why}`,
});

const called = ({ number }: RoutingFacts['caller']): string =>
  number === '' ? 'an unknown caller' : `caller ${number}`;

/** All that is said of the caller must hold; of numbers and lists, one. */
function judgeCaller(condition: Of<'caller'>, facts: RoutingFacts): Judged {
  const { caller } = facts;
  const who = called(caller);
  if (condition.anonymous !== undefined && condition.anonymous !== caller.anonymous)
    return { holds: false, why: `${who} is ${caller.anonymous ? '' : 'not '}anonymous` };
  if (condition.outside !== undefined && condition.outside !== caller.outside)
    return { holds: false, why: `${who} is ${caller.outside ? 'from outside' : 'of this domain'}` };
  if (condition.numbers === undefined && condition.lists === undefined)
    return { holds: true, why: `${who} is as wanted` };
  return judgeNumber(condition, facts, who);
}

function judgeNumber({ numbers = [], lists = [] }: Of<'caller'>, facts: RoutingFacts, who: string): Judged {
  const entry = facts.callerAmong(numbers);
  if (entry !== undefined) return { holds: true, why: `${who} is ${entry}` };
  const found = lists.find((name) => {
    const list = facts.callerList(name);
    return list !== undefined && facts.callerAmong(list.numbers) !== undefined;
  });
  if (found !== undefined) return { holds: true, why: `${who} is in list ${found}` };
  const gone = lists.filter((name) => facts.callerList(name) === undefined);
  if (gone.length > 0) return { holds: undefined, why: `there is no caller list ${gone.join(', ')}` };
  return { holds: false, why: `${who} is not in ${[...numbers.slice(0, 5), ...lists].join(', ')}` };
}

const days = ['', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

function judgeTime(condition: Of<'time'>, facts: RoutingFacts): Judged {
  const schedule = facts.schedule(condition.schedule);
  if (schedule === undefined) return { holds: undefined, why: `there is no schedule ${condition.schedule}` };
  const local = facts.localTime(schedule.timeZone);
  if (local === undefined) return { holds: undefined, why: `there is no time zone ${schedule.timeZone}` };
  const open = isOpen(schedule, local);
  const at = `${days[local.day] ?? ''} ${local.date} ${clock(local.minute)} (${schedule.timeZone})`;
  return { holds: open === condition.open, why: `${schedule.name} is ${open ? 'open' : 'closed'}: ${at}` };
}

function judgeTurn({ timeZone, start, days, of, is }: Of<'turn'>, facts: RoutingFacts): Judged {
  const local = facts.localTime(timeZone);
  if (local === undefined) return { holds: undefined, why: `there is no time zone ${timeZone}` };
  const turn = turnOn(local.date, { start, days, of });
  return { holds: turn === is, why: `on ${local.date} it is turn ${turn + 1} of ${of}` };
}

function judgeLocation({ networks, devices }: Of<'location'>, facts: RoutingFacts): Judged {
  const who = devices === undefined ? `a phone of ${facts.ownerName}` : devices.join(' or ');
  const holds = facts.isAt(networks, devices);
  return { holds, why: `${who} is ${holds ? '' : 'not '}registered from ${networks.slice(0, 5).join(', ')}` };
}

function judgePresence({ is }: Of<'presence'>, { presence, ownerName }: RoutingFacts): Judged {
  const holds = is.some((one) => presence.has(one));
  return { holds, why: `${ownerName} is ${[...presence].join(' and ')}` };
}

function judgeCalendar(condition: Of<'calendar'>, facts: RoutingFacts): Judged {
  const { calendar, is } = condition;
  const now = facts.calendar(calendar);
  if (now === undefined) return { holds: undefined, why: `calendar ${calendar} has not been read` };
  const shown = now.size === 0 ? 'free' : [...now].join(' and ');
  return { holds: now.has(is), why: `calendar ${calendar} says ${shown}` };
}

async function judgeLookUp(condition: LookUp, facts: RoutingFacts): Promise<Judged> {
  const result = await facts.lookUp(condition);
  const { fallback, is } = condition;
  if (result === undefined)
    return { holds: fallback, why: `the look-up gave no answer, which counts as ${fallback ? 'yes' : 'no'}` };
  return { holds: is.includes(result), why: `the look-up answered ${result}` };
}
