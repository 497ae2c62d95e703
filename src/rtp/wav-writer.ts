import { open } from 'node:fs/promises';
import { WAV_HEADER_LENGTH, wavHeader } from './wav.ts';

/** What a writer needs of a file; `node:fs/promises`' FileHandle is one. */
export interface WavFile {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<unknown>;
  close(): Promise<void>;
}

export type WavWriterOptions = {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  /** Called once when the file cannot be written (disk full): nothing more is written then. */
  readonly onError: (error: Error) => void;
};

const SAMPLE = 2;
/** Samples are held this long so that both sides' packets find their place before they go to the file. */
const WINDOW_SECONDS = 2;
/** Octets handed to the file but not yet written at which new ones are dropped: about 30 s at 8 kHz. */
const MOST_PENDING = 1_000_000;
const LARGEST_DATA = 0xffff_ffff - WAV_HEADER_LENGTH;

/**
 * A recording that is written as it runs: `put` places samples of the left or only (0) or of the right (1) channel,
 * `advance` says up to where the recording is final. Places where nobody put anything are silence. After each piece the
 * header is brought up to date, so a crash loses the last second and leaves a file that plays.
 */
export class WavWriter {
  readonly #file: WavFile;
  readonly #options: WavWriterOptions;
  readonly #window: Int16Array;
  readonly #frames: number;
  readonly #frame: number;
  /** Positions are in samples from the start of the recording. */
  #written = 0;
  #queue: Promise<void> = Promise.resolve();
  #pending = 0;
  #failed = false;
  #closed = false;
  /** Frames that were dropped because the disk did not keep up; they are silent in the file. */
  dropped = 0;

  private constructor(file: WavFile, options: WavWriterOptions) {
    this.#file = file;
    this.#options = options;
    this.#frames = options.sampleRate * WINDOW_SECONDS;
    this.#frame = options.channels * SAMPLE;
    this.#window = new Int16Array(this.#frames * options.channels);
  }

  /** Makes the file, which must not exist yet; rejects if it cannot be made. */
  static async create(path: string, options: WavWriterOptions): Promise<WavWriter> {
    return WavWriter.over(await open(path, 'wx'), options);
  }

  /** Writes to a file that is open and empty. */
  static over(file: WavFile, options: WavWriterOptions): WavWriter {
    const writer = new WavWriter(file, options);
    writer.#enqueue(wavHeader(options.sampleRate, options.channels, 0), 0);
    return writer;
  }

  /** Samples in the file or on their way to it. */
  get position(): number {
    return this.#written;
  }

  /** Resolves when all that was handed to the file so far is in it; for sources faster than real time. */
  get settled(): Promise<void> {
    return this.#queue;
  }

  /** Adds samples to one channel from `position` on; parts that lie before the final part are dropped. */
  put(channel: 0 | 1, pcm: Int16Array, position: number): void {
    if (this.#closed) return;
    const { channels } = this.#options;
    const end = position + pcm.length;
    if (end > this.#written + this.#frames) this.advance(end - this.#frames);
    for (let at = Math.max(position, this.#written); at < end; at += 1) {
      const slot = (at % this.#frames) * channels + channel;
      const sum = this.#window[slot]! + pcm[at - position]!;
      this.#window[slot] = sum > 32_767 ? 32_767 : sum < -32_768 ? -32_768 : sum;
    }
  }

  /** Everything before `position` is final: it goes to the file, in pieces of half a second or more. */
  advance(position: number): void {
    if (position - this.#written >= this.#options.sampleRate / 2) this.#flush(position);
  }

  /** Writes what is left up to `position` and closes the file; resolves when it is on disk. */
  async close(position = this.#written): Promise<void> {
    if (this.#closed) return this.#queue;
    this.#flush(position);
    this.#closed = true;
    this.#queue = this.#queue.then(() => this.#file.close()).catch((error: unknown) => this.#fail(error));
    return this.#queue;
  }

  #flush(position: number): void {
    const { channels } = this.#options;
    while (this.#written < position && !this.#closed) {
      const count = Math.min(this.#frames, position - this.#written);
      const piece = Buffer.alloc(count * this.#frame);
      for (let i = 0; i < count * channels; i += 1) {
        const slot = (this.#written * channels + i) % this.#window.length;
        piece.writeInt16LE(this.#window[slot]!, i * SAMPLE);
        this.#window[slot] = 0;
      }
      this.#append(piece, count);
    }
  }

  #append(piece: Buffer, count: number): void {
    const { sampleRate, channels } = this.#options;
    const at = this.#written * this.#frame;
    this.#written += count;
    if (at + piece.length > LARGEST_DATA) return this.#fail(new Error('a WAV file holds at most 4 GiB'));
    // What is not written now becomes a hole as soon as something after it is; holes read as silence.
    if (this.#pending > MOST_PENDING) this.dropped += count;
    else this.#enqueue(piece, WAV_HEADER_LENGTH + at);
    this.#enqueue(wavHeader(sampleRate, channels, this.#written * this.#frame), 0);
  }

  #enqueue(bytes: Buffer, position: number): void {
    this.#pending += bytes.length;
    this.#queue = this.#queue.then(async () => {
      try {
        if (!this.#failed) await this.#file.write(bytes, 0, bytes.length, position);
      } catch (error) {
        this.#fail(error);
      }
      this.#pending -= bytes.length;
    });
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
  }
}
