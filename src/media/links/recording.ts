import { open, type FileHandle } from 'node:fs/promises';
import type { Clock, Logger } from '../../base/index.ts';
import { rtpPayloadType, rtpSsrc, WavWriter, type WavFile } from '../../rtp/index.ts';
import { isTranscodable } from '../relay/codec-choice.ts';
import { codecSent } from '../relay/route.ts';
import type { Stream } from '../relay/stream.ts';
import { RECORDING_RATE, RecordedTrack } from './recorded-track.ts';

export const LEFT = 0;
export const RIGHT = 1;

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
  readonly #writer: WavWriter;
  readonly #startedAt: number;
  readonly #tracks = new Map<Stream, RecordedTrack>();
  paused = false;
  #closed = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.path = options.path;
    this.#startedAt = options.clock.now();
    this.#writer = WavWriter.over(new OpeningFile(options.path), {
      sampleRate: RECORDING_RATE,
      channels: 2,
      onError: (error) => options.logger.error({ err: error, path: options.path }, 'a recording failed'),
    });
  }

  /** Takes a packet that a party sent. */
  record(stream: Stream, packet: Buffer, now: number): void {
    if (this.paused || stream.kind !== 'audio' || !isHeard(stream)) return;
    this.#track(stream, packet)?.put(this.#writer, packet, this.#position(now));
  }

  /** Writes what is final by now. */
  tick(now: number): void {
    this.#writer.advance(Math.max(0, this.#position(now - SETTLE_MS)));
  }

  /** Writes the rest and closes the file; resolves when it is on disk. */
  close(): Promise<void> {
    if (!this.#closed) for (const track of this.#tracks.values()) track.free();
    this.#closed = true;
    this.#tracks.clear();
    return this.#writer.close(this.#position(this.#options.clock.now()));
  }

  #position(now: number): number {
    return Math.round(((now - this.#startedAt) * RECORDING_RATE) / 1000);
  }

  #track(stream: Stream, packet: Buffer): RecordedTrack | undefined {
    const payloadType = rtpPayloadType(packet);
    const ssrc = rtpSsrc(packet);
    const known = this.#tracks.get(stream);
    if (known?.payloadType === payloadType && known.ssrc === ssrc) return known;
    const codec = codecSent(stream, payloadType);
    // Digits and comfort noise between the speech are no end of it.
    if (codec === undefined || !isTranscodable(codec)) return undefined;
    known?.free();
    const { clockRate } = codec;
    const track = new RecordedTrack(this.#options.channelOf(stream), { payloadType, ssrc, clockRate });
    this.#tracks.set(stream, track);
    void track.prepare(codec);
    return track;
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
