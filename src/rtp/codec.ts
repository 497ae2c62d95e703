import { g711Decode, g711Encode, type G711Law } from './g711.ts';
import { G722Decoder, G722Encoder } from './g722.ts';
import { createOpusDecoder, createOpusEncoder } from './opus.ts';
import { PacketLossConcealer } from './concealment.ts';

/** Payload octets to mono linear samples. One per stream; `free` it at the end. */
export interface AudioDecoder {
  /** Of the samples, which for G.722 is not the RTP clock (RFC 3551 §4.5.2). */
  readonly sampleRate: number;
  /** Decodes into the start of `pcm`; gives the number of samples, 0 for a payload that cannot be decoded. */
  decode(payload: Uint8Array, pcm: Int16Array): number;
  /** Fills `pcm` with a guess at the sound of lost packets. */
  conceal(pcm: Int16Array): void;
  free(): void;
}

/** Mono linear samples to payload octets. One per stream; `free` it at the end. */
export interface AudioEncoder {
  readonly sampleRate: number;
  /** Encodes all of `pcm`, one packet's worth, into the start of `payload`; gives the octets. */
  encode(pcm: Int16Array, payload: Uint8Array): number;
  free(): void;
}

/** A codec as an a=rtpmap names it: encoding name in any case, RTP clock, channels. */
export type CodecName = { readonly name: string; readonly clockRate: number; readonly channels: number };

const CODECS: Readonly<Record<string, (codec: CodecName, sampleRate: number) => number>> = Object.freeze({
  PCMU: (codec) => (codec.clockRate === 8000 ? 8000 : 0),
  PCMA: (codec) => (codec.clockRate === 8000 ? 8000 : 0),
  G722: (codec) => (codec.clockRate === 8000 ? 16_000 : 0),
  L16: (codec) => (codec.clockRate <= 48_000 ? codec.clockRate : 0),
  // Opus works at each of its rates whatever the far end does (RFC 7587 §4.1).
  OPUS: (_, wanted) => ([8000, 16_000, 48_000].includes(wanted) ? wanted : 48_000),
});

/** The sample rate that a codec's sound has here, 0 for a codec that is not known; `wanted` matters to Opus only. */
export function codecSampleRate(codec: CodecName, wanted = 48_000): number {
  return CODECS[codec.name.toUpperCase()]?.(codec, wanted) ?? 0;
}

/** Whether sound can be made of, and into, this codec. */
export function canTranscode(codec: CodecName): boolean {
  return codecSampleRate(codec) > 0;
}

/** A decoder, undefined for a codec that is not known. `wanted` is the sample rate that suits the caller, if free. */
export async function createDecoder(codec: CodecName, wanted = 48_000): Promise<AudioDecoder | undefined> {
  const sampleRate = codecSampleRate(codec, wanted);
  if (sampleRate === 0) return undefined;
  switch (codec.name.toUpperCase()) {
    case 'PCMU':
    case 'PCMA': {
      const law = lawOf(codec);
      return concealing(sampleRate, (payload, pcm) => g711Decode(law, payload, pcm));
    }
    case 'G722': {
      const g722 = new G722Decoder();
      return concealing(sampleRate, (payload, pcm) => g722.decode(payload, pcm));
    }
    case 'L16':
      return concealing(sampleRate, (payload, pcm) => decodeL16(payload, pcm, codec.channels));
    default:
      return createOpusDecoder(sampleRate as 8000 | 16_000 | 48_000);
  }
}

/** An encoder, undefined for a codec that is not known. */
export async function createEncoder(codec: CodecName, wanted = 48_000): Promise<AudioEncoder | undefined> {
  const sampleRate = codecSampleRate(codec, wanted);
  if (sampleRate === 0) return undefined;
  const free = () => undefined;
  switch (codec.name.toUpperCase()) {
    case 'PCMU':
    case 'PCMA': {
      const law = lawOf(codec);
      return { sampleRate, free, encode: (pcm, payload) => g711Encode(law, pcm, payload) };
    }
    case 'G722': {
      const g722 = new G722Encoder();
      return { sampleRate, free, encode: (pcm, payload) => g722.encode(pcm, payload) };
    }
    case 'L16':
      return { sampleRate, free, encode: (pcm, payload) => encodeL16(pcm, payload, codec.channels) };
    default:
      return createOpusEncoder(sampleRate as 8000 | 16_000 | 48_000);
  }
}

function lawOf(codec: CodecName): G711Law {
  return codec.name.toUpperCase() === 'PCMU' ? 'ulaw' : 'alaw';
}

function concealing(
  sampleRate: number,
  decode: (payload: Uint8Array, pcm: Int16Array) => number,
): AudioDecoder {
  const concealer = new PacketLossConcealer(sampleRate);
  return {
    sampleRate,
    decode(payload, pcm) {
      const count = decode(payload, pcm);
      concealer.good(pcm.subarray(0, count));
      return count;
    },
    conceal: (pcm) => concealer.lost(pcm),
    free: () => undefined,
  };
}

/** RFC 3551 §4.5.11: network order; of several channels the mean is taken. */
function decodeL16(payload: Uint8Array, pcm: Int16Array, channels: number): number {
  const count = Math.min(pcm.length, Math.floor(payload.length / (2 * channels)));
  for (let i = 0; i < count; i += 1) {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) {
      const at = (i * channels + c) * 2;
      sum += ((payload[at]! << 24) >> 16) | payload[at + 1]!;
    }
    pcm[i] = channels === 1 ? sum : Math.round(sum / channels);
  }
  return count;
}

function encodeL16(pcm: Int16Array, payload: Uint8Array, channels: number): number {
  const count = Math.min(pcm.length, Math.floor(payload.length / (2 * channels)));
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    for (let c = 0; c < channels; c += 1) {
      payload[at++] = (pcm[i]! >> 8) & 0xff;
      payload[at++] = pcm[i]! & 0xff;
    }
  }
  return at;
}
