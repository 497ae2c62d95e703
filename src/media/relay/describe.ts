import {
  attribute,
  attributeName,
  attributes,
  codecLines,
  codecsOf,
  connectionOf,
  directionOf,
  hasRtcpMux,
  isNullAddress,
  packetTimeOf,
  rtcpPortOf,
  sameCodec,
  sends,
  withConnection,
  withoutAttributes,
  withPort,
  type Sdp,
  type SdpAddress,
  type SdpDirection,
  type SdpLine,
  type SdpMedia,
} from '../../sdp/index.ts';
import { codecsPromised, codecsToAnswer, codecsToOffer, type CodecWishes } from './codec-choice.ts';
import type { Party } from './party.ts';
import type { Stream } from './stream.ts';

/** How a description is to be passed on. */
export type DescribeOptions = {
  readonly role: 'offer' | 'answer';
  readonly address: (family: 'IP4' | 'IP6') => SdpAddress;
  readonly family: 'IP4' | 'IP6';
  readonly codec: CodecWishes;
  readonly transportProtocol: string | undefined;
  readonly rtcpMux: ReadonlySet<string>;
  readonly replaceOrigin: boolean;
  /** A null address, with which old phones say hold, becomes the relay's as well. */
  readonly zeroAddress: boolean;
  /** Of an answer: one codec for sound, whatever both know. */
  readonly singleCodec: boolean;
  readonly stripExtmap: boolean;
  /** Of an offer: the packet time towards who is offered to, and towards the offerer, in milliseconds; 0 leaves them be. */
  readonly packetTime: number;
  readonly packetTimeReverse: number;
  readonly rtcpAttribute: boolean;
  readonly sdes: ReadonlySet<string>;
  /** In place of what the description says. */
  readonly direction: SdpDirection | undefined;
};

/** What the relay says for itself or does not pass on, whichever side said it. */
const ownAttributes = new Set(
  (
    'rtpmap fmtp sendrecv sendonly recvonly inactive rtcp rtcp-mux rtcp-mux-only crypto setup fingerprint tls-id ' +
    'connection ssrc ssrc-group bundle-only candidate end-of-candidates remote-candidates ice-ufrag ice-pwd ' +
    'ice-options ice-lite ice-pacing ice-mismatch rtpengine'
  ).split(' '),
);

/** Takes what a party's own description says of it; it is at `elsewhere`, if that is given, whatever it says. */
export function applyDescription(party: Party, sdp: Sdp, elsewhere?: string): void {
  party.description = sdp;
  for (const [index, media] of sdp.media.entries()) {
    const said = connectionOf(sdp, media)?.address;
    applyMedia(party.stream(index), { sdp, media, address: said === undefined ? said : (elsewhere ?? said) });
  }
}

type Applied = { readonly sdp: Sdp; readonly media: SdpMedia; readonly address: string | undefined };

function applyMedia(stream: Stream, { sdp, media, address }: Applied): void {
  stream.kind = media.kind;
  stream.protocol = media.protocol;
  stream.direction = directionOf(sdp, media);
  stream.codecs = stream.isRtp ? codecsOf(media) : [];
  stream.rejected = media.port === 0;
  stream.muxed = hasRtcpMux(media);
  stream.cryptos = attributes(media.lines, 'crypto');
  if (!stream.packetTime.fixed) stream.packetTime.ms = packetTimeOf(media) ?? stream.packetTime.ms;
  stream.secure(media.protocol);
  if (stream.rejected || address === undefined) return;
  stream.held = isNullAddress(connectionOf(sdp, media)?.address);
  stream.rtp.advertise({ address, port: media.port });
  stream.rtcp.advertise({ address, port: stream.muxed ? media.port : rtcpPortOf(media) });
}

/** Whether every media description that is in use says where to send (RFC 8866 §5.7). */
export const isComplete = (sdp: Sdp): boolean =>
  sdp.media.every((media) => media.port === 0 || connectionOf(sdp, media) !== undefined);

