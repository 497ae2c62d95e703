import { answerIncoming } from './answer.ts';
import type { Call } from './call.ts';
import { capabilities } from './capabilities.ts';
import { connectedHeaders } from './identity.ts';
import type { Leg } from './leg.ts';
import type { MediaParty } from './media-session.ts';
import { SipFailure } from './signaling.ts';

/**
 * Joins the leg that won with the caller: the media engine connects the two, and the caller gets its 200. `rungAs` is the
 * leg in whose name the winner was rung, which is another one when the caller changed devices meanwhile. Rejects when the
 * media cannot be connected, or when the caller has gone. `standIn` is with whom the media engine had connected a winner
 * that was asked to confirm; from here on that is the caller.
 */
export async function bridge(call: Call, winner: Leg, rungAs: Leg, standIn?: MediaParty): Promise<void> {
  const caller = call.caller.leg;
  if (caller?.incoming === undefined || call.phase !== 'ringing')
    throw new SipFailure(487, 'The caller has gone');
  call.callee.leg = winner;
  const forCaller = await connected(call, winner, rungAs, standIn);
  if (winner.state === 'ended') throw new SipFailure(480, 'The called side hung up');
  if (caller === rungAs) await answerCaller(call, caller, forCaller);
  else {
    await answerIncoming(call, call.caller, caller);
    await call.media.release(rungAs.tag);
  }
  // The winner may have hung up while the 200 was on its way out.
  if (call.callee.leg.state === 'ended') throw new SipFailure(480, 'The called side hung up');
  call.talks();
  for (const leg of [caller, winner]) call.context.phone.connected(call, leg);
  await call.media.unblockUnasked();
}

/** Connects the winner; yields what the caller is to be told where it is still the leg that was rung as. */
async function connected(
  call: Call,
  winner: Leg,
  rungAs: Leg,
  standIn: MediaParty | undefined,
): Promise<string> {
  if (winner.incoming !== undefined) return answerIncoming(call, call.callee, winner);
  if (standIn === undefined) {
    const watched = [rungAs, winner].filter((leg) => call.context.phone.watches(call, leg));
    return call.media.answer(
      rungAs,
      winner.branch,
      winner,
      watched.map(({ tag }) => tag),
    );
  }
  const forCaller = call.caller.leg === rungAs ? await call.media.renegotiate(rungAs, winner) : '';
  await call.media.release(standIn.tag);
  return forCaller;
}

async function answerCaller(call: Call, caller: Leg, sdp: string): Promise<void> {
  const { incoming } = caller;
  if (incoming === undefined) return;
  caller.local = sdp;
  const delayed = incoming.body === '';
  const dialog = await incoming.accept(
    sdp,
    { ...connectedHeaders(call.callee.identity), ...capabilities },
    delayed ? (said) => void call.operations.run(() => callerSays(call, caller, said)) : undefined,
  );
  call.establish(caller, dialog);
}

/** The caller of a delayed offer (RFC 3264 §4) says in its ACK what the placeholder stood for. */
async function callerSays(call: Call, caller: Leg, sdp: string | undefined): Promise<void> {
  const callee = call.callee.leg;
  if (sdp === undefined || callee === undefined || call.phase === 'ended') return;
  caller.sdp = sdp;
  try {
    await call.media.offer(caller, callee.branch);
    await call.media.answer(caller, callee.branch, callee);
  } catch (error) {
    call.log.warn({ error: String(error) }, 'answer in the ACK not usable');
    call.end('switch', { cause: 488, text: 'No common codec' });
  }
}
