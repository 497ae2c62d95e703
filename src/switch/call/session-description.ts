import { plainAudio } from '../../sdp/index.ts';
import { agreeOnKeys } from './sdes.ts';

/**
 * The little of SDP (RFC 8866) that the switch itself decides: which codecs two sides share, and what direction a
 * stream has. Addresses and ports are the media engine's work. Unknown lines are kept as they are.
 */
type Description = { readonly session: readonly string[]; readonly media: readonly (readonly string[])[] };

export type Codec = {
  readonly payloadType: number;
  /** `pcmu/8000` or `opus/48000/2`, in lower case. */
  readonly name: string;
};

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** RFC 3551 §6. */
const staticCodecs: Readonly<Record<number, string>> = {
  0: 'pcmu/8000',
  3: 'gsm/8000',
  4: 'g723/8000',
  8: 'pcma/8000',
  9: 'g722/8000',
  13: 'cn/8000',
  15: 'g728/8000',
  18: 'g729/8000',
};

function parse(sdp: string): Description {
  const session: string[] = [];
  const media: string[][] = [];
  for (const line of sdp.split(/\r\n|\n|\r/)) {
    if (line === '') continue;
    if (line.startsWith('m=')) media.push([line]);
    else (media.at(-1) ?? session).push(line);
  }
  return { session, media };
}

const print = ({ session, media }: Description): string =>
  [...session, ...media.flat()].map((line) => `${line}\r\n`).join('');

const payloadTypes = (section: readonly string[]): number[] =>
  (section[0] ?? '').split(/\s+/).slice(3).map(Number);

const kindOf = (section: readonly string[]): string => /^m=(\S+)/.exec(section[0] ?? '')?.[1] ?? '';

const protocolOf = (section: readonly string[]): string => (section[0] ?? '').split(/\s+/)[2] ?? '';

const isActive = (section: readonly string[]): boolean => !/^m=\S+ 0[ /]/.test(section[0] ?? '');

function codecsOf(section: readonly string[]): Codec[] {
  const named = new Map<number, string>();
  for (const line of section) {
    const match = /^a=rtpmap:(\d+)\s+(\S+)/i.exec(line);
    if (match !== null) named.set(Number(match[1]), canonical(match[2] ?? ''));
  }
  return payloadTypes(section).flatMap((payloadType) => {
    const name = named.get(payloadType) ?? staticCodecs[payloadType];
    return name === undefined ? [] : [{ payloadType, name }];
  });
}

/** One channel is what no number of channels means. */
const canonical = (name: string): string => name.toLowerCase().replace(/\/1$/, '');

const isEvents = ({ name }: Codec): boolean => name.startsWith('telephone-event/');

const isSpeech = ({ name }: Codec): boolean => !/^(telephone-event|cn|red)\//.test(name);

const audio = (sdp: string): readonly string[] =>
  parse(sdp).media.find((section) => kindOf(section) === 'audio' && isActive(section)) ?? [];

export type AddressFamily = 'IP4' | 'IP6';

/** The address family of the first connection line (RFC 8866 §5.7); `undefined` without one. */
export const familyOf = (sdp: string): AddressFamily | undefined =>
  /^c=IN (IP[46]) /m.exec(sdp)?.[1] as AddressFamily | undefined;

/** The codecs of the first audio line, in order of preference. */
export const audioCodecs = (sdp: string): readonly Codec[] => codecsOf(audio(sdp));

/** How the first audio line is carried: `RTP/AVP` where there is none. */
export const audioProtocol = (sdp: string): string => protocolOf(audio(sdp)) || 'RTP/AVP';

/** Names of the speech codecs as a media engine wants them, `opus/48000/2`. */
export const speechCodecs = (sdp: string): string[] =>
  audioCodecs(sdp)
    .filter(isSpeech)
    .map((codec) => codec.name);

/** Whether both know at least one codec for speech. */
export function shareCodec(a: string, b: string): boolean {
  const names = new Set(speechCodecs(a));
  return speechCodecs(b).some((name) => names.has(name));
}

