import type { NgDictionary } from '../../ng/index.ts';
import { applyDescription } from '../relay/describe.ts';
import type { Relay } from '../relay/relay.ts';
import { parseFlags } from './flags.ts';
import { equip, familyOf, needSdp, noteWishes, passOn } from './negotiate.ts';
import { need, needCallId } from './refusal.ts';

/**
 * A party that comes in with an offer and is not connected with anybody yet. Its answer is recvonly, or with the flag
 * `bidirectional` whatever it offered, so that `connect` can let it talk.
 */
export function publish(relay: Relay, request: NgDictionary): NgDictionary {
  const sdp = needSdp(request);
  const id = needCallId(request);
  const tag = need(request, 'from-tag');
  const flags = parseFlags(request);
  const fresh = !relay.calls.has(id);
  const call = relay.open(id);
  try {
    call.lastSignal = relay.clock.wall();
    const party = call.byTag(tag) ?? call.add(tag, flags.viaBranch);
    noteWishes(party, flags);
    const family = familyOf(sdp);
    equip(call, party, sdp, flags.family ?? family);
    applyDescription(party, sdp);
    const text = passOn(relay, [party, party], sdp, {
      flags,
      role: 'answer',
      family: flags.family ?? family,
      direction: flags.set.has('bidirectional') ? 'sendrecv' : 'recvonly',
    });
    call.refresh(party);
    return { sdp: text };
  } catch (error) {
    if (fresh) relay.end(call);
    throw error;
  }
}
