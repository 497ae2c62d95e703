import type { CallRecord, RecordedLeg } from '../../stores/index.ts';

/** One place that rules forwarded a call to. */
export type Forwarded = {
  /** Whose rule it was: an extension or a number. */
  readonly owner: string;
  readonly rule?: { readonly id: string; readonly name: string };
  /** An extension, or an outside number. */
  readonly to: string;
  readonly kind: 'inside' | 'outside';
  readonly answered: boolean;
  /** How long was talked there; milliseconds. */
  readonly talkMs: number;
};

/** What is read of a call, over or not. */
type Led = Pick<CallRecord, 'to' | 'legs' | 'trace' | 'endedAt'>;

/** Where a call was forwarded, each place once however many devices rang there (S2-12). */
export function forwardings(record: Led): readonly Forwarded[] {
  const rung = record.legs.flatMap((leg) => placeOf(record, leg) ?? []);
  const places = Map.groupBy(rung, ({ owner, to }) => `${owner}\n${to}`);
  return [...places.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [others.reduce(together, first)],
  );
}

const together = (a: Forwarded, b: Forwarded): Forwarded => ({
  ...a,
  answered: a.answered || b.answered,
  talkMs: a.talkMs + b.talkMs,
});

function placeOf(record: Led, leg: RecordedLeg): Forwarded | undefined {
  const to = leg.number ?? leg.user;
  if (leg.forwarded === undefined || to === undefined) return undefined;
  const { owner = record.to, rule } = ruleBefore(record, leg) ?? {};
  const answered = leg.answeredAt !== undefined;
  const named = rule === undefined ? {} : { rule };
  return { owner, ...named, to, kind: leg.forwarded, answered, talkMs: talkOf(leg, record) };
}

const talkOf = ({ answeredAt, endedAt }: RecordedLeg, record: Led): number =>
  answeredAt === undefined ? 0 : Math.max(0, (endedAt ?? record.endedAt) - answeredAt);

/** The rule that was taken last before a leg began to ring. */
function ruleBefore({ trace = [] }: Led, { startedAt }: RecordedLeg) {
  return trace.findLast(({ at, taken, rule }) => at <= startedAt && taken === true && rule !== undefined);
}

export type Volume = {
  readonly calls: number;
  readonly answered: number;
  readonly talkSeconds: number;
};

/** By what forwarded calls are told apart. */
export type ForwardedBy = 'owner' | 'destination' | 'both';

export type ForwardedRow = Volume & {
  readonly owner?: string;
  readonly to?: string;
  readonly kind: 'inside' | 'outside';
};

/** How much was forwarded, by whose rules and where to (S2-66). */
export class ForwardingReport {
  readonly #by: ForwardedBy;
  readonly #rows = new Map<string, ForwardedRow>();

  constructor(by: ForwardedBy) {
    this.#by = by;
  }

  add(record: CallRecord): void {
    for (const { owner, to, kind, answered, talkMs } of forwardings(record)) {
      const named = {
        ...(this.#by === 'destination' ? {} : { owner }),
        ...(this.#by === 'owner' ? {} : { to }),
        kind,
      };
      const key = JSON.stringify(named);
      const { calls, answered: before, talkSeconds } = this.#rows.get(key) ?? { ...named, ...none };
      this.#rows.set(key, {
        ...named,
        calls: calls + 1,
        answered: before + Number(answered),
        talkSeconds: talkSeconds + talkMs / 1000,
      });
    }
  }

  /** The most first. */
  items(): readonly ForwardedRow[] {
    return [...this.#rows.values()]
      .map((row) => ({ ...row, talkSeconds: Math.round(row.talkSeconds) }))
      .toSorted((a, b) => b.calls - a.calls || b.talkSeconds - a.talkSeconds);
  }
}

const none: Volume = { calls: 0, answered: 0, talkSeconds: 0 };
