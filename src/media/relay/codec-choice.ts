import {
  codecNamed,
  isComfortNoise,
  isTelephoneEvent,
  sameCodec,
  staticPayloadType,
  type SdpCodec,
} from '../../sdp/index.ts';

/** What an offer's codec flags ask for; names as in flags: `PCMU`, `opus/48000/2`, `all`. */
export type CodecWishes = {
  readonly strip: readonly string[];
  readonly mask: readonly string[];
  /** Like `mask`, and taken from the offerer whatever the other side chooses. */
  readonly consume: readonly string[];
  /** Like `consume`, but offered onwards as well. */
  readonly accept: readonly string[];
  readonly except: readonly string[];
  readonly offer: readonly string[];
  readonly transcode: readonly string[];
};

/** What this engine can decode and encode. */
const ownCodecs: readonly (readonly [name: string, clockRate: number, channels: number])[] = [
  ['PCMU', 8000, 1],
  ['PCMA', 8000, 1],
  ['G722', 8000, 1],
  ['L16', 8000, 1],
  ['L16', 16_000, 1],
  ['opus', 48_000, 2],
  ['opus', 48_000, 1],
];

export const isTranscodable = (codec: SdpCodec): boolean =>
  ownCodecs.some(
    ([name, rate, channels]) =>
      codec.name.toLowerCase() === name.toLowerCase() &&
      codec.clockRate === rate &&
      codec.channels === channels,
  );

const isAudio = (codec: SdpCodec) => !isTelephoneEvent(codec) && !isComfortNoise(codec);

const isAll = (name: string) => name === 'all' || name === 'full';

const named = (codec: SdpCodec, names: readonly string[]) =>
  names.some((name) => isAll(name) || codecNamed(codec, name));

const has = (codecs: readonly SdpCodec[], codec: SdpCodec) => codecs.some((c) => sameCodec(c, codec));

/** The codecs to offer onwards: those offered less the stripped and masked ones, then those to transcode to. */
export function codecsToOffer(offered: readonly SdpCodec[], wishes: CodecWishes): SdpCodec[] {
  const removed = [...wishes.strip, ...wishes.mask, ...wishes.consume];
  const kept = offered.filter((codec) => !named(codec, removed) || named(codec, wishes.except));
  // In the order of the wish: so it can change which codec comes first.
  for (const wish of wishes.offer)
    kept.push(...offered.filter((codec) => codecNamed(codec, wish) && !has(kept, codec)));
  const added: SdpCodec[] = [];
  if (offered.some(isTranscodable)) for (const wish of wishes.transcode) addOwn(wish, added, kept, offered);
  if (kept.length + added.length === 0) return [...offered];
  if (added.length === 0) return kept.length === offered.length ? kept : withoutIdleEvents(kept);
  const audio = added.filter(isAudio);
  const [own, others] = [added.filter((c) => !isAudio(c)), kept.filter((c) => !isAudio(c))];
  // A new telephone event stands for all clock rates, a new audio codec for its own.
  const rated = own.some(isTelephoneEvent) ? [...kept.filter(isAudio), ...audio] : audio;
  const events = eventsFor(rated, [...own, ...others], [...kept, ...added, ...offered]);
  return withoutIdleEvents([...kept.filter(isAudio), ...audio, ...events, ...own, ...others]);
}

/** Adds what a wish to transcode means to `added`, unless it is there already. */
function addOwn(
  wish: string,
  added: SdpCodec[],
  kept: readonly SdpCodec[],
  offered: readonly SdpCodec[],
): void {
  const codec = ownCodec(wish, [...kept, ...added, ...offered]);
  if (codec !== undefined && !has([...kept, ...added], codec)) added.push(codec);
}

/** Events whose clock no codec has any more are left out, unless there are no others. */
function withoutIdleEvents(codecs: SdpCodec[]): SdpCodec[] {
  const rates = new Set(codecs.filter(isAudio).map((c) => c.clockRate));
  const used = codecs.filter((c) => !isTelephoneEvent(c) || rates.has(c.clockRate));
  return used.some(isTelephoneEvent) ? used : codecs;
}

/** What goes with sound: this engine makes and understands it, but never alone. */
const companions: readonly (readonly [name: string, clockRate: number, channels: number])[] = [
  ['CN', 8000, 1],
  ['telephone-event', 8000, 1],
];
const EVENTS_0_TO_15 = '0-15';

