import { open, type FileHandle } from 'node:fs/promises';
import type { Clock, Logger } from '../../base/index.ts';
import {
  createDecoder,
  Resampler,
  rtpHeaderLength,
  rtpPayloadEnd,
  rtpPayloadType,
  rtpSsrc,
  rtpTimestamp,
  StereoWavWriter,
  timestampAhead,
  type AudioDecoder,
  type WavFile,
} from '../../rtp/index.ts';
import { isTranscodable } from '../relay/codec-choice.ts';
import { codecSent } from '../relay/route.ts';
import type { Stream } from '../relay/stream.ts';

export const LEFT = 0;
export const RIGHT = 1;

const SAMPLE_RATE = 8000;
const LONGEST_FRAME = 5760;
/** Beyond this the source's timestamps have lost touch with real time. */
const FARTHEST_MS = 120;
/** Samples this old are final. */
const SETTLE_MS = 500;

/** A file that is opened while the first pieces are already on their way. */
class OpeningFile implements WavFile {
  readonly #handle: Promise<FileHandle>;

  constructor(path: string) {
    this.#handle = open(path, 'wx');
    this.#handle.catch(() => undefined); // told by the first write
  }

  async write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    await (await this.#handle).write(bytes, offset, length, position);
  }

  async close(): Promise<void> {
    await (await this.#handle).close();
  }
}

/** Where one stream is in the recording. */
type Track = {
  readonly channel: 0 | 1;
  readonly payloadType: number;
  readonly ssrc: number;
  clockRate: number;
  decoder: AudioDecoder | undefined;
  resampler: Resampler | undefined;
  timestamp: number;
  position: number;
};

export type RecordingOptions = {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Which side a stream belongs to. */
  readonly channelOf: (stream: Stream) => 0 | 1;
};

/**
 * Both sides of a call in one stereo WAV file, the caller left and the user right, aligned by when they were received.
 * It belongs to the call and not to a leg, so it goes on over every change of device.
 */
export class Recording {
  readonly path: string;
  readonly #options: RecordingOptions;
  readonly #writer: StereoWavWriter;
  readonly #startedAt: number;
  readonly #tracks = new Map<Stream, Track>();
  readonly #decoded = new Int16Array(LONGEST_FRAME);
  readonly #pcm = new Int16Array(LONGEST_FRAME);
  paused = false;
  #closed = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.path = options.path;
    this.#startedAt = options.clock.now();
    this.#writer = StereoWavWriter.over(new OpeningFile(options.path), {
      sampleRate: SAMPLE_RATE,
      onError: (error) => options.logger.error({ err: error, path: options.path }, 'a recording failed'),
    });
  }

  /** Takes a packet that a party sent. */
  record(stream: Stream, packet: Buffer, now: number): void {
    if (this.paused || stream.kind !== 'audio' || !isHeard(stream)) return;
    const track = this.#track(stream, packet);
    const position = this.#place(track, rtpTimestamp(packet), now);
    if (track.decoder === undefined || track.resampler === undefined) return;
    const payload = packet.subarray(rtpHeaderLength(packet), rtpPayloadEnd(packet));
    const count = track.decoder.decode(payload, this.#decoded);
    const made = track.resampler.process(this.#decoded.subarray(0, count), this.#pcm);
    this.#writer.put(track.channel, this.#pcm.subarray(0, made), position);
  }

  /** Writes what is final by now. */
  tick(now: number): void {
    this.#writer.advance(Math.max(0, this.#position(now - SETTLE_MS)));
  }

  /** Writes the rest and closes the file; resolves when it is on disk. */
  close(): Promise<void> {
    if (!this.#closed) for (const track of this.#tracks.values()) track.decoder?.free();
    this.#closed = true;
    this.#tracks.clear();
    return this.#writer.close(this.#position(this.#options.clock.now()));
  }

  #position(now: number): number {
    return Math.round(((now - this.#startedAt) * SAMPLE_RATE) / 1000);
  }

  #track(stream: Stream, packet: Buffer): Track {
    const payloadType = rtpPayloadType(packet);
    const ssrc = rtpSsrc(packet);
    const known = this.#tracks.get(stream);
    if (known?.payloadType === payloadType && known.ssrc === ssrc) return known;
    known?.decoder?.free();
    const track: Track = {
      channel: this.#options.channelOf(stream),
      payloadType,
      ssrc,
      clockRate: 8000,
      decoder: undefined,
      resampler: undefined,
      timestamp: 0,
      position: -1,
    };
    this.#tracks.set(stream, track);
    void this.#prepare(stream, track);
    return track;
  }

  async #prepare(stream: Stream, track: Track): Promise<void> {
    const codec = codecSent(stream, track.payloadType);
    if (codec === undefined || !isTranscodable(codec)) return;
    track.clockRate = codec.clockRate;
    const decoder = await createDecoder(codec, SAMPLE_RATE);
    if (decoder === undefined) return;
    if (this.#closed || this.#tracks.get(stream) !== track) return decoder.free();
    track.resampler = new Resampler(decoder.sampleRate, SAMPLE_RATE);
    track.decoder = decoder;
  }

  /** By the source's own clock while that is near to real time, so that jitter does not tear the sound. */
  #place(track: Track, timestamp: number, now: number): number {
    const arrived = this.#position(now);
    const steps = timestampAhead(track.timestamp, timestamp);
    const continued = track.position + Math.round((steps * SAMPLE_RATE) / track.clockRate);
    const near = Math.abs(continued - arrived) <= (FARTHEST_MS * SAMPLE_RATE) / 1000;
    const position = track.position >= 0 && near ? continued : arrived;
    track.timestamp = timestamp;
    track.position = position;
    return position;
  }
}

/** What nobody hears yet or any more is no part of the conversation. */
function isHeard(stream: Stream): boolean {
  return stream.routes.some(
    (route) =>
      route.kind === 'dialog' &&
      route.open &&
      (route.sink.outlet.current === route || route.sink.outlet.next === route),
  );
}
