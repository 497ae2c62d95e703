import { attributes } from './attributes.ts';
import type { SdpLine, SdpMedia } from './document.ts';

/** One payload type of a media description. */
export type SdpCodec = {
  readonly payloadType: number;
  /** The encoding name as it was written; `''` where neither a=rtpmap nor RFC 3551 tells it. */
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
  /** a=fmtp without the payload type. */
  readonly parameters: string | undefined;
};

/** RFC 3551 §6: payload types that need no a=rtpmap. */
const statics: Readonly<Record<number, readonly [name: string, clockRate: number, channels: number]>> = {
  0: ['PCMU', 8000, 1],
  3: ['GSM', 8000, 1],
  4: ['G723', 8000, 1],
  5: ['DVI4', 8000, 1],
  6: ['DVI4', 16_000, 1],
  7: ['LPC', 8000, 1],
  8: ['PCMA', 8000, 1],
  9: ['G722', 8000, 1],
  10: ['L16', 44_100, 2],
  11: ['L16', 44_100, 1],
  12: ['QCELP', 8000, 1],
  13: ['CN', 8000, 1],
  14: ['MPA', 90_000, 1],
  15: ['G728', 8000, 1],
  18: ['G729', 8000, 1],
  26: ['JPEG', 90_000, 1],
  31: ['H261', 90_000, 1],
  32: ['MPV', 90_000, 1],
  34: ['H263', 90_000, 1],
};

/** The payload type that RFC 3551 fixes for a codec, if it does. */
export function staticPayloadType(name: string, clockRate: number, channels: number): number | undefined {
  for (const [type, [n, rate, ch]] of Object.entries(statics))
    if (n.toLowerCase() === name.toLowerCase() && rate === clockRate && ch === channels) return Number(type);
  return undefined;
}

/** The payload types of an RTP media description in their order of preference. */
export function codecsOf(media: SdpMedia): SdpCodec[] {
  const maps = byPayloadType(attributes(media.lines, 'rtpmap'));
  const parameters = byPayloadType(attributes(media.lines, 'fmtp'));
  const codecs: SdpCodec[] = [];
  for (const format of media.formats) {
    if (!/^\d{1,3}$/.test(format) || Number(format) > 127) continue;
    const payloadType = Number(format);
    codecs.push({
      payloadType,
      ...encoding(payloadType, maps.get(payloadType)),
      parameters: parameters.get(payloadType),
    });
  }
  return codecs;
}

function byPayloadType(values: readonly string[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const value of values) {
    const match = /^(\d{1,3}) +(.*)$/.exec(value);
    if (match !== null && !found.has(Number(match[1]))) found.set(Number(match[1]), match[2]!.trim());
  }
  return found;
}

function encoding(payloadType: number, map: string | undefined) {
  const match = /^([^/]+)\/(\d{1,9})(?:\/(\d{1,3}))?$/.exec(map ?? '');
  if (match !== null)
    return { name: match[1]!, clockRate: Number(match[2]), channels: Number(match[3] ?? 1) };
  const known = statics[payloadType];
  return known === undefined
    ? { name: '', clockRate: 8000, channels: 1 }
    : { name: known[0], clockRate: known[1], channels: known[2] };
}

/** Whether two payload types mean the same encoding; without a name on either side only the number can tell. */
export function sameCodec(a: SdpCodec, b: SdpCodec): boolean {
  if (a.name === '' || b.name === '') return a.payloadType === b.payloadType;
  return (
    a.name.toLowerCase() === b.name.toLowerCase() && a.clockRate === b.clockRate && a.channels === b.channels
  );
}

export const isTelephoneEvent = (codec: SdpCodec): boolean => codec.name.toLowerCase() === 'telephone-event';
export const isComfortNoise = (codec: SdpCodec): boolean => codec.name.toLowerCase() === 'cn';

/** `PCMU`, `PCMU/8000` or `opus/48000/2`, as flags and a=rtpmap name codecs. */
export function codecNamed(codec: SdpCodec, wanted: string): boolean {
  const [name, rate, channels] = wanted.split('/');
  return (
    codec.name.toLowerCase() === name!.toLowerCase() &&
    (rate === undefined || Number(rate) === codec.clockRate) &&
    (channels === undefined || Number(channels) === codec.channels)
  );
}

/** The a=rtpmap and a=fmtp lines of codecs, in order. */
export function codecLines(codecs: readonly SdpCodec[]): SdpLine[] {
  const lines: SdpLine[] = [];
  for (const codec of codecs) {
    if (codec.name !== '') {
      const channels = codec.channels === 1 ? '' : `/${codec.channels}`;
      lines.push({
        type: 'a',
        value: `rtpmap:${codec.payloadType} ${codec.name}/${codec.clockRate}${channels}`,
      });
    }
    if (codec.parameters !== undefined)
      lines.push({ type: 'a', value: `fmtp:${codec.payloadType} ${codec.parameters}` });
  }
  return lines;
}

/** The packet time asked for by a=ptime, in milliseconds. */
export function packetTimeOf(media: SdpMedia): number | undefined {
  const value = Number(attributes(media.lines, 'ptime')[0]);
  return value >= 1 && value <= 200 ? value : undefined;
}
