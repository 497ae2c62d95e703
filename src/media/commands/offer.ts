import { ngText, type NgDictionary } from '../../ng/index.ts';
import type { Call } from '../relay/call.ts';
import { applyDescription } from '../relay/describe.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import { parseFlags, type Flags } from './flags.ts';
import { startRecording } from './recording.ts';
import { equip, familyOf, needSdp, noteWishes, passOn } from './negotiate.ts';
import { need, needCallId } from './refusal.ts';

/** What this engine takes beyond rtpengine's words; told with every offer, so that a switch need not know what it talks to. */
const capabilities: readonly string[] = ['block-DTMF in answer'];

/** The description of one side, to be passed on to the other: which streams there are, and ports for both. */
export function offer(relay: Relay, request: NgDictionary): NgDictionary {
  const sdp = needSdp(request);
  const id = needCallId(request);
  const fromTag = need(request, 'from-tag');
  const flags = parseFlags(request);
  const fresh = !relay.calls.has(id);
  const call = relay.open(id);
  try {
    call.lastSignal = relay.clock.wall();
    const from = call.byTag(fromTag) ?? call.add(fromTag, undefined);
    const to = otherSide(call, from, { toTag: ngText(request, 'to-tag'), viaBranch: flags.viaBranch });
    noteWishes(from, flags);
    return { sdp: carryOut(relay, { call, from, to }, sdp, flags), capabilities };
  } catch (error) {
    if (fresh) relay.end(call);
    throw error;
  }
}

type Sides = { readonly call: Call; readonly from: Party; readonly to: Party };

function carryOut(
  relay: Relay,
  { call, from, to }: Sides,
  sdp: ReturnType<typeof needSdp>,
  flags: Flags,
): string {
  const family = familyOf(sdp);
  equip(call, from, sdp, family);
  equip(call, to, sdp, flags.family ?? family);
  applyDescription(from, sdp, flags.sourceAddress);
  if (!from.peers.includes(to)) {
    // Not answered yet: known to each other, but what `from` has as its latest peer stays.
    from.peers = [to, ...from.peers];
    to.peers = [from, ...to.peers];
  }
  // Numbered as rtpengine does it: of each line whom it is for, then whose it is.
  for (const index of sdp.media.keys())
    for (const stream of [to.stream(index), from.stream(index)]) stream.label ??= call.nextLabel();
  const text = passOn(relay, [from, to], sdp, { flags, role: 'offer', family: flags.family ?? family });
  call.refresh(from);
  if (flags.earlyMedia && to.description === undefined) call.expect(from, to);
  if (flags.recordCall === true) startRecording(relay, call);
  return text;
}

/**
 * Who an offer goes to. A branch that was not seen before is a new party, with ports of its own; without a branch
 * and without a tag it is the one that `from` already deals with.
 */
function otherSide(
  call: Call,
  from: Party,
  hints: { readonly toTag: string | undefined; readonly viaBranch: string | undefined },
): Party {
  const { toTag, viaBranch } = hints;
  const tagged = toTag === undefined || toTag === '' ? undefined : call.byTag(toTag);
  if (tagged !== undefined && tagged !== from) return tagged;
  const branch = viaBranch === undefined ? undefined : call.byBranch(viaBranch);
  if (branch !== undefined && branch !== from) return branch;
  if (viaBranch !== undefined) return call.add(undefined, viaBranch);
  return from.peers.find((p) => p.tag === undefined) ?? from.peer ?? call.add(undefined, undefined);
}
