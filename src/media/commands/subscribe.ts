import { ngList, ngText, type NgDictionary } from '../../ng/index.ts';
import { printSdp, sends, type Sdp, type SdpDirection } from '../../sdp/index.ts';
import type { Call } from '../relay/call.ts';
import { applyDescription, describePassages, type Passage } from '../relay/describe.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import { parseFlags } from './flags.ts';
import { describeOptions, familyOf, needSdp } from './negotiate.ts';
import { need, needCall, Refusal } from './refusal.ts';
import { targetOf } from './target.ts';

const TAG_BYTES = 8;

/**
 * An offer to somebody who wants to hear one party or several: one media description for each of their streams. With the
 * flag `SIPREC` each has a name, and the reply tells whose it is (RFC 7866).
 */
export function subscribeRequest(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request, 'Unknown call-ID');
  const flags = parseFlags(request);
  const toTag = ngText(request, 'to-tag') ?? relay.random.hex(TAG_BYTES);
  const sources = sourcesOf(call, request).filter((party) => party.tag !== toTag);
  const first = sources[0]?.description;
  if (first === undefined) throw new Refusal('No call participant specified');
  call.lastSignal = relay.clock.wall();
  const subscriber = call.byTag(toTag) ?? call.add(toTag, flags.viaBranch);
  subscriber.subscriptions = sources;
  const label = ngText(request, 'set-label') ?? ngText(request, 'to-label');
  if (label !== undefined) subscriber.label = label;
  const family = relay.family(flags.family ?? familyOf(first));
  const how = { named: flags.set.has('SIPREC'), bidirectional: flags.set.has('bidirectional') };
  const passages = passagesFor(call, subscriber, family, how);
  const session = sources.length === 1 ? first.session : subscriber.ownSession(relay.address(family));
  const sdp: Sdp = describePassages(
    session,
    passages,
    describeOptions(relay, { flags, role: 'offer', family }),
  );
  call.refresh(subscriber);
  return {
    sdp: printSdp(sdp),
    ...(sources.length === 1 && { 'from-tag': sources[0]!.tag ?? '' }),
    ...(how.named && namesOf(sources)),
    'from-tags': sources.map((party) => party.tag ?? ''),
    'to-tag': toTag,
  };
}

const FROM_TAGS = 'from-tags-';

/** By flag `all`, by tag or tags, by label or by address. */
function sourcesOf(call: Call, request: NgDictionary): readonly Party[] {
  const flags = ngList(request, 'flags');
  // Who only listens has nothing to be heard.
  const talks = (p: Party) => p.peers.length > 0 || p.subscriptions.length === 0;
  if (flags.includes('all')) return call.parties.filter((p) => p.description !== undefined && talks(p));
  const flagged = flags
    .filter((flag) => flag.startsWith(FROM_TAGS))
    .map((flag) => flag.slice(FROM_TAGS.length));
  const tags = [...ngList(request, 'from-tags'), ...flagged, ...ngList(request, 'from-tag')];
  const isNamed = ['label', 'address'].some((key) => ngText(request, key) !== undefined);
  if (tags.length === 0 && !isNamed) throw new Refusal('No monologues matched');
  if (tags.length === 0) return targetOf(call, request).parties;
  return [...new Set(tags)].map((tag) => {
    const party = call.byTag(tag);
    if (party === undefined) throw new Refusal('From-tag given, but no such tag exists');
    return party;
  });
}

type Manner = { readonly named: boolean; readonly bidirectional: boolean };

/** The streams of all sources in a row, each with a stream of the subscriber's. */
function passagesFor(
  call: Call,
  subscriber: Party,
  family: 'IP4' | 'IP6',
  { named, bidirectional }: Manner,
): Passage[] {
  const passages: Passage[] = [];
  for (const party of subscriber.subscriptions)
    for (const [index, media] of (party.description?.media ?? []).entries()) {
      const [from, to] = [party.stream(index), subscriber.stream(passages.length)];
      if (media.port !== 0 && !call.equip(to, family)) throw new Refusal('Ran out of ports');
      from.label ??= call.nextLabel();
      // Who is on hold and sends nothing is not to be heard.
      const oneWay = sends(from.direction) ? 'sendonly' : 'inactive';
      const direction = bidirectional ? 'sendrecv' : oneWay;
      const label = named ? from.label : undefined;
      passages.push({ from, to, sdp: party.description!, media, direction, label });
    }
  return passages;
}

/** Whose the named media lines are: by party, and by name. */
function namesOf(sources: readonly Party[]): NgDictionary {
  const byName: Record<string, NgDictionary> = {};
  const byParty = sources.map((party) => {
    const of = { tag: party.tag ?? '', ...(party.label !== undefined && { label: party.label }) };
    const medias = party.streams.map(({ index, kind, direction, label = '' }) => {
      const media = { index: index + 1, type: kind, mode: reversed(direction) };
      byName[label] = { ...of, ...media };
      return { ...media, label };
    });
    return { ...of, medias };
  });
  return { 'tag-medias': byParty, 'media-labels': byName };
}

/** The direction as the relay would tell it to the party itself. */
function reversed(direction: SdpDirection): SdpDirection {
  if (direction === 'sendonly') return 'recvonly';
  return direction === 'recvonly' ? 'sendonly' : direction;
}

/** The subscriber's answer: from here on it hears what it asked for. */
export function subscribeAnswer(relay: Relay, request: NgDictionary): NgDictionary {
  const sdp = needSdp(request);
  const call = needCall(relay, request, 'Unknown call-ID');
  const subscriber = call.byTag(need(request, 'to-tag'));
  if (subscriber === undefined) throw new Refusal('To-tag given, but no such tag exists');
  call.lastSignal = relay.clock.wall();
  applyDescription(subscriber, sdp, parseFlags(request).sourceAddress);
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
  const call = needCall(relay, request, 'Unknown call-ID');
  const subscriber = call.byTag(need(request, 'to-tag'));
  if (subscriber === undefined) throw new Refusal('To-tag given, but no such tag exists');
  subscriber.subscriptions = [];
  for (const stream of call.parties.flatMap((party) => party.streams))
    for (const route of stream.routes)
      if (route.sink.party === subscriber && route.kind === 'subscription') stream.unfeed(route);
  if (subscriber.peers.length === 0) call.remove(subscriber);
  return {};
}
