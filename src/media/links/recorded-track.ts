import {
  createDecoder,
  Resampler,
  rtpHeaderLength,
  rtpPayloadEnd,
  rtpTimestamp,
  timestampAhead,
  type AudioDecoder,
  type CodecName,
  type WavWriter,
} from '../../rtp/index.ts';

/** Of every recording, in hertz. */
export const RECORDING_RATE = 8000;

const LONGEST_FRAME = 5760;
/** Beyond this the source's timestamps have lost touch with real time. */
const FARTHEST_MS = 120;

const nothing = new Int16Array(0);
const decoded = new Int16Array(LONGEST_FRAME);
const resampled = new Int16Array(LONGEST_FRAME);

/** One source of packets on its way into one side of a recording. Its sound is there once `prepare` has resolved. */
export class RecordedTrack {
  readonly channel: 0 | 1;
  readonly payloadType: number;
  readonly ssrc: number;
  readonly #clockRate: number;
  #decoder: AudioDecoder | undefined;
  #resampler: Resampler | undefined;
  #timestamp = 0;
  #position = -1;
  #freed = false;

  constructor(channel: 0 | 1, source: { payloadType: number; ssrc: number; clockRate: number }) {
    this.channel = channel;
    this.payloadType = source.payloadType;
    this.ssrc = source.ssrc;
    this.#clockRate = source.clockRate;
  }

  async prepare(codec: CodecName): Promise<void> {
    const decoder = await createDecoder(codec, RECORDING_RATE);
    if (decoder === undefined) return;
    if (this.#freed) return decoder.free();
    this.#resampler = new Resampler(decoder.sampleRate, RECORDING_RATE);
    this.#decoder = decoder;
  }

  /**
   * Puts a packet's sound where it belongs; `arrived` is when it came, in samples from the start of the recording. Yields
   * the sound, which stays as it is until the next packet of any track.
   */
  put(writer: WavWriter, packet: Buffer, arrived: number): Int16Array {
    const position = this.#place(rtpTimestamp(packet), arrived);
    if (this.#decoder === undefined || this.#resampler === undefined) return nothing;
    const payload = packet.subarray(rtpHeaderLength(packet), rtpPayloadEnd(packet));
    const count = this.#decoder.decode(payload, decoded);
    const made = this.#resampler.process(decoded.subarray(0, count), resampled);
    const sound = resampled.subarray(0, made);
    writer.put(this.channel, sound, position);
    return sound;
  }

  free(): void {
    this.#freed = true;
    this.#decoder?.free();
    this.#decoder = undefined;
  }

  /** By the source's own clock while that is near to real time, so that jitter does not tear the sound. */
  #place(timestamp: number, arrived: number): number {
    const steps = timestampAhead(this.#timestamp, timestamp);
    const continued = this.#position + Math.round((steps * RECORDING_RATE) / this.#clockRate);
    const near = Math.abs(continued - arrived) <= (FARTHEST_MS * RECORDING_RATE) / 1000;
    const position = this.#position >= 0 && near ? continued : arrived;
    this.#timestamp = timestamp;
    this.#position = position;
    return position;
  }
}
