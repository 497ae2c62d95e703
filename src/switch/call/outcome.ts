import type { RingResult } from '../../stores/index.ts';
import type { RingOutcome } from './ring.ts';
import type { InviteFailure, Refusal } from './signaling.ts';

type Won = Extract<RingOutcome, { kind: 'won' }>;

/** What one step on a call's way, or all of somebody's rules, came to. */
export type Came =
  | Won
  /** Nothing else is to be tried. */
  | { readonly kind: 'told'; readonly refusal: Refusal }
  /** `result` is absent when nobody was rung at all. */
  | {
      readonly kind: 'lost';
      readonly result: RingResult | undefined;
      readonly failure?: InviteFailure | undefined;
    };

/** What a call's whole search came to. */
export type Found = Won | { readonly kind: 'lost'; readonly refusal: Refusal };

export const nothing = { kind: 'lost', result: undefined } as const satisfies Came;
export const callerGone: Came = { kind: 'told', refusal: { status: 487, reason: 'The caller has gone' } };

/** What a ringing that nobody answered was to the person who was called. */
export function resultOf({ failure, rang }: Extract<RingOutcome, { kind: 'lost' }>): RingResult {
  const { status } = failure;
  if (status === 486 || status === 600) return 'busy';
  if (status >= 600) return 'declined';
  // A phone that never said that it rings is as good as none: its registration may be stale (S2-16).
  return rang ? 'no-answer' : 'not-reachable';
}

const refusals: Readonly<Record<RingResult, Refusal>> = {
  busy: { status: 486, reason: 'Busy' },
  declined: { status: 603, reason: 'Declined' },
  'no-answer': { status: 480, reason: 'No answer' },
  'not-reachable': { status: 480, reason: 'Not reachable' },
};

/** What a caller is told in the end where rules led the call: nothing of who was tried on the way (S2-31). */
export const refusalOf = (result: RingResult | undefined): Refusal => refusals[result ?? 'not-reachable'];

const meaningful = new Set([404, 410, 415, 480, 484, 486, 488, 600, 603, 604, 606]);

/** What a phone's or trunk's failure is to the caller: what it means for a person, not what went wrong over there. */
export function forCaller({ status, reason }: InviteFailure): Refusal {
  if (meaningful.has(status)) return { status, reason: reason === '' ? 'Unavailable' : reason };
  if (status === 408) return { status: 480, reason: 'Not reachable' };
  if (status === 500 && reason === 'No media available') return { status, reason };
  return { status: 480, reason: 'Temporarily unavailable' };
}
