import { ngList, type NgDictionary } from '../../ng/index.ts';
import type { Call } from '../relay/call.ts';
import { applyDescription } from '../relay/describe.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import { blockDigitsOf } from './block.ts';
import { parseFlags } from './flags.ts';
import { startRecording } from './recording.ts';
import { equip, familyOf, needSdp, noteWishes, passOn } from './negotiate.ts';
import { need, needCall, needCallId, Refusal } from './refusal.ts';

/**
 * The description of the side that answers, for the side that offered: from here on the two talk. Whoever the
 * offerer heard before goes on being heard until the first packet of the one that answers.
 */
export function answer(relay: Relay, request: NgDictionary): NgDictionary {
  const sdp = needSdp(request);
  needCallId(request);
  const fromTag = need(request, 'from-tag');
  const toTag = need(request, 'to-tag');
  const call = needCall(relay, request);
  const flags = parseFlags(request);
  call.lastSignal = relay.clock.wall();
  const from = call.byTag(fromTag);
  if (from === undefined) throw new Refusal('From-tag given, but no such tag exists');
  const to = whoAnswers(call, from, toTag, flags.viaBranch);
  equip(call, to, sdp, familyOf(sdp));
  applyDescription(to, sdp, flags.sourceAddress);
  for (const stream of to.streams)
    if (stream.security !== undefined && !stream.rejected && !stream.security.accept(stream.cryptos))
      throw new Refusal('No usable SDES crypto suite');
  const family = from.streams.find((s) => s.rtp.advertised !== undefined)?.rtp.advertised?.address;
  const text = passOn(relay, [to, from], sdp, {
    flags,
    role: 'answer',
    family: flags.family ?? (family?.includes(':') === true ? 'IP6' : 'IP4'),
  });
  noteWishes(to, flags);
  blockDigitsOf(call, ngList(request, 'block-DTMF'));
  call.connect(from, to);
  call.refresh(from);
  call.refresh(to);
  if (flags.recordCall === true) startRecording(relay, call);
  return { sdp: text };
}

function whoAnswers(call: Call, from: Party, toTag: string, viaBranch: string | undefined): Party {
  const tagged = call.byTag(toTag);
  if (tagged !== undefined) return tagged;
  const branch = viaBranch === undefined ? undefined : call.byBranch(viaBranch);
  const party =
    branch ?? from.peers.find((p) => p.tag === undefined) ?? from.peer ?? call.add(toTag, viaBranch);
  // A second answer on the same branch, as a forking proxy sends it, moves the ports to whom it names.
  party.tag = toTag;
  return party;
}
