import { ComfortNoiseGenerator } from '../../rtp/index.ts';
import type { Sound } from './player.ts';

const RATE = 8000;

/** The noise that a source describes while it is silent (RFC 3389), for a far end that does not know such descriptions. */
export class NoiseSound implements Sound {
  readonly sampleRate = RATE;
  readonly #generator = new ComfortNoiseGenerator();
  readonly #wanted: () => boolean;

  /** It goes on for as long as it is `wanted`. */
  constructor(wanted: () => boolean) {
    this.#wanted = wanted;
  }

  describe(payload: Uint8Array): void {
    this.#generator.receive(payload);
  }

  next(pcm: Int16Array): boolean {
    if (!this.#wanted()) return false;
    this.#generator.next(pcm);
    return true;
  }
}
