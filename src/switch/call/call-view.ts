import type { TraceEntry } from '../../stores/index.ts';
import type { Reason } from './signaling.ts';

/** One leg, as people see it: never an address or SDP. Times are wall-clock milliseconds. */
export type LegView = {
  readonly id: string;
  readonly party: 'caller' | 'callee';
  readonly userId?: string;
  readonly deviceId?: string;
  readonly device?: string;
  readonly trunk?: string;
  /** It ends in the switch itself: `mailbox`. */
  readonly terminal?: string;
  /** The outside number that it leads to; for nobody's eyes but its user's. */
  readonly number?: string;
  readonly state: 'ringing' | 'active' | 'ended';
  /** A rule forwarded the call there: within the system, or over a trunk, which costs. */
  readonly forwarded?: 'inside' | 'outside';
  readonly startedAt: number;
  readonly answeredAt?: number;
  readonly endedAt?: number;
  readonly ended?: Reason;
};

export type FlipKind = 'pull' | 'push' | 'grab' | 'replaces' | 'transfer' | 'rescue';

/** What one flip was and what it cost. Milliseconds; a figure that could not be measured is left out. */
export type FlipView = {
  readonly id: string;
  readonly kind: FlipKind;
  readonly party: 'caller' | 'callee';
  readonly by?: string;
  readonly from?: string;
  readonly to?: string;
  readonly startedAt: number;
  readonly result: 'ringing' | 'answered' | 'moved' | 'failed';
  readonly reason?: string;
  /** Request to answer. */
  readonly setup_ms?: number;
  /** Answer to the new device's first packet, and to the first one that it was sent. */
  readonly audio_ms?: number;
  readonly audio_back_ms?: number;
  /** The longest silence at the far leg's output, and packets lost there. */
  readonly gap_ms?: number;
  readonly lost_packets?: number;
};

/** A call, live or over; the call record is its last view. */
export type CallView = {
  readonly id: string;
  readonly domain: string;
  readonly state: 'ringing' | 'talking' | 'held' | 'ended';
  readonly from: string;
  readonly to: string;
  /** The public number that was dialled, where it was one. */
  readonly number?: string;
  /** The users whose call it is. */
  readonly users: readonly string[];
  readonly startedAt: number;
  readonly ringingAt?: number;
  readonly answeredAt?: number;
  readonly endedAt?: number;
  readonly endedBy?: 'caller' | 'callee' | 'switch';
  readonly ended?: Reason;
  readonly legs: readonly LegView[];
  readonly flips: readonly FlipView[];
  /** Why it rang where it rang. */
  readonly decisions: readonly string[];
  /** The same, as data: each rule that was looked at, what rang, and what came of it. */
  readonly trace: readonly TraceEntry[];
};

export type CallEvents = {
  started: CallView;
  ringing: CallView;
  answered: CallView;
  changed: CallView;
  /** A flip's progress: ringing, answered, moved, failed. */
  flip: { readonly call: CallView; readonly flip: FlipView };
  ended: CallView;
  /** An INVITE for which no call was made: the switch is too busy, full, its caller too fast, or it is being stopped. */
  refused: { readonly because: 'overload' | 'limit' | 'rate' | 'draining' };
};