/** Whether what both know has the same payload numbers at both. */
export function sameNumbers(a: string, b: string): boolean {
  const numbers = new Map(audioCodecs(a).map(({ name, payloadType }) => [name, payloadType]));
  const eventsOf = (sdp: string) => audioCodecs(sdp).filter((codec) => isEvents(codec));
  const apart =
    eventsOf(a).length > 0 && eventsOf(b).length > 0 && !eventsOf(b).some(({ name }) => numbers.has(name));
  return (
    !apart &&
    audioCodecs(b).every(({ name, payloadType }) => (numbers.get(name) ?? payloadType) === payloadType)
  );
}

/** Direction of the first audio line; `sendrecv` where nothing is said (RFC 8866 §6.7). The null address of old
 * phones' holds counts as `sendonly` (RFC 3264 §8.4). */
export function directionOf(sdp: string): Direction {
  const { session } = parse(sdp);
  const section = audio(sdp);
  const said = [...section, ...session]
    .map((line) => /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/.exec(line)?.[1])
    .find((direction) => direction !== undefined);
  const connection = section.find((line) => line.startsWith('c=')) ?? session.find((l) => l.startsWith('c='));
  if (connection !== undefined && /\s0\.0\.0\.0\s*$/.test(connection))
    return said === 'inactive' ? said : 'sendonly';
  return (said as Direction | undefined) ?? 'sendrecv';
}

/** What answers a direction (RFC 3264 §6.1). */
export const answerTo: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** Says one direction for every stream that is in use. */
export function withDirection(sdp: string, direction: Direction): string {
  const { session, media } = parse(sdp);
  const other = (line: string) => !/^a=(sendrecv|sendonly|recvonly|inactive)\s*$/.test(line);
  return print({
    session: session.filter(other),
    media: media.map((section) =>
      isActive(section) ? [...section.filter(other), `a=${direction}`] : section,
    ),
  });
}

/** Leaves the given payload types of a section, in the order given; nothing is said any more of the others. */
function withPayloadTypes(section: readonly string[], keep: readonly number[]): string[] {
  const head = (section[0] ?? '').split(/\s+/).slice(0, 3).join(' ');
  const kept = section.slice(1).filter((line) => {
    const about = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line)?.[1];
    return about === undefined || keep.includes(Number(about));
  });
  return [`${head} ${keep.join(' ')}`, ...kept];
}

/** Leaves only codecs of the audio lines that `names` has, and telephone events. Untouched when none would be left. */
export function withCodecs(sdp: string, names: readonly string[]): string {
  const { session, media } = parse(sdp);
  return print({
    session,
    media: media.map((section) => {
      if (kindOf(section) !== 'audio') return section;
      const codecs = codecsOf(section);
      const keep = codecs.filter((codec) => names.includes(codec.name) || !isSpeech(codec));
      return keep.some(isSpeech)
        ? withPayloadTypes(
            section,
            keep.map((codec) => codec.payloadType),
          )
        : section;
    }),
  });
}

/**
 * Turns an offer that the media engine made for a device into the answer to that device's own offer: the same streams in
 * the device's order, its payload numbers, the codecs that both have (RFC 3264 §6). `undefined` when no speech codec is
 * common. With `events` the engine takes the device's telephone events as they are, without having offered any.
 */
export function asAnswer(engineOffer: string, deviceOffer: string, events = false): string | undefined {
  const ours = parse(engineOffer);
  const theirs = parse(deviceOffer);
  const left = [...ours.media];
  let speech = false;
  const media = theirs.media.map((wanted) => {
    const at = left.findIndex((section) => kindOf(section) === kindOf(wanted) && isActive(section));
    const own = isActive(wanted) ? left.splice(at, at < 0 ? 0 : 1)[0] : undefined;
    const answer = own === undefined ? undefined : answerSection(own, wanted, events);
    if (answer === undefined) return [(wanted[0] ?? '').replace(/^(m=\S+) \d+(\/\d+)?/, '$1 0')];
    if (kindOf(wanted) === 'audio') speech = true;
    return answer;
  });
  return speech ? print({ session: ours.session, media }) : undefined;
}

