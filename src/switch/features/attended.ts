import { farParty } from '../call/answer.ts';
import type { Call, Party } from '../call/call.ts';
import { userOf } from '../call/endpoint.ts';
import { Flip } from '../call/flip.ts';
import { connectedHeaders } from '../call/identity.ts';
import type { Leg } from '../call/leg.ts';
import { offeringTo } from '../call/media-session.ts';
import type { Dialog, Reason } from '../call/signaling.ts';
import { swap } from '../call/swap.ts';

const transferred: Reason = { cause: 200, text: 'Transferred' };

/** The two calls of somebody who talks with one party and has asked another: each with the side that is the transferor's. */
export type Consultation = {
  readonly call: Call;
  readonly party: Party;
  readonly asked: Call;
  readonly askedParty: Party;
};

export type Joining = { readonly moved: boolean; readonly reason: string };

/** Why two calls cannot be made one; `undefined` when they can. */
export function mayJoin({ call, party, asked, askedParty }: Consultation): string | undefined {
  const own = [party.leg, askedParty.leg].map((leg) => leg && userOf(leg.endpoint)?.id);
  if (own[0] === undefined || own[0] !== own[1]) return 'Not your call';
  if (call === asked) return 'The same call';
  return call.phase === 'talking' && asked.phase === 'talking' ? undefined : 'Nobody talks yet';
}

/**
 * A transfer after consultation: whoever was asked takes the transferor's place in the call. Their dialog is asked to
 * speak with our media for that call (re-INVITE), and the one who waits sees nothing of it; if the asked one's phone or
 * trunk will not, the other way round. If neither will, both calls are as they were.
 */
export async function join(
  consultation: Consultation,
  by: string,
  answered: (leg: Leg) => void,
): Promise<Joining> {
  const { call, party, asked, askedParty } = consultation;
  const claims = [call.operations.claim('transfer'), asked.operations.claim('transfer')];
  try {
    if (claims.includes(undefined)) return { moved: false, reason: 'The call is being moved already' };
    const first = await move(consultation, by, answered);
    if (first.moved || call.phase !== 'talking' || asked.phase !== 'talking') return first;
    const turned = { call: asked, party: askedParty, asked: call, askedParty: party };
    return await move(turned, by, answered);
  } finally {
    for (const claim of claims) claim?.release();
  }
}

async function move(
  { call, party, asked, askedParty }: Consultation,
  by: string,
  answered: (leg: Leg) => void,
): Promise<Joining> {
  const target = asked.other(askedParty);
  const { leg: targetLeg } = target;
  const dialog = targetLeg?.dialog;
  if (targetLeg === undefined || dialog === undefined) return { moved: false, reason: 'Nobody talks yet' };
  const flip = new Flip(call, 'transfer', party, { by, to: target.identity.number });
  const next = call.newLeg(party, targetLeg.endpoint);
  const old = party.leg;
  try {
    const measures = await swap(call, party, {
      next,
      reason: transferred,
      connect: async (confirmed) => {
        await takeDialog(call, party, next, { leg: targetLeg, dialog });
        flip.answered(next.endpoint);
        if (old !== undefined) answered(old);
        asked.end('switch', transferred);
        confirmed();
      },
    });
    party.identity = target.identity;
    flip.moved(measures);
    call.changed();
    return { moved: true, reason: '' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    flip.failed(reason);
    return { moved: false, reason };
  }
}

/** The dialog of a leg of another call becomes that of `next`, by a re-INVITE with this call's media. */
async function takeDialog(
  call: Call,
  party: Party,
  next: Leg,
  from: { readonly leg: Leg; readonly dialog: Dialog },
): Promise<void> {
  const far = farParty(call, party);
  const how = offeringTo(far, from.leg.sdp);
  const { leg: talking } = party;
  next.local = await (talking === undefined
    ? call.media.offer(far, next.branch, how)
    : call.media.offerBeside(far, next.branch, talking, how));
  try {
    next.sdp = await from.dialog.reinvite(next.local, connectedHeaders(call.other(party).identity));
  } catch (error) {
    await call.media.abandon(far, next.branch);
    throw error;
  }
  from.leg.over(transferred);
  call.establish(next, from.dialog);
  await call.media.answer(far, next.branch, next);
}
