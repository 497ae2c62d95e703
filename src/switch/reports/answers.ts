import type { CallRecord } from '../../stores/index.ts';
import { TimeZones } from '../routing/schedules.ts';
import { answeringLeg, rungFor, type Rung } from './ringing.ts';

/** A block of hours on working days or at weekends, in which people do much the same. */
export type Block = {
  readonly days: 'working days' | 'weekend';
  /** Full hours, `to` not included. */
  readonly from: number;
  readonly to: number;
};

/** What a user did with calls in a block. */
export type BlockAnswers = Block & {
  readonly calls: number;
  readonly answered: number;
  /** Answers by device, the most first. */
  readonly devices: readonly { readonly device: string; readonly answered: number }[];
  /** Calls that the user did not take and who did, the most first. */
  readonly instead: readonly { readonly to: string; readonly answered: number }[];
};

/** What a user did with the calls of one caller. */
export type CallerAnswers = {
  readonly caller: string;
  readonly calls: number;
  readonly answered: number;
  /** Who spoke with that caller in the end, other than the user; the most first. */
  readonly instead: readonly { readonly to: string; readonly answered: number }[];
};

const blocks: readonly Block[] = (['working days', 'weekend'] as const).flatMap((days) =>
  [
    [0, 8],
    [8, 12],
    [12, 14],
    [14, 18],
    [18, 24],
  ].map(([from = 0, to = 0]) => ({ days, from, to })),
);

type Counted = {
  calls: number;
  answered: number;
  devices: Map<string, number>;
  instead: Map<string, number>;
};

const empty = (): Counted => ({ calls: 0, answered: 0, devices: new Map(), instead: new Map() });

const more = (counts: Map<string, number>, key: string): void =>
  void counts.set(key, (counts.get(key) ?? 0) + 1);

const most = (counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] =>
  [...counts].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));

/** Callers that are told apart at most; those beyond are not. */
const mostCallers = 10_000;

/** Learns from records which device one user answers when, and who answers instead (S2-79 to S2-81). */
export class Answers {
  readonly #user: string;
  readonly #timeZone: string;
  readonly #zones = new TimeZones();
  readonly #blocks = new Map<Block, Counted>(blocks.map((block) => [block, empty()]));
  readonly #callers = new Map<string, Counted>();

  /** `user` is an extension, `timeZone` an IANA name. */
  constructor(user: string, timeZone: string) {
    this.#user = user;
    this.#timeZone = timeZone;
  }

  add(record: CallRecord): void {
    const rung = rungFor(record).find(({ user }) => user === this.#user);
    // Whoever rings all phones is not to be told by who happens to be quicker than the user.
    if (rung === undefined) return;
    const instead = otherOf(record, this.#user);
    for (const counted of [this.#blockOf(record), this.#callerOf(record)])
      if (counted !== undefined) note(counted, rung, instead);
  }

  blocks(): readonly BlockAnswers[] {
    return [...this.#blocks].map(([block, { calls, answered, devices, instead }]) => ({
      ...block,
      calls,
      answered,
      devices: most(devices).map(([device, count]) => ({ device, answered: count })),
      instead: most(instead).map(([to, count]) => ({ to, answered: count })),
    }));
  }

  callers(): readonly CallerAnswers[] {
    return [...this.#callers]
      .map(([caller, { calls, answered, instead }]) => ({
        caller,
        calls,
        answered,
        instead: most(instead).map(([to, count]) => ({ to, answered: count })),
      }))
      .toSorted((a, b) => b.calls - a.calls);
  }

  #blockOf({ startedAt }: CallRecord): Counted | undefined {
    const local = this.#zones.at(this.#timeZone, startedAt);
    if (local === undefined) return undefined;
    const days = local.day <= 5 ? 'working days' : 'weekend';
    const hour = local.minute / 60;
    const block = blocks.find((b) => b.days === days && b.from <= hour && hour < b.to);
    return block === undefined ? undefined : this.#blocks.get(block);
  }

  #callerOf({ from }: CallRecord): Counted | undefined {
    const known = this.#callers.get(from);
    if (known !== undefined || from === '' || this.#callers.size >= mostCallers) return known;
    const counted = empty();
    this.#callers.set(from, counted);
    return counted;
  }
}

function note(counted: Counted, rung: Rung, instead: string | undefined): void {
  counted.calls++;
  if (rung.outcome === 'answered') counted.answered++;
  if (rung.answeredBy !== undefined) more(counted.devices, rung.answeredBy);
  if (instead !== undefined) more(counted.instead, instead);
}

/** Who spoke for the called side in the end when it was not the user: another user, after a transfer too, or a number. */
function otherOf(record: CallRecord, user: string): string | undefined {
  if (record.answeredAt === undefined) return undefined;
  const { callee } = record;
  if (callee !== undefined) return callee === user ? undefined : callee;
  return answeringLeg(record)?.number;
}
