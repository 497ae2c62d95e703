import { meanSquare } from './goertzel.ts';
/*
 * RFC 3389 §3: one octet of level, then a reflection coefficient an octet.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |0|   level     |      N1       |      N2       |     ...       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const MOST_COEFFICIENTS = 16;
/** Power of a full-scale square wave, which is 0 dBov. */
const OVERLOAD = 32_768 * 32_768;

/** The comfort noise level, 0 to 127 in -dBov, of silence as it sounds in `pcm`. */
export function comfortNoiseLevel(pcm: Int16Array): number {
  const power = meanSquare(pcm, 0, pcm.length);
  return power < 1 ? 127 : Math.max(0, Math.min(127, Math.round(-10 * Math.log10(power / OVERLOAD))));
}

/** Plays the noise that comfort noise packets describe. Its randomness is its own: nothing depends on it. */
export class ComfortNoiseGenerator {
  #amplitude = 0;
  #order = 0;
  readonly #k = new Float64Array(MOST_COEFFICIENTS);
  readonly #b = new Float64Array(MOST_COEFFICIENTS + 1);
  #state = 0x2545_f491;

  /** Takes a payload of type CN; an empty one changes nothing. */
  receive(payload: Uint8Array): void {
    if (payload.length === 0) return;
    const power = OVERLOAD * 10 ** (-(payload[0]! & 0x7f) / 10);
    this.#order = Math.min(MOST_COEFFICIENTS, payload.length - 1);
    let residual = power;
    for (let i = 0; i < this.#order; i += 1) {
      // RFC 3389 §3.2; short of one, so that the filter stays stable
      const k = Math.max(-0.99, Math.min(0.99, (payload[i + 1]! - 127) / 128));
      this.#k[i] = k;
      residual *= 1 - k * k;
    }
    // Uniform noise of amplitude A has a power of A²/3.
    this.#amplitude = Math.sqrt(3 * residual);
    this.#b.fill(0);
  }

  next(pcm: Int16Array): void {
    for (let i = 0; i < pcm.length; i += 1) {
      const sample = this.#order === 0 ? this.#white() : this.#shape(this.#white());
      pcm[i] = Math.max(-32_768, Math.min(32_767, Math.round(sample)));
    }
  }

  /** An all-pole lattice. */
  #shape(excitation: number): number {
    let forward = excitation;
    for (let i = this.#order - 1; i >= 0; i -= 1) {
      forward -= this.#k[i]! * this.#b[i]!;
      this.#b[i + 1] = this.#b[i]! + this.#k[i]! * forward;
    }
    this.#b[0] = forward;
    return forward;
  }

  #white(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0;
    return (this.#state / 2 ** 31) * this.#amplitude;
  }
}
