/** G.711 (ITU-T G.711, as in its reference C code) by table: 14-bit µ-law and 13-bit A-law held in 16-bit samples. */

const BIAS = 0x84;
const CLIP = 32_635;

function decodeUlaw(code: number): number {
  const value = ~code & 0xff;
  const magnitude = (((value & 0x0f) << 3) + BIAS) << ((value & 0x70) >> 4);
  return (value & 0x80) !== 0 ? BIAS - magnitude : magnitude - BIAS;
}

function decodeAlaw(code: number): number {
  const value = code ^ 0x55;
  const segment = (value & 0x70) >> 4;
  const mantissa = (value & 0x0f) << 4;
  const magnitude = segment === 0 ? mantissa + 8 : (mantissa + 0x108) << (segment - 1);
  return (value & 0x80) !== 0 ? magnitude : -magnitude;
}

function encodeUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const segment = Math.max(0, 31 - Math.clz32(magnitude) - 7);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}

function encodeAlaw(sample: number): number {
  // A negative sample is taken as its ones' complement, so that -1 lies in the first step below zero.
  const sign = sample < 0 ? 0 : 0x80;
  const magnitude = (sample < 0 ? ~sample : sample) >> 3;
  const segment = magnitude < 32 ? 0 : 31 - Math.clz32(magnitude) - 4;
  const mantissa = segment === 0 ? (magnitude >> 1) & 0x0f : (magnitude >> segment) & 0x0f;
  return (sign | (segment << 4) | mantissa) ^ 0x55;
}

const ULAW_TO_LINEAR = Int16Array.from({ length: 256 }, (_, code) => decodeUlaw(code));
const ALAW_TO_LINEAR = Int16Array.from({ length: 256 }, (_, code) => decodeAlaw(code));
/** Indexed by the sample's 16 bits. */
const LINEAR_TO_ULAW = Uint8Array.from({ length: 65_536 }, (_, bits) => encodeUlaw((bits << 16) >> 16));
const LINEAR_TO_ALAW = Uint8Array.from({ length: 65_536 }, (_, bits) => encodeAlaw((bits << 16) >> 16));

/** What G.711 digital silence is on the wire. */
export const ULAW_SILENCE = 0xff;
export const ALAW_SILENCE = 0xd5;

export type G711Law = 'ulaw' | 'alaw';

/** Decodes `bytes` into the start of `pcm`; gives the number of samples. */
export function g711Decode(law: G711Law, bytes: Uint8Array, pcm: Int16Array): number {
  const table = law === 'ulaw' ? ULAW_TO_LINEAR : ALAW_TO_LINEAR;
  const count = Math.min(bytes.length, pcm.length);
  for (let i = 0; i < count; i += 1) pcm[i] = table[bytes[i]!]!;
  return count;
}

/** Encodes `pcm` into the start of `bytes`; gives the number of octets. */
export function g711Encode(law: G711Law, pcm: Int16Array, bytes: Uint8Array): number {
  const table = law === 'ulaw' ? LINEAR_TO_ULAW : LINEAR_TO_ALAW;
  const count = Math.min(pcm.length, bytes.length);
  for (let i = 0; i < count; i += 1) bytes[i] = table[pcm[i]! & 0xffff]!;
  return count;
}
