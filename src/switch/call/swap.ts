import type { Call, Party } from './call.ts';
import type { Leg } from './leg.ts';
import { SipFailure, type Reason } from './signaling.ts';

export const moved: Reason = { cause: 200, text: 'Moved to another device' };
const notMoved: Reason = { cause: 480, text: 'The call could not be moved' };

export type SwapMeasures = {
  /** From the connection of the new leg to its first packet; absent when none came in time. */
  readonly audioMs?: number;
};

/** How long a new device that is connected may stay silent before the old one is let go all the same. */
const silenceMs = 1000;
const pollMs = 10;
/** How long it may take to confirm (ACK) before the move is given up. */
const confirmMs = 5000;

export type Swap = {
  readonly next: Leg;
  /** Connects the new leg; `confirmed` is to be called once its phone has it for certain. */
  readonly connect: (confirmed: () => void) => Promise<void>;
  /** Why the old leg ends. */
  readonly reason?: Reason;
};

/**
 * Replaces the leg that speaks for a party: make before break. The new leg is connected while the old one still talks;
 * the far party's dialog and stream are not touched; the old leg ends when the new one has been heard. If the new leg
 * fails before that, the call is as it was.
 */
export async function swap(
  call: Call,
  party: Party,
  { next, connect, reason = moved }: Swap,
): Promise<SwapMeasures> {
  const old = party.leg;
  const { clock } = call.context;
  let confirmed = false;
  // From here on the old phone may hang up without ending the call: its successor is on the way.
  party.next = next;
  try {
    await call.operations.run(() => connect(() => void (confirmed = true)));
  } catch (error) {
    giveUp(call, party, next, old);
    throw error;
  }
  const connectedAt = clock.now();
  call.context.phone.connected(call, next);
  const heard = await firstPacket(call, next, () => confirmed);
  if (heard === undefined || next.state === 'ended') {
    await call.operations.run(() => restored(call, party, next, old));
    giveUp(call, party, next, old);
    throw new SipFailure(480, 'The new device went away');
  }
  party.leg = next;
  party.next = undefined;
  if (old !== undefined) {
    old.end(reason);
    await call.media.release(old.tag);
  }
  call.changed();
  return heard === 'silent' ? {} : { audioMs: Math.round(clock.now() - connectedAt) };
}

/** Waits for the new leg's first packet; yields `undefined` when it ended or never confirmed. */
async function firstPacket(
  call: Call,
  next: Leg,
  confirmed: () => boolean,
): Promise<'heard' | 'silent' | undefined> {
  const { clock } = call.context;
  const start = clock.now();
  for (;;) {
    if (next.state === 'ended' || call.phase === 'ended') return undefined;
    if ((await packets(call, next)) > 0) return 'heard';
    const waited = clock.now() - start;
    if (confirmed() && waited >= silenceMs) return 'silent';
    if (waited >= confirmMs) return undefined;
    await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
  }
}

async function packets(call: Call, leg: Leg): Promise<number> {
  try {
    return await call.media.packetsFrom(leg.tag);
  } catch {
    return 0;
  }
}

/** Gives the media back to the leg that had it. */
async function restored(call: Call, party: Party, next: Leg, old: Leg | undefined): Promise<void> {
  const far = call.other(party).leg;
  if (call.phase === 'ended' || old === undefined || far === undefined) return;
  try {
    await call.media.release(next.tag);
    await call.media.offer(far, old.branch);
    await call.media.answer(far, old.branch, old);
  } catch (error) {
    call.log.warn({ error: String(error) }, 'media of the old device not restored');
  }
}

function giveUp(call: Call, party: Party, next: Leg, old: Leg | undefined): void {
  party.next = undefined;
  // An INVITE that has no answer yet is refused by whoever brought it, with the reason that it failed for.
  if (next.dialog === undefined) next.over(notMoved);
  else next.end(notMoved);
  if (old === undefined || old.state === 'ended') call.end(party.side, notMoved);
}