function answerSection(
  own: readonly string[],
  wanted: readonly string[],
  events: boolean,
): string[] | undefined {
  const offered = codecsOf(wanted);
  const known = codecsOf(own);
  const common = offered.filter(
    (codec) => known.some((k) => k.name === codec.name) || (events && isEvents(codec)),
  );
  if (kindOf(wanted) === 'audio' && !common.some(isSpeech)) return undefined;
  // The far party's first choice comes first: that is what it is sending.
  const order = (codec: Codec) =>
    isSpeech(codec) ? known.findIndex((k) => k.name === codec.name) : Number.MAX_SAFE_INTEGER;
  const keep = common.toSorted((a, b) => order(a) - order(b)).map((codec) => codec.payloadType);
  const described = wanted.filter((line) => /^a=(rtpmap|fmtp):/.test(line));
  const rest = own.slice(1).filter((line) => !/^a=(rtpmap|fmtp|rtcp-fb|crypto):/.test(line));
  const keys = agreeOnKeys(own, wanted)?.ours;
  // RFC 4568 §5.1.2: without a key that both have there is no stream.
  if (keys === undefined && protocolOf(wanted).includes('/SAVP')) return undefined;
  const head = [(own[0] ?? '').split(/\s+/).slice(0, 3).join(' '), ...keep].join(' ');
  const secured = keys !== undefined && protocolOf(own).includes('/SAVP') ? [keys] : [];
  return withPayloadTypes([head, ...described, ...rest, ...secured], keep);
}

/**
 * What a device said of itself as the answer to what it would have been offered: its lines in the order of the offer's,
 * by kind, and those that it does not have turned down (RFC 3264 §6). A device that calls in has an order of its own.
 */
export function inLinesOf(offer: string, said: string): string {
  const wanted = parse(offer).media;
  const own = parse(said);
  const same =
    wanted.length === own.media.length &&
    wanted.every((line, i) => kindOf(line) === kindOf(own.media[i] ?? []));
  if (same || wanted.length === 0) return said;
  const left = [...own.media];
  const media = wanted.map((line) => {
    const active = left.findIndex((section) => kindOf(section) === kindOf(line) && isActive(section));
    const at = active >= 0 ? active : left.findIndex((section) => kindOf(section) === kindOf(line));
    const found = at < 0 ? undefined : left.splice(at, 1)[0];
    return found ?? [(line[0] ?? '').replace(/^(m=\S+) \d+(\/\d+)?/, '$1 0')];
  });
  return print({ session: own.session, media });
}

/** Whether two descriptions say the same but for the origin line: a session refresh (RFC 4028 §7.4). */
export const sameSession = (a: string, b: string): boolean =>
  a.replace(/^o=.*$/m, '').trim() === b.replace(/^o=.*$/m, '').trim();

/** A description as the next one of the session that began with `before` (RFC 8866 §5.2, RFC 3264 §8). */
export function nextVersion(sdp: string, before: string): string {
  const origin = /^o=(\S+ \S+) (\d+) (.*)$/m.exec(before);
  if (origin === null) return sdp;
  const [, session, version, address] = origin;
  return sdp.replace(/^o=.*$/m, () => `o=${session} ${BigInt(version ?? 0) + 1n} ${address?.trimEnd()}`);
}

/** What stands in for a caller that made no offer, until its ACK brings the answer (RFC 3264 §4, delayed offer). */
export const placeholderOffer = plainAudio('127.0.0.1', 9);

/**
 * The words of a side that only plays sounds: it takes nothing in, and whatever codec the device has will do. Nothing is
 * ever sent to its port, the discard port (RFC 863).
 */
export const announcerOffer = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 9 RTP/AVP 0 8 9 96 101',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:9 G722/8000',
  'a=rtpmap:96 opus/48000/2',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-15',
  'a=sendonly',
  '',
].join('\r\n');

/**
 * Who stands in for somebody towards a device that is yet to be connected with them: the same codecs, and no address, so
 * that nothing which the device says can be heard there.
 */
export function standInFor(sdp: string): string {
  const section = audio(sdp);
  const kept = section.filter((line) => /^a=(rtpmap|fmtp|ptime):/.test(line));
  if (payloadTypes(section).length === 0) return placeholderOffer;
  const head = `m=audio 9 RTP/AVP ${payloadTypes(section).join(' ')}`;
  const session = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  return print({ session, media: [[head, ...kept, 'a=sendrecv']] });
}
