import type { RingResult } from './routing-store.ts';

/** How well one side was heard, as the media engine counted it. A figure that it did not have is left out. */
export type LegQuality = {
  /** RTP packets that came from the device, and those missing from their sequence. */
  readonly packets: number;
  readonly lost?: number;
  readonly lossPercent?: number;
  readonly jitterMs?: number;
  readonly roundTripMs?: number;
  /** Mean opinion score, 1 to 4.5 (ITU-T G.107). */
  readonly mos?: number;
};

/** Why something ended: `cause` is a SIP status or 200 (RFC 3326). */
export type RecordedReason = { readonly cause: number; readonly text: string };

/** One device or trunk that rang or talked in a call. Times are wall-clock milliseconds. */
export type RecordedLeg = {
  readonly id: string;
  readonly party: 'caller' | 'callee';
  /** Extensions. */
  readonly user?: string;
  readonly device?: string;
  readonly trunk?: string;
  /** It ended in the switch itself: `mailbox`. */
  readonly terminal?: string;
  /** The outside number that was rung. */
  readonly number?: string;
  /** A rule forwarded the call there; outside is what costs. */
  readonly forwarded?: 'inside' | 'outside';
  readonly startedAt: number;
  readonly answeredAt?: number;
  readonly endedAt?: number;
  readonly ended?: RecordedReason;
  readonly quality?: LegQuality;
};

/** One flip and what it cost; milliseconds. */
export type RecordedFlip = {
  readonly id: string;
  readonly kind: string;
  readonly party: 'caller' | 'callee';
  readonly by?: string;
  readonly from?: string;
  readonly to?: string;
  readonly startedAt: number;
  readonly result: string;
  readonly reason?: string;
  readonly setup_ms?: number;
  readonly audio_ms?: number;
  readonly audio_back_ms?: number;
  readonly gap_ms?: number;
  readonly lost_packets?: number;
};

/** One entry of a call's decision trace: a rule that was looked at, what rang, or what came of it. */
export type TraceEntry = {
  /** Wall-clock milliseconds. */
  readonly at: number;
  readonly text: string;
  /** Whose rules were asked: an extension or a number. */
  readonly owner?: string;
  readonly rule?: { readonly id: string; readonly name: string };
  /** Whether the rule was taken. */
  readonly taken?: boolean;
  /** What rang: extensions of devices, and outside numbers. */
  readonly rang?: readonly string[];
  readonly result?: RingResult | 'answered';
  /** Where the call was forwarded to; outside is what costs. */
  readonly forward?: { readonly to: string; readonly kind: 'inside' | 'outside' };
};

/** What is kept of one call, whatever devices it passed through. Times are wall-clock milliseconds. */
export type CallRecord = {
  readonly id: string;
  readonly domain: string;
  /** Who called whom, as it was dialled: numbers or extensions. */
  readonly from: string;
  readonly to: string;
  /** The public number that was dialled, where it was one; `to` is whom it leads to. */
  readonly number?: string;
  /** The extension of the user it belongs to: the called one, or the calling one where the called one is outside. */
  readonly user?: string;
  /** The users who spoke for each side in the end: a flip leaves them as they are, a transfer changes them. */
  readonly caller?: string;
  readonly callee?: string;
  /** Ids and extensions of all users whose call it was; they alone may see it. */
  readonly userIds: readonly string[];
  readonly users: readonly string[];
  readonly startedAt: number;
  readonly ringingAt?: number;
  readonly answeredAt?: number;
  readonly endedAt: number;
  readonly endedBy: 'caller' | 'callee' | 'switch';
  readonly ended: RecordedReason;
  readonly legs: readonly RecordedLeg[];
  readonly flips: readonly RecordedFlip[];
  /** Why it rang where it rang. */
  readonly decisions: readonly string[];
  /** The same, as data; absent in records that are older than it. */
  readonly trace?: readonly TraceEntry[];
  /** The recording's file. */
  readonly recording?: string;
};

/** Public and outside numbers that a call has to do with besides who called whom as it was dialled. */
export const numbersIn = ({ number, legs }: CallRecord): readonly string[] => [
  ...new Set([number, ...legs.map((leg) => leg.number)].filter((one) => one !== undefined)),
];

/** Which records; all that is given must fit. `since` is inclusive, `until` is not, both on `startedAt`. */
export type RecordQuery = {
  readonly domain: string;
  readonly userId?: string;
  /** Either side, the public number that was dialled, or an outside one that was rung; exactly. */
  readonly number?: string;
  readonly answered?: boolean;
  readonly since?: number;
  readonly until?: number;
  /** Where the last page ended. */
  readonly after?: string;
  readonly limit: number;
};

/** Newest first. `next` is there when there may be more. */
export type Page<T> = { readonly items: readonly T[]; readonly next?: string };

/** What is kept of calls that are over. Promises reject when the backend fails; then nothing was added. */
export interface RecordStore {
  /** All or none; a record that is there already is replaced, so that a write of doubtful outcome can be repeated. */
  add(records: readonly CallRecord[]): Promise<void>;
  get(domain: string, id: string): Promise<CallRecord | undefined>;
  /** A cursor that never was one of ours is taken for the beginning. */
  list(query: RecordQuery): Promise<Page<CallRecord>>;
  /** Forgets calls that began before; yields how many. */
  removeBefore(startedAt: number): Promise<number>;
  close(): Promise<void>;
}