/** One media description to pass on: whose it is, whom it is for, and the text that it comes from. */
export type Passage = {
  readonly from: Stream;
  readonly to: Stream;
  readonly sdp: Sdp;
  readonly media: SdpMedia;
  /** In place of the direction that the options name. */
  readonly direction?: SdpDirection;
  /** Its name among several (RFC 4574). */
  readonly label?: string | undefined;
};

/** The description of `from` as `to` is to see it: the relay's addresses and ports, and what `to` may send. */
export function describe(from: Party, to: Party, sdp: Sdp, options: DescribeOptions): Sdp {
  const passages = sdp.media.map((media, i) => ({ from: from.stream(i), to: to.stream(i), sdp, media }));
  return describePassages(sdp.session, passages, options);
}

/** A description put together of media descriptions that may come from several. */
export function describePassages(
  session: readonly SdpLine[],
  passages: readonly Passage[],
  options: DescribeOptions,
): Sdp {
  const address = options.address(options.family);
  const media = passages.map((passage) => describeMedia(passage, options));
  const keepsNull = !options.zeroAddress && !passages.some(usesIce);
  const moved = withConnection({ session, media }, address, (said) =>
    keepsNull && isNullAddress(said?.address) ? nullAddress(address.family) : address,
  );
  return {
    session: moved.session.flatMap((line) => sessionLine(line, address, options.replaceOrigin)),
    media: moved.media.map((one, n) => {
      const { media: said } = passages[n]!;
      return isRelayed(said) ? one : withOwnConnection(said, session);
    }),
  };
}

/** What goes over UDP; the rest is none of the relay's business, and stays as it is. */
const isRelayed = ({ protocol }: SdpMedia): boolean => !/^TCP\//i.test(protocol);

function withOwnConnection(media: SdpMedia, session: readonly SdpLine[]): SdpMedia {
  const said = session.filter((line) => line.type === 'c');
  return media.lines.some((line) => line.type === 'c')
    ? media
    : { ...media, lines: [...said, ...media.lines] };
}

const nullAddress = (family: 'IP4' | 'IP6'): SdpAddress => ({
  family,
  address: family === 'IP4' ? '0.0.0.0' : '::',
});

/** Candidates that are yet to come begin with a null address, too (RFC 8840 §4.3). */
const usesIce = ({ sdp, media }: Passage): boolean => attribute(sdp, media, 'ice-ufrag') !== undefined;

function sessionLine(line: SdpLine, address: SdpAddress, replaceOrigin: boolean): SdpLine[] {
  if (line.type === 'o' && replaceOrigin) {
    const parts = line.value.split(' ').slice(0, 3);
    return [{ type: 'o', value: [...parts, 'IN', address.family, address.address].join(' ') }];
  }
  if (line.type !== 'a') return [line];
  const bundle = /^group:BUNDLE\b/.test(line.value);
  return bundle || ownAttributes.has(attributeName(line) ?? '') ? [] : [line];
}

function describeMedia(passage: Passage, options: DescribeOptions): SdpMedia {
  const { from, to, sdp, media } = passage;
  if (!isRelayed(media)) return media;
  if (media.port === 0 || to.ports === undefined)
    return { ...withPort(media, 0), lines: withoutAttributes(media.lines, ownAttributes) };
  const offer = options.role === 'offer';
  const protocol = offer ? (options.transportProtocol ?? media.protocol) : to.protocol;
  to.protocol = protocol;
  to.secure(protocol);
  if (!from.isRtp) return { ...withPort(media, to.ports.rtp.port), protocol };
  tellCodecs(from, to, options);
  fixPacketTimes(from, to, media, options);
  const own = options.stripExtmap ? new Set([...ownAttributes, 'extmap']) : ownAttributes;
  const kept = withoutAttributes(media.lines, passage.label === undefined ? own : new Set([...own, 'label']));
  const direction = passage.direction ?? options.direction ?? directionSaid(sdp, media);
  return {
    ...withPort(media, to.ports.rtp.port),
    protocol,
    formats: to.told.map((codec) => String(codec.payloadType)),
    lines: [
      ...kept.filter((line) => !isPacketTime(line)),
      ...(passage.label === undefined ? [] : [{ type: 'a', value: `label:${passage.label}` }]),
      ...codecLines(to.told),
      { type: 'a', value: direction },
      ...rtcpLines(from, to, options),
      ...cryptoLines(to, options),
      ...packetTimeLines(to),
    ],
  };
}

