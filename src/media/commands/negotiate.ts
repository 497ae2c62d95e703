import { ngText, type NgDictionary } from '../../ng/index.ts';
import { connectionOf, parseSdp, printSdp, type Sdp, type SdpDirection } from '../../sdp/index.ts';
import type { Call } from '../relay/call.ts';
import { describe, isComplete, Unacceptable, type DescribeOptions } from '../relay/describe.ts';
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

export type PassOn = {
  readonly flags: Flags;
  readonly role: 'offer' | 'answer';
  readonly family: 'IP4' | 'IP6';
  readonly direction?: SdpDirection;
};

/** How to describe, from the flags of a request. */
export const describeOptions = (relay: Relay, how: PassOn): DescribeOptions => ({
  ...how.flags,
  role: how.role,
  direction: how.direction,
  family: relay.family(how.family),
  address: (family) => how.flags.mediaAddress ?? relay.address(family),
  rtcpAttribute: !how.flags.set.has('no-rtcp-attribute'),
});

/** Prints `from`'s description for `to`. */
export function passOn(
  relay: Relay,
  parties: readonly [from: Party, to: Party],
  sdp: Sdp,
  how: PassOn,
): string {
  const protocol = how.flags.transportProtocol ?? '';
  if ([protocol, ...sdp.media.map((m) => m.protocol)].some((p) => /^(UDP|TCP)\/TLS\//.test(p)))
    throw new Refusal('DTLS-SRTP is not supported by this engine');
  try {
    return printSdp(describe(parties[0], parties[1], sdp, describeOptions(relay, how)));
  } catch (error) {
    throw error instanceof Unacceptable ? new Refusal(error.message) : error;
  }
}

/** What a description's sender is to be known as and watched for. */
export function noteWishes(party: Party, flags: Flags): void {
  if (flags.label !== undefined) party.label = flags.label;
  if (flags.set.has('detect-DTMF')) party.detectsDigits = true;
  if (flags.set.has('block-DTMF')) party.dtmfBlocked = true;
}
