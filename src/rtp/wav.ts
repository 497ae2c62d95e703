import { g711Decode } from './g711.ts';

const RIFF_HEADER = 12;
const CHUNK_HEADER = 8;
const FORMAT_PCM = 1;
const FORMAT_ALAW = 6;
const FORMAT_ULAW = 7;
const FORMAT_EXTENSIBLE = 0xfffe;
/** Octets of the header that `wavHeader` makes; samples follow it. */
export const WAV_HEADER_LENGTH = 44;
const MOST_CHANNELS = 8;

export type WavSound = {
  readonly sampleRate: number;
  readonly channels: number;
  /** Linear samples, channels interleaved. */
  readonly pcm: Int16Array;
};

type WavFormat = { format: number; channels: number; sampleRate: number; bits: number };

/**
 * Reads a WAV file: 16-bit linear, 8-bit linear, A-law or µ-law. A file cut short, as by a crash, gives what is there.
 * A string says why it cannot be read.
 */
export function parseWav(bytes: Uint8Array): WavSound | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < RIFF_HEADER || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE')
    return 'not a WAV file';
  let format: WavFormat | undefined;
  let at = RIFF_HEADER;
  while (at + CHUNK_HEADER <= bytes.length) {
    const length = view.getUint32(at + 4, true);
    const body = at + CHUNK_HEADER;
    const end = Math.min(bytes.length, body + length);
    if (tag(bytes, at) === 'fmt ') {
      if (end - body < 16) return 'the format chunk is too short';
      format = readFormat(view, body, end);
    }
    if (tag(bytes, at) === 'data') {
      if (format === undefined) return 'samples before their format';
      return decode(bytes.subarray(body, end), format);
    }
    at = body + length + (length & 1);
  }
  return 'no samples';
}

function readFormat(view: DataView, at: number, end: number): WavFormat {
  const format = view.getUint16(at, true);
  return {
    format: format === FORMAT_EXTENSIBLE && end - at >= 26 ? view.getUint16(at + 24, true) : format,
    channels: view.getUint16(at + 2, true),
    sampleRate: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
}

function decode(data: Uint8Array, { format, channels, sampleRate, bits }: WavFormat): WavSound | string {
  if (channels < 1 || channels > MOST_CHANNELS) return `${channels} channels`;
  if (sampleRate < 4000 || sampleRate > 192_000) return `${sampleRate} samples a second`;
  const pcm = samples(data, format, bits);
  if (pcm === undefined) return `format ${format} with ${bits} bits`;
  return { sampleRate, channels, pcm: pcm.subarray(0, pcm.length - (pcm.length % channels)) };
}

function samples(data: Uint8Array, format: number, bits: number): Int16Array | undefined {
  if (format === FORMAT_PCM && bits === 16) {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    return Int16Array.from({ length: data.length >> 1 }, (_, i) => view.getInt16(i * 2, true));
  }
  if (format === FORMAT_PCM && bits === 8) return Int16Array.from(data, (octet) => (octet - 128) << 8);
  if ((format !== FORMAT_ALAW && format !== FORMAT_ULAW) || bits !== 8) return undefined;
  const pcm = new Int16Array(data.length);
  g711Decode(format === FORMAT_ALAW ? 'alaw' : 'ulaw', data, pcm);
  return pcm;
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** The mean of a sound's channels; the sound's own samples if it has one channel. */
export function wavMono({ pcm, channels }: WavSound): Int16Array {
  if (channels === 1) return pcm;
  const mono = new Int16Array(pcm.length / channels);
  for (let i = 0; i < mono.length; i += 1) {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) sum += pcm[i * channels + c]!;
    mono[i] = Math.round(sum / channels);
  }
  return mono;
}

/** The 44-octet header of a 16-bit linear file with `dataLength` octets of samples. */
export function wavHeader(sampleRate: number, channels: number, dataLength: number): Buffer {
  const header = Buffer.alloc(WAV_HEADER_LENGTH);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(WAV_HEADER_LENGTH - 8 + dataLength, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(FORMAT_PCM, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataLength, 40);
  return header;
}

/** A whole file of 16-bit linear samples, channels interleaved. */
export function printWav({ sampleRate, channels, pcm }: WavSound): Buffer {
  const data = Buffer.alloc(pcm.length * 2);
  for (let i = 0; i < pcm.length; i += 1) data.writeInt16LE(pcm[i]!, i * 2);
  return Buffer.concat([wavHeader(sampleRate, channels, data.length), data]);
}
