/** Longest and shortest packets that are made, in milliseconds. */
const LONGEST_MS = 120;
const SHORTEST_MS = 5;
const OPUS_FRAMES_MS = [60, 40, 20, 10];

/** The packet time nearest to the one asked for that a codec can have; Opus has but a few (RFC 6716 §2.1.4). */
export function frameMsFor(codec: { readonly name: string }, ms: number): number {
  if (codec.name.toLowerCase() !== 'opus') return Math.max(SHORTEST_MS, Math.min(LONGEST_MS, Math.round(ms)));
  return OPUS_FRAMES_MS.find((frame) => frame <= ms) ?? OPUS_FRAMES_MS.at(-1)!;
}

/** Gathers samples until they fill a packet, however many come at a time. */
export class Framer {
  readonly #frame: Int16Array;
  /** Samples that wait for more. */
  held = 0;

  constructor(samples: number) {
    this.#frame = new Int16Array(samples);
  }

  /** Takes samples; each frame that they fill goes to `emit`, which must be done with it when it returns. */
  push(pcm: Int16Array, emit: (frame: Int16Array) => void): void {
    for (let at = 0; at < pcm.length;) {
      const count = Math.min(pcm.length - at, this.#frame.length - this.held);
      this.#frame.set(pcm.subarray(at, at + count), this.held);
      this.held += count;
      at += count;
      if (this.held < this.#frame.length) continue;
      this.held = 0;
      emit(this.#frame);
    }
  }

  clear(): void {
    this.held = 0;
  }
}