function ownCodec(wish: string, taken: readonly SdpCodec[]): SdpCodec | undefined {
  const bare = { payloadType: -1, parameters: undefined };
  for (const [name, clockRate, channels] of [...ownCodecs, ...companions]) {
    if (!codecNamed({ ...bare, name, clockRate, channels }, wish)) continue;
    const known = taken.find((c) => sameCodec(c, { ...bare, name, clockRate, channels }));
    if (known !== undefined) return known;
    const payloadType = staticPayloadType(name, clockRate, channels) ?? freePayloadType(taken);
    const parameters = name === 'telephone-event' ? EVENTS_0_TO_15 : undefined;
    return { payloadType, name, clockRate, channels, parameters };
  }
  return undefined;
}

function freePayloadType(taken: readonly SdpCodec[]): number {
  for (let type = 96; type < 127; type++) if (!taken.some((c) => c.payloadType === type)) return type;
  return 127;
}

/** RFC 4733 §2.1: events share the clock of the audio, so each clock rate that was added wants its own. */
function eventsFor(
  made: readonly SdpCodec[],
  codecs: readonly SdpCodec[],
  taken: readonly SdpCodec[],
): SdpCodec[] {
  const event = codecs.find(isTelephoneEvent);
  if (event === undefined) return [];
  const rates = [...new Set(made.map((c) => c.clockRate))].toSorted((a, b) => a - b);
  const added: SdpCodec[] = [];
  for (const clockRate of rates) {
    if (codecs.some((c) => isTelephoneEvent(c) && c.clockRate === clockRate)) continue;
    added.push({
      ...event,
      parameters: event.parameters ?? EVENTS_0_TO_15,
      clockRate,
      payloadType: freePayloadType([...taken, ...added]),
    });
  }
  return added;
}

/** What an answer is made of for the offerer. */
export type AnswerSides = {
  /** What the offerer takes, and which of that it is promised whatever is answered (`accept`, `consume`). */
  readonly offered: readonly SdpCodec[];
  readonly accepted: readonly SdpCodec[];
  readonly answered: readonly SdpCodec[];
  /** Of what was offered onwards, what the offerer does not have. */
  readonly added: readonly SdpCodec[];
};

/**
 * The codecs of an answer as the offerer is told them, with the numbers of its own offer. What it does not share with the
 * other side is transcoded: the first of its own that it was promised, or that can be transcoded, stands for it.
 */
export function codecsToAnswer(sides: AnswerSides, single = false): SdpCodec[] {
  const chosen = sharedCodecs(sides);
  const first = chosen.find(isAudio);
  if (!single || first === undefined) return chosen;
  return chosen.filter(
    (codec) => codec === first || (!isAudio(codec) && codec.clockRate === first.clockRate),
  );
}

function sharedCodecs(sides: AnswerSides): SdpCodec[] {
  const { offered, accepted, answered, added } = sides;
  if (offered.length === 0) return [...answered];
  if (accepted.length > 0 || answered.some((codec) => isAudio(codec) && has(added, codec)))
    return transcodedCodecs(sides);
  const shared: SdpCodec[] = [];
  for (const codec of answered) {
    const own = offered.find((c) => sameCodec(c, codec));
    if (own !== undefined && !shared.includes(own)) shared.push({ ...own, parameters: codec.parameters });
  }
  if (shared.some(isAudio) || !answered.some(isTranscodable)) return shared;
  return transcodedCodecs(sides);
}

/** For each codec that was answered the one that the offerer has for it, then what goes with those. */
function transcodedCodecs({ offered, accepted, answered }: AnswerSides): SdpCodec[] {
  const promised = accepted.find(isTranscodable);
  const instead = promised ?? offered.find(isTranscodable);
  const standIn = (codec: SdpCodec): SdpCodec | undefined => {
    if (promised !== undefined && isTranscodable(codec)) return promised;
    const same = offered.find((c) => sameCodec(c, codec));
    if (same !== undefined) return { ...same, parameters: codec.parameters };
    return isTranscodable(codec) ? instead : undefined;
  };
  const chosen: SdpCodec[] = [];
  for (const codec of answered.filter(isAudio)) {
    const own = standIn(codec);
    if (own !== undefined && !has(chosen, own)) chosen.push(own);
  }
  const rates = new Set(chosen.map((c) => c.clockRate));
  for (const is of [isComfortNoise, isTelephoneEvent])
    if ([...answered, ...accepted].some(is))
      chosen.push(...offered.filter((own) => is(own) && rates.has(own.clockRate)));
  return chosen;
}

/** Those of a party's codecs that it is promised, by `accept` and `consume`. */
export const codecsPromised = (offered: readonly SdpCodec[], wishes: CodecWishes): SdpCodec[] =>
  offered.filter(
    (codec) =>
      named(codec, [...wishes.accept, ...wishes.consume]) && (isTranscodable(codec) || !isAudio(codec)),
  );