function tellCodecs(from: Stream, to: Stream, options: DescribeOptions): void {
  if (options.role === 'offer') {
    from.accepted = codecsPromised(from.codecs, options.codec);
    to.told = codecsToOffer(from.codecs, options.codec);
  } else {
    const { codecs: offered, accepted } = to;
    const sides = { offered, accepted, answered: from.codecs, added: from.added };
    to.told = codecsToAnswer(sides, options.singleCodec);
  }
  to.added = to.told.filter((codec) => !from.codecs.some((c) => sameCodec(c, codec)));
}

function fixPacketTimes(from: Stream, to: Stream, media: SdpMedia, options: DescribeOptions): void {
  if (!to.packetTime.fixed) to.packetTime.ms = packetTimeOf(media) ?? to.packetTime.ms;
  if (options.role !== 'offer') return;
  if (options.packetTime > 0) to.packetTime.ms = options.packetTime;
  if (options.packetTimeReverse > 0) from.packetTime.ms = options.packetTimeReverse;
  if (options.packetTime <= 0 && options.packetTimeReverse <= 0) return;
  from.packetTime.fixed = true;
  to.packetTime.fixed = true;
}

const packetTimeLines = ({ packetTime }: Stream): SdpLine[] =>
  packetTime.ms === 0 ? [] : [{ type: 'a', value: `ptime:${packetTime.ms}` }];

/** Who gives no address to send to does not receive (RFC 3264 §8.4). */
function directionSaid(sdp: Sdp, media: SdpMedia): SdpDirection {
  const said = directionOf(sdp, media);
  if (!isNullAddress(connectionOf(sdp, media)?.address) || attribute(sdp, media, 'ice-ufrag') !== undefined)
    return said;
  return sends(said) ? 'sendonly' : 'inactive';
}

const isPacketTime = (line: SdpLine) => attributeName(line) === 'ptime';

/** RFC 4568: all of our suites in an offer, the one that was chosen in an answer. */
function cryptoLines(to: Stream, options: DescribeOptions): SdpLine[] {
  if (to.security === undefined) return [];
  const excludes = (suite: string) => excluded(suite, options.sdes);
  if (options.role === 'offer')
    return to.security.offer(excludes).map((value) => ({ type: 'a', value: `crypto:${value}` }));
  const value = to.security.answer(to.cryptos, excludes);
  if (value === undefined) throw new Unacceptable('No usable SDES crypto suite');
  return [{ type: 'a', value: `crypto:${value}` }];
}

/** `no-SUITE` rules one out, `only-SUITE` (any number of them) all others. */
function excluded(suite: string, wishes: ReadonlySet<string>): boolean {
  const only = [...wishes].filter((wish) => wish.startsWith('only-'));
  return wishes.has(`no-${suite}`) || (only.length > 0 && !only.includes(`only-${suite}`));
}

/** A description that cannot be passed on; the message says why. */
export class Unacceptable extends Error {}

function rtcpLines(from: Stream, to: Stream, options: DescribeOptions): SdpLine[] {
  const mux =
    options.role === 'offer' ? offersMux(from, options.rtcpMux) : to.muxed && !options.rtcpMux.has('reject');
  if (options.role === 'answer') to.muxed = mux;
  const { rtp, rtcp } = to.ports!;
  const port = mux && (options.role === 'answer' || options.rtcpMux.has('require')) ? rtp.port : rtcp.port;
  return [
    ...(options.rtcpAttribute ? [{ type: 'a', value: `rtcp:${port}` }] : []),
    ...(mux ? [{ type: 'a', value: 'rtcp-mux' }] : []),
  ];
}

/** The relay itself can always multiplex, so an offer says so when the offerer or the switch wants it. */
function offersMux(from: Stream, wishes: ReadonlySet<string>): boolean {
  if (wishes.has('offer') || wishes.has('require')) return true;
  return from.muxed && !wishes.has('demux');
}
