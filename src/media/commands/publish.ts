import type { NgDictionary } from '../../ng/index.ts';
import { codecNamed } from '../../sdp/index.ts';
import { isTranscodable } from '../relay/codec-choice.ts';
import { applyDescription } from '../relay/describe.ts';
import type { Relay } from '../relay/relay.ts';
import type { Stream } from '../relay/stream.ts';
import { parseFlags } from './flags.ts';
import { equip, familyOf, needSdp, noteWishes, passOn } from './negotiate.ts';
import { need, needCallId } from './refusal.ts';

/** Who only sends does so in one codec: the first that is asked for, else that the engine knows; any of them with `any`. */
function acceptOne(stream: Stream, accept: readonly string[]): void {
  const { codecs } = stream;
  const wished = accept.flatMap((name) => codecs.filter((codec) => codecNamed(codec, name)));
  const known = accept.includes('any') ? codecs[0] : codecs.find(isTranscodable);
  const chosen = wished[0] ?? known ?? codecs[0];
  if (chosen !== undefined) stream.codecs = [chosen];
}

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
    applyDescription(party, sdp, flags.sourceAddress);
    const bidirectional = flags.set.has('bidirectional');
    if (!bidirectional) for (const stream of party.streams) acceptOne(stream, flags.codec.accept);
    const own = party.ownSession(relay.address(relay.family(flags.family ?? family)));
    const text = passOn(
      relay,
      [party, party],
      { ...sdp, session: own },
      {
        flags,
        role: 'answer',
        family: flags.family ?? family,
        direction: bidirectional ? 'sendrecv' : 'recvonly',
      },
    );
    call.refresh(party);
    return { sdp: text };
  } catch (error) {
    if (fresh) relay.end(call);
    throw error;
  }
}
