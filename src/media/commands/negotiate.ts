import { ngText, type NgDictionary } from '../../ng/index.ts';
import { connectionOf, parseSdp, printSdp, type Sdp } from '../../sdp/index.ts';
import type { Call } from '../relay/call.ts';
import { describe, isComplete } from '../relay/describe.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import type { Flags } from './flags.ts';
import { Refusal } from './refusal.ts';

/** The description of a request; refuses what is none. */
export function needSdp(request: NgDictionary): Sdp {
  const text = ngText(request, 'sdp');
  if (text === undefined || text === '') throw new Refusal('No SDP body in message');
  const sdp = parseSdp(text);
  if (sdp === undefined) throw new Refusal('Failed to parse SDP');
  if (!isComplete(sdp)) throw new Refusal('Incomplete SDP specification');
  return sdp;
}

/** The address family that a description uses. */
export function familyOf(sdp: Sdp): 'IP4' | 'IP6' {
  for (const media of sdp.media) {
    const connection = connectionOf(sdp, media);
    if (connection !== undefined) return connection.family;
  }
  return 'IP4';
}

/** Sees that every stream in use has ports; refuses the command when there are none left. */
export function equip(call: Call, party: Party, sdp: Sdp, family: 'IP4' | 'IP6'): void {
  for (const [index, media] of sdp.media.entries()) {
    const stream = party.stream(index);
    if (media.port !== 0 && !call.equip(stream, family)) throw new Refusal('Ran out of ports');
  }
}

/** Prints `from`'s description for `to`. */
export function passOn(
  relay: Relay,
  parties: readonly [from: Party, to: Party],
  sdp: Sdp,
  how: PassOn,
): string {
  const { flags, role, family } = how;
  const described = describe(parties[0], parties[1], sdp, {
    ...flags,
    role,
    family: relay.family(family),
    address: (f) => relay.address(f),
    rtcpAttribute: !flags.set.has('no-rtcp-attribute'),
  });
  return printSdp(described);
}

export type PassOn = {
  readonly flags: Flags;
  readonly role: 'offer' | 'answer';
  readonly family: 'IP4' | 'IP6';
};
