import type { Call, Party } from './call.ts';
import { Ear, type SwapMeasures } from './ear.ts';
import type { Leg } from './leg.ts';
import { SipFailure, type Reason } from './signaling.ts';

export const moved: Reason = { cause: 200, text: 'Moved to another device' };
const notMoved: Reason = { cause: 480, text: 'The call could not be moved' };

export type Swap = {
  readonly next: Leg;
  /** Connects the new leg; `confirmed` is to be called once its phone has it for certain. */
  readonly connect: (confirmed: () => void) => Promise<void>;
  /** Why the old leg ends. */
  readonly reason?: Reason;
  /** The new leg speaks from here on, and the call may be moved again; what it cost is still being measured. */
  readonly settled?: () => void;
};

/**
 * Replaces the leg that speaks for a party: make before break. The new leg is connected while the old one still talks;
 * the far party's dialog and stream are not touched; the old leg ends when the new one has been heard. If the new leg
 * fails before that, the call is as it was.
 */
export async function swap(
  call: Call,
  party: Party,
  { next, connect, reason = moved, settled }: Swap,
): Promise<SwapMeasures> {
  const old = party.leg;
  let confirmed = false;
  // From here on the old phone may hang up without ending the call: its successor is on the way.
  party.next = next;
  try {
    await call.operations.run(() => connect(() => void (confirmed = true)));
  } catch (error) {
    // rtpengine 10 turns the far party's sound to a new device as soon as that is offered something.
    await call.operations.run(() => restored(call, party, next, old));
    giveUp(call, party, next, old);
    throw error;
  }
  call.context.phone.connected(call, next);
  const ear = new Ear(call, next);
  const heard = await ear.firstPacket(() => confirmed);
  if (!heard || next.state === 'ended') {
    await call.operations.run(() => restored(call, party, next, old));
    giveUp(call, party, next, old);
    throw new SipFailure(480, 'The new device went away');
  }
  party.leg = next;
  party.next = undefined;
  settled?.();
  if (old !== undefined) {
    old.end(reason);
    // In its turn: who is quick may be moving the call again.
    await call.operations.run(() => call.media.release(old.tag));
  }
  call.changed();
  return ear.measures();
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
  if (old === undefined || (old.state === 'ended' && !party.lost)) call.end(party.side, notMoved);
}
