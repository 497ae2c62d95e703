import type { CallRecord, RecordedLeg } from '../../stores/index.ts';

/** What a call was to one user whom it rang for. */
export type Rung = {
  readonly user: string;
  /** Somebody else may have: then it is not missed. */
  readonly outcome: 'answered' | 'elsewhere' | 'missed';
  /** From the first ringing at the user's to the answer there; milliseconds. */
  readonly toAnswerMs?: number;
  /** The device that answered, and those that rang. */
  readonly answeredBy?: string;
  readonly devices: readonly string[];
};

/** Legs that rang for the call itself; those that a flip or a transfer made later did not. */
export function ringingLegs({ legs, answeredAt }: CallRecord): readonly RecordedLeg[] {
  return legs.filter((leg) => leg.party === 'callee' && leg.startedAt <= (answeredAt ?? Infinity));
}

/** The first that was answered of those that rang. */
export function answeringLeg(record: CallRecord): RecordedLeg | undefined {
  return ringingLegs(record)
    .filter((leg) => leg.answeredAt !== undefined)
    .toSorted((a, b) => (a.answeredAt ?? 0) - (b.answeredAt ?? 0))[0];
}

/** What a call was to every user whom it rang for. */
export function rungFor(record: CallRecord): readonly Rung[] {
  const answering = answeringLeg(record);
  const byUser = Map.groupBy(
    ringingLegs(record).filter((leg) => leg.user !== undefined),
    (leg) => leg.user ?? '',
  );
  // Nothing of theirs could be rung: to who called, the user was not there.
  if (byUser.size === 0 && record.answeredAt === undefined && record.callee !== undefined)
    return [{ user: record.callee, outcome: 'missed', devices: [] }];
  return [...byUser].map(([user, legs]) => {
    const devices = [...new Set(legs.flatMap((leg) => leg.device ?? []))];
    if (answering === undefined) return { user, outcome: 'missed', devices };
    if (!legs.includes(answering)) return { user, outcome: 'elsewhere', devices };
    const { device, answeredAt = 0 } = answering;
    const toAnswerMs = answeredAt - Math.min(...legs.map((leg) => leg.startedAt));
    const answeredBy = device === undefined ? {} : { answeredBy: device };
    return { user, outcome: 'answered', devices, toAnswerMs, ...answeredBy };
  });
}
