import {
  createDecoder,
  createEncoder,
  goertzelPower,
  meanSquare,
  type AudioDecoder,
  type AudioEncoder,
  type CodecName,
} from '../rtp/index.ts';

const TONE_AMPLITUDE = 8000;
const LONGEST_PAYLOAD = 4000;
/** Frames of decoded sound that are kept: a second or two. */
const MOST_FRAMES = 100;

const STATIC: Readonly<Record<number, CodecName>> = {
  0: { name: 'PCMU', clockRate: 8000, channels: 1 },
  8: { name: 'PCMA', clockRate: 8000, channels: 1 },
  9: { name: 'G722', clockRate: 8000, channels: 1 },
};

/** The codec of a static payload type that has one here (RFC 3551 §6). */
export const staticCodec = (payloadType: number): CodecName | undefined => STATIC[payloadType];

/** What an endpoint sends as sound and hears: tones into payloads, payloads into samples. */
export class RtpSound {
  readonly #encoders = new Map<number, AudioEncoder>();
  readonly #decoders = new Map<number, AudioDecoder>();
  readonly #frames: { readonly pcm: Int16Array; readonly sampleRate: number }[] = [];
  #phase = 0;

  /** Sound for the static payload types, and `codec` under `payloadType`. */
  static async open(payloadType: number, codec: CodecName | undefined): Promise<RtpSound> {
    const sound = new RtpSound();
    const types = Object.entries(STATIC).map(([type, name]) => [Number(type), name] as const);
    for (const [type, name] of codec === undefined ? types : [...types, [payloadType, codec] as const]) {
      const [encoder, decoder] = [await createEncoder(name), await createDecoder(name)];
      if (encoder) sound.#encoders.set(type, encoder);
      if (decoder) sound.#decoders.set(type, decoder);
    }
    return sound;
  }

  /** The next `ms` of sines of these frequencies; undefined for a payload type without codec. */
  tone(payloadType: number, frequencies: readonly number[], ms: number): Buffer | undefined {
    const encoder = this.#encoders.get(payloadType);
    if (encoder === undefined) return undefined;
    const rate = encoder.sampleRate;
    const pcm = new Int16Array((ms * rate) / 1000);
    const amplitude = TONE_AMPLITUDE / frequencies.length;
    for (let i = 0; i < pcm.length; i += 1) {
      const at = (2 * Math.PI * (this.#phase + i)) / rate;
      pcm[i] = Math.round(frequencies.reduce((sum, hz) => sum + amplitude * Math.sin(hz * at), 0));
    }
    this.#phase += pcm.length;
    const payload = Buffer.alloc(LONGEST_PAYLOAD);
    return payload.subarray(0, encoder.encode(pcm, payload));
  }

  /** Takes a payload that was received; of a type without codec nothing is heard. */
  hear(payloadType: number, payload: Uint8Array): void {
    const decoder = this.#decoders.get(payloadType);
    if (decoder === undefined) return;
    const pcm = new Int16Array(LONGEST_PAYLOAD * 2);
    const count = decoder.decode(payload, pcm);
    this.#frames.push({ pcm: pcm.slice(0, count), sampleRate: decoder.sampleRate });
    if (this.#frames.length > MOST_FRAMES) this.#frames.shift();
  }

  /** The last `ms` heard, as far as the codec did not change meanwhile. */
  pcm(ms: number): { readonly pcm: Int16Array; readonly sampleRate: number } {
    const sampleRate = this.#frames.at(-1)?.sampleRate ?? 8000;
    const wanted = (ms * sampleRate) / 1000;
    const parts: Int16Array[] = [];
    let length = 0;
    for (const frame of this.#frames.toReversed()) {
      if (frame.sampleRate !== sampleRate || length >= wanted) break;
      parts.unshift(frame.pcm);
      length += frame.pcm.length;
    }
    const pcm = new Int16Array(length);
    let at = 0;
    for (const part of parts) {
      pcm.set(part, at);
      at += part.length;
    }
    return { pcm, sampleRate };
  }

  /** The share, 0 to 1, of the last `ms` heard that is a sine of `frequency`; 0 in silence. */
  toneShare(frequency: number, ms: number): number {
    const { pcm, sampleRate } = this.pcm(ms);
    const power = meanSquare(pcm, 0, pcm.length);
    if (power < 1000) return 0;
    return goertzelPower(pcm, { from: 0, count: pcm.length }, frequency, sampleRate) / power;
  }

  close(): void {
    for (const codec of [...this.#encoders.values(), ...this.#decoders.values()]) codec.free();
  }
}
