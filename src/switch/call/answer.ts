import type { Call, Party } from './call.ts';
import { capabilities } from './capabilities.ts';
import { connectedHeaders } from './identity.ts';
import type { Leg } from './leg.ts';
import { offeringTo, type MediaParty } from './media-session.ts';
import {
  answerTo,
  asAnswer,
  audioCodecs,
  directionOf,
  shareCodec,
  withCodecs,
  withDirection,
} from './session-description.ts';
import { SipFailure } from './signaling.ts';

/** No codec is common between a device that calls in and the party that it would talk to. */
export class NoCommonCodec extends SipFailure {
  constructor() {
    super(488, 'No common codec');
  }
}

/**
 * Answers a device that called in, as the new leg of `party`: with what the other party already uses, so that nothing
 * changes there. Resolves once the 200 is out and the media engine connects the two; what the other party is to be told
 * the first time is yielded, and after that of no use. `acked` runs when the device has confirmed.
 */
export async function answerIncoming(
  call: Call,
  party: Party,
  leg: Leg,
  acked: () => void = () => undefined,
): Promise<string> {
  const { incoming } = leg;
  const far = call.other(party);
  if (incoming === undefined || far.leg === undefined) throw new SipFailure(500, 'Nothing to answer with');
  const from = farParty(call, party);
  const how = offeringTo(from, leg.sdp);
  const offer = await call.media.offer(from, leg.branch, how);
  const events =
    how.events === true && audioCodecs(from.sdp).some((codec) => codec.name.startsWith('telephone-event/'));
  if (leg.sdp !== '')
    return answerOffer(call, { far, from, leg, answer: asAnswer(offer, leg.sdp, events), acked });
  // RFC 3264 §4: the INVITE had no offer, so our 200 has one and the ACK brings the answer.
  leg.local = withDirection(offer, 'sendrecv');
  const connected = Promise.withResolvers<string>();
  connected.promise.catch(() => undefined);
  const dialog = await incoming.accept(leg.local, answerHeaders(far), (sdp) => {
    leg.sdp = sdp ?? '';
    if (sdp === undefined) return connected.reject(new NoCommonCodec());
    call.media.answer(from, leg.branch, leg).then(connected.resolve, connected.reject);
    return acked();
  });
  call.establish(leg, dialog);
  return connected.promise;
}

type Answering = {
  readonly far: Party;
  readonly from: MediaParty;
  readonly leg: Leg;
  readonly answer: string | undefined;
  readonly acked: () => void;
};

async function answerOffer(call: Call, answering: Answering): Promise<string> {
  const { far, from, leg, acked } = answering;
  if (leg.incoming === undefined) throw new NoCommonCodec();
  const answer = answering.answer ?? (await farAsked(call, far.leg, leg));
  const forFar = answering.answer === undefined ? '' : await call.media.answer(from, leg.branch, leg);
  // A hold is between us and who holds: this device is not told, and need not be told of its end.
  leg.local = withDirection(answer, answerTo[directionOf(leg.sdp)]);
  const dialog = await leg.incoming.accept(leg.local, answerHeaders(far), acked);
  call.establish(leg, dialog);
  return forFar;
}

/**
 * The last resort: the device knows no codec that the other party talks, nor one that the media engine could make. Then
 * the other party is asked (re-INVITE) for one that it offered once; if it will not, nothing has changed.
 */
async function farAsked(call: Call, far: Leg | undefined, leg: Leg): Promise<string> {
  if (call.phase !== 'talking' || far?.dialog === undefined || !shareCodec(far.sdp, leg.sdp))
    throw new NoCommonCodec();
  const offer = await call.media.ask(far, leg);
  const said = await far.dialog.reinvite(offer).catch((error: unknown) => {
    call.log.info({ error: String(error) }, 'the other party keeps its codec');
    throw new NoCommonCodec();
  });
  const answer = asAnswer(await call.media.agreed({ tag: far.tag, sdp: said }, leg), leg.sdp);
  if (answer === undefined) throw new NoCommonCodec();
  far.sdp = said;
  far.local = offer;
  return answer;
}

/**
 * The other party as the media engine is to present it to a new device: what it said, narrowed to the codecs that it and
 * the leg it talks to have agreed on, and with the hold of the leg that leaves taken back: a hold is the holder's, and
 * goes with it.
 */
export function farParty(call: Call, party: Party): MediaParty {
  const { leg } = call.other(party);
  if (leg === undefined) throw new SipFailure(481, 'The other side has gone');
  const agreed = audioCodecs(leg.local).map((codec) => codec.name);
  const narrowed = agreed.length === 0 ? leg.sdp : withCodecs(leg.sdp, agreed);
  return { tag: leg.tag, sdp: leg.holds ? narrowed : withDirection(narrowed, 'sendrecv') };
}

const answerHeaders = (far: Party) => ({
  ...connectedHeaders(far.identity),
  ...capabilities,
});
