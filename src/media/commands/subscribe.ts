import { ngList, ngText, type NgDictionary } from '../../ng/index.ts';
import { printSdp, type Sdp } from '../../sdp/index.ts';
import type { Call } from '../relay/call.ts';
import { applyDescription, describePassages, type Passage } from '../relay/describe.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import { parseFlags } from './flags.ts';
import { describeOptions, familyOf, needSdp } from './negotiate.ts';
import { need, needCall, Refusal } from './refusal.ts';

const TAG_BYTES = 8;

/** An offer to somebody who wants to hear one party or several: one media description for each of their streams. */
export function subscribeRequest(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request);
  const flags = parseFlags(request);
  const toTag = ngText(request, 'to-tag') ?? relay.random.hex(TAG_BYTES);
  const sources = sourcesOf(call, request).filter((party) => party.tag !== toTag);
  const first = sources[0]?.description;
  if (first === undefined) throw new Refusal('No call participant specified');
  call.lastSignal = relay.clock.wall();
  const subscriber = call.byTag(toTag) ?? call.add(toTag, flags.viaBranch);
  subscriber.subscriptions = sources;
  if (flags.label !== undefined) subscriber.label = flags.label;
  const family = flags.family ?? familyOf(first);
  const passages = passagesFor(call, subscriber, family);
  const direction = flags.set.has('bidirectional') ? 'sendrecv' : 'sendonly';
  const how = describeOptions(relay, { flags, role: 'offer', family, direction });
  const sdp: Sdp = describePassages(first.session, passages, how);
  call.refresh(subscriber);
  return {
    sdp: printSdp(sdp),
    'from-tag': sources[0]?.tag ?? '',
    'from-tags': sources.map((party) => party.tag ?? ''),
    'to-tag': toTag,
  };
}

function sourcesOf(call: Call, request: NgDictionary): Party[] {
  if (ngList(request, 'flags').includes('all'))
    return call.parties.filter((p) => p.description !== undefined);
  const tags = [...ngList(request, 'from-tags'), ...ngList(request, 'from-tag')];
  if (tags.length === 0) throw new Refusal('No call participant specified');
  return [...new Set(tags)].map((tag) => {
    const party = call.byTag(tag);
    if (party === undefined) throw new Refusal('From-tag given, but no such tag exists');
    return party;
  });
}

/** The streams of all sources in a row, each with a stream of the subscriber's. */
function passagesFor(call: Call, subscriber: Party, family: 'IP4' | 'IP6'): Passage[] {
  const passages: Passage[] = [];
  for (const source of subscriber.subscriptions)
    for (const [index, media] of (source.description?.media ?? []).entries()) {
      const to = subscriber.stream(passages.length);
      if (media.port !== 0 && !call.equip(to, family)) throw new Refusal('Ran out of ports');
      passages.push({ from: source.stream(index), to, sdp: source.description!, media });
    }
  return passages;
}

/** The subscriber's answer: from here on it hears what it asked for. */
export function subscribeAnswer(relay: Relay, request: NgDictionary): NgDictionary {
  const sdp = needSdp(request);
  const call = needCall(relay, request);
  const subscriber = call.byTag(need(request, 'to-tag'));
  if (subscriber === undefined) throw new Refusal('To-tag given, but no such tag exists');
  call.lastSignal = relay.clock.wall();
  applyDescription(subscriber, sdp);
  for (const stream of subscriber.streams)
    if (stream.security !== undefined && !stream.rejected && !stream.security.accept(stream.cryptos))
      throw new Refusal('No usable SDES crypto suite');
  call.refresh(subscriber);
  const sources = subscriber.subscriptions.flatMap((party) =>
    party.streams.slice(0, party.description?.media.length),
  );
  for (const [index, source] of sources.entries()) source.feed(subscriber.stream(index), 'subscription');
  return {};
}

/** Ends a subscription; somebody who did nothing but listen leaves the call. */
export function unsubscribe(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request);
  const subscriber = call.byTag(need(request, 'to-tag'));
  if (subscriber === undefined) throw new Refusal('To-tag given, but no such tag exists');
  subscriber.subscriptions = [];
  for (const stream of call.parties.flatMap((party) => party.streams))
    for (const route of stream.routes)
      if (route.sink.party === subscriber && route.kind === 'subscription') stream.unfeed(route);
  if (subscriber.peers.length === 0) call.remove(subscriber);
  return {};
}
