import type { Call } from './call.ts';
import { forward } from './forward.ts';
import type { Leg } from './leg.ts';
import { mediaRefusal } from './media-session.ts';
import { answerTo, directionOf, sameSession, shareCodec, withDirection } from './session-description.ts';
import type { DialogListener, InDialogRequest, SessionChange } from './signaling.ts';

/** What a leg's phone may do while it talks. Each leg is negotiated on its own: the other phone is never asked along. */
export const listenTo = (call: Call, leg: Leg): DialogListener => ({
  ended: (reason) => call.legEnded(leg, reason),
  changed: (change) => {
    call.context.phone.alive(leg);
    void call.operations.run(() => sessionChanged(call, leg, change));
  },
  requested: (request) => {
    call.context.phone.alive(leg);
    requested(call, leg, request);
  },
});

/** A re-INVITE or UPDATE: a refresh, a hold, another address, other codecs. */
async function sessionChanged(call: Call, leg: Leg, change: SessionChange): Promise<void> {
  const { offer, method } = change;
  if (leg.state === 'ended') return change.refuse({ status: 481, reason: 'Call is over' });
  if (offer === undefined && method === 'UPDATE') return change.accept(undefined);
  if (offer === undefined)
    return change.accept(leg.local, (answer) => void call.operations.run(() => taken(call, leg, answer)));
  // RFC 4028 §7.4: a refresh says what was said before.
  if (sameSession(offer, leg.sdp)) return change.accept(leg.local);
  try {
    leg.local = await renegotiated(call, leg, offer);
  } catch (error) {
    call.log.info({ leg: leg.id, error: String(error) }, 'session change refused');
    return change.refuse(mediaRefusal(error));
  }
  change.accept(leg.local);
  return call.changed();
}

/** The answer to an offer that we made in a 200. */
async function taken(call: Call, leg: Leg, answer: string): Promise<void> {
  if (leg.state === 'ended' || sameSession(answer, leg.sdp)) return;
  try {
    await renegotiated(call, leg, answer);
  } catch (error) {
    call.log.warn({ leg: leg.id, error: String(error) }, 'answer not usable');
  }
  call.changed();
}

/** Tells the media engine what a leg now says, and yields what that leg is to be told. */
async function renegotiated(call: Call, leg: Leg, said: string): Promise<string> {
  const party = call.partyOf(leg);
  const far = party === undefined ? undefined : call.other(party).leg;
  if (far === undefined) throw new Error('No SDP: nobody to talk to yet');
  const answer = await call.media.renegotiate({ tag: leg.tag, sdp: said }, far);
  if (!shareCodec(answer, said)) {
    await call.media.renegotiate(leg, far);
    throw new Error('No common codec');
  }
  leg.sdp = said;
  return withDirection(answer, answerTo[directionOf(said)]);
}

function requested(call: Call, leg: Leg, request: InDialogRequest): void {
  const { phone } = call.context;
  if (request.method === 'REFER') return phone.refer(call, leg, request);
  if (request.method === 'INFO' && phone.info(call, leg, request)) return undefined;
  if (request.method === 'SUBSCRIBE' || request.method === 'PUBLISH')
    return request.respond(489, { reason: 'Bad Event' });
  if (request.method === 'NOTIFY') return request.respond(200);
  return forwarded(call, leg, request);
}

/** MESSAGE and INFO go to the other phone. */
function forwarded(call: Call, leg: Leg, request: InDialogRequest): void {
  const party = call.partyOf(leg);
  const far = party === undefined ? undefined : call.other(party).leg;
  if (far?.dialog === undefined) return request.respond(480, { reason: 'Nobody to deliver to yet' });
  return forward(request, far.dialog);
}
