import type { Clock, Emitter, Logger, Timer } from '../../base/index.ts';
import type { CallRecord, DirectoryStore } from '../../stores/index.ts';
import type { CallEvents, CallView } from '../call/call-view.ts';
import type { DialogFacts } from '../call/dialog-facts.ts';
import type { Reason } from '../call/signaling.ts';
import { callRecord, type Beginning } from './call-record.ts';
import type { CallQuality } from './leg-quality.ts';

/** What is written down of a call: while it lives, all that ends it and makes its record; then the record, until kept. */
export type KeptCall =
  | {
      readonly kind: 'live';
      readonly view: CallView;
      readonly beginning: Beginning;
      readonly dialogs: readonly DialogFacts[];
    }
  | { readonly kind: 'over'; readonly record: CallRecord }
  /** That the process lived then, with calls. */
  | { readonly kind: 'alive'; readonly at: number };

/** Where that is written down. Must not throw. */
export type KeptCalls = {
  readonly known: ReadonlyMap<string, KeptCall>;
  put(key: string, value: KeptCall): void;
  remove(key: string): void;
};

export type CallJournalParts = {
  readonly journal: KeptCalls;
  readonly events: Emitter<CallEvents>;
  readonly dialogsOf: (callId: string) => readonly DialogFacts[];
  readonly clock: Clock;
};

/** No call has this id. */
const aliveKey = '*';
/** How precisely the end of a call is known that no process saw. */
const aliveMs = 5000;
/** Records that wait for their database beyond this are in memory only. */
const maxKept = 20_000;

export const restarted: Reason = { cause: 503, text: 'The switch was restarted' };

/** Writes down every live call at each of its changes, so that the next process can end what this one left. */
export class CallJournal {
  readonly #parts: CallJournalParts;
  readonly #live = new Map<string, Beginning>();
  readonly #off: readonly (() => void)[];
  #timer: Timer | undefined;

  constructor(parts: CallJournalParts) {
    this.#parts = parts;
    const { events } = parts;
    const changed = (view: CallView) => this.#changed(view);
    this.#off = [
      events.on('started', changed),
      events.on('ringing', changed),
      events.on('answered', changed),
      events.on('changed', changed),
      events.on('flip', ({ call }) => changed(call)),
      events.on('ended', changed),
    ];
  }

  /** Its record is made; from here on the database is what is waited for. */
  over(record: CallRecord): void {
    const { journal } = this.#parts;
    if (journal.known.size > maxKept) journal.remove(record.id);
    else journal.put(record.id, { kind: 'over', record });
  }

  /** The database has them. */
  kept(records: readonly CallRecord[]): void {
    for (const { id } of records) this.#parts.journal.remove(id);
  }

  close(): void {
    this.#timer?.cancel();
    for (const off of this.#off) off();
  }

  #changed(view: CallView): void {
    const { journal, dialogsOf } = this.#parts;
    const beginning = this.#live.get(view.id) ?? { from: view.from, to: view.to, users: view.users };
    const dialogs = view.state === 'ended' ? [] : dialogsOf(view.id);
    journal.put(view.id, { kind: 'live', view, beginning, dialogs });
    if (view.state === 'ended') this.#live.delete(view.id);
    else this.#live.set(view.id, beginning);
    this.#timer ??= this.#beat();
  }

  /** Now and then, as long as there are calls: when it was that the process died. */
  #beat(): Timer | undefined {
    const { clock, journal } = this.#parts;
    journal.put(aliveKey, { kind: 'alive', at: clock.wall() });
    if (this.#live.size === 0) return undefined;
    return clock.after(aliveMs, () => {
      this.#timer = this.#beat();
    });
  }
}

export type LeftoverParts = {
  readonly journal: KeptCalls;
  readonly directory: DirectoryStore;
  /** What a media engine that lives on says of the call while it forgets it. */
  readonly forgetMedia: (callId: string) => Promise<CallQuality | undefined>;
  readonly endDialog: (dialog: DialogFacts, reason: Reason) => Promise<void>;
  readonly keep: (record: CallRecord) => void;
  readonly log: Logger;
};

/** Dialogs that are ended at once; the peers of many calls are not flooded. */
const atOnce = 50;

/**
 * Ends what an earlier process left: calls that were live get their record, with what was known of them, and their phones
 * a BYE, so that nobody stays in an empty call. Resolves when the last BYE was answered or given up; records are made
 * before that.
 */
export async function endLeftovers(parts: LeftoverParts): Promise<void> {
  const { journal, keep, log } = parts;
  const left = [...journal.known.values()];
  const diedAt = Math.max(0, ...left.map((kept) => (kept.kind === 'alive' ? kept.at : 0)));
  const live = left.filter((kept) => kept.kind === 'live');
  for (const kept of left) if (kept.kind === 'over') keep(kept.record);
  const cutOff = live.filter(({ view }) => view.state !== 'ended');
  if (cutOff.length > 0) log.warn({ calls: cutOff.length }, 'calls of an earlier process are ended');
  await Promise.all(live.map((kept) => endCall(parts, kept, diedAt)));
  const dialogs = live.flatMap((kept) => kept.dialogs);
  for (let i = 0; i < dialogs.length; i += atOnce)
    // oxlint-disable-next-line no-await-in-loop -- so many and no more
    await Promise.all(dialogs.slice(i, i + atOnce).map((dialog) => parts.endDialog(dialog, restarted)));
}

async function endCall(
  { directory, forgetMedia, keep, journal }: LeftoverParts,
  { view, beginning }: KeptCall & { readonly kind: 'live' },
  diedAt: number,
): Promise<void> {
  const quality = await forgetMedia(view.id).catch(() => undefined);
  const record = callRecord(directory, ended(view, diedAt), beginning, quality);
  journal.put(view.id, { kind: 'over', record });
  keep(record);
}

/** As it would have been seen at its end, had anybody been there to see it. */
function ended(view: CallView, diedAt: number): CallView {
  if (view.state === 'ended') return view;
  const seen = [view.startedAt, view.ringingAt, view.answeredAt, diedAt, ...view.legs.map(lastOf)];
  const endedAt = Math.max(...seen.map((at) => at ?? 0));
  const legs = view.legs.map((leg) =>
    leg.state === 'ended' ? leg : { ...leg, state: 'ended' as const, endedAt, ended: restarted },
  );
  return { ...view, state: 'ended', endedAt, endedBy: 'switch', ended: restarted, legs };
}

const lastOf = ({ startedAt, answeredAt, endedAt }: CallView['legs'][number]): number =>
  endedAt ?? answeredAt ?? startedAt;
