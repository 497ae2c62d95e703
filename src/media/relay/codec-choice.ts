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
];

export const isTranscodable = (codec: SdpCodec): boolean =>
  ownCodecs.some(
    ([name, rate, channels]) =>
      codec.name.toLowerCase() === name.toLowerCase() &&
      codec.clockRate === rate &&
      codec.channels === channels,
  );

const isAudio = (codec: SdpCodec) => !isTelephoneEvent(codec) && !isComfortNoise(codec);

const named = (codec: SdpCodec, names: readonly string[]) =>
  names.some((name) => name === 'all' || name === 'full' || codecNamed(codec, name));

/** The codecs to offer onwards: those offered less the stripped and masked ones, then those to transcode to. */
export function codecsToOffer(offered: readonly SdpCodec[], wishes: CodecWishes): SdpCodec[] {
  const kept = offered.filter(
    (codec) => !(named(codec, wishes.strip) || named(codec, wishes.mask)) || named(codec, wishes.offer),
  );
  const added: SdpCodec[] = [];
  if (offered.some(isTranscodable))
    for (const wish of wishes.transcode) {
      const codec = ownCodec(wish, [...kept, ...added, ...offered]);
      if (codec !== undefined && ![...kept, ...added].some((c) => sameCodec(c, codec))) added.push(codec);
    }
  if (added.length === 0) return kept.length === offered.length ? kept : withoutIdleEvents(kept);
  const events = eventsFor(added, kept, [...kept, ...added, ...offered]);
  const others = kept.filter((c) => !isAudio(c));
  return withoutIdleEvents([...kept.filter(isAudio), ...added, ...events, ...others]);
}

/** Events whose clock no codec has any more are left out, unless there are no others. */
function withoutIdleEvents(codecs: SdpCodec[]): SdpCodec[] {
  const rates = new Set(codecs.filter(isAudio).map((c) => c.clockRate));
  const used = codecs.filter((c) => !isTelephoneEvent(c) || rates.has(c.clockRate));
  return used.some(isTelephoneEvent) ? used : codecs;
}

function ownCodec(wish: string, taken: readonly SdpCodec[]): SdpCodec | undefined {
  const bare = { payloadType: -1, parameters: undefined };
  for (const [name, clockRate, channels] of ownCodecs) {
    if (!codecNamed({ ...bare, name, clockRate, channels }, wish)) continue;
    const known = taken.find((c) => sameCodec(c, { ...bare, name, clockRate, channels }));
    if (known !== undefined) return known;
    const payloadType = staticPayloadType(name, clockRate, channels) ?? freePayloadType(taken);
    return { payloadType, name, clockRate, channels, parameters: undefined };
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
  const rates = new Set(made.map((c) => c.clockRate));
  const added: SdpCodec[] = [];
  for (const clockRate of rates) {
    if (codecs.some((c) => isTelephoneEvent(c) && c.clockRate === clockRate)) continue;
    added.push({
      ...event,
      parameters: event.parameters ?? '0-15',
      clockRate,
      payloadType: freePayloadType([...taken, ...added]),
    });
  }
  return added;
}

/**
 * The codecs of an answer as the offerer is told them, with the numbers of its own offer. Where the two sides share
 * no audio codec, the first of the offerer's that can be transcoded stands for it.
 */
export function codecsToAnswer(
  offered: readonly SdpCodec[],
  answered: readonly SdpCodec[],
  single = false,
): SdpCodec[] {
  const chosen = sharedCodecs(offered, answered);
  const first = chosen.find(isAudio);
  if (!single || first === undefined) return chosen;
  return chosen.filter(
    (codec) => codec === first || (!isAudio(codec) && codec.clockRate === first.clockRate),
  );
}

function sharedCodecs(offered: readonly SdpCodec[], answered: readonly SdpCodec[]): SdpCodec[] {
  if (offered.length === 0) return [...answered];
  const shared: SdpCodec[] = [];
  for (const codec of answered) {
    const own = offered.find((c) => sameCodec(c, codec));
    if (own !== undefined && !shared.includes(own)) shared.push({ ...own, parameters: codec.parameters });
  }
  if (shared.some(isAudio) || !answered.some(isTranscodable)) return shared;
  const instead = offered.find(isTranscodable);
  if (instead === undefined) return shared;
  const events = offered.filter((c) => isTelephoneEvent(c) && c.clockRate === instead.clockRate);
  return [instead, ...(answered.some(isTelephoneEvent) ? events : [])];
}
