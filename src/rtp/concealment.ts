/** Pitch between 66 and 200 Hz, as ITU-T G.711 Appendix I looks for it. */
const LONGEST_PITCH_MS = 15;
const SHORTEST_PITCH_MS = 5;
const MATCH_MS = 20;
const FULL_MS = 10;
/** A loss fades to silence over the 50 ms after its first 10. */
const FADE_MS = 50;
const CROSSFADE_MS = 4;

/**
 * Fills the holes of lost packets in decoded sound by going on with the last pitch period (in the manner of ITU-T G.711
 * Appendix I): first unchanged, then fading, silent after 60 ms; the first good frame is blended in. Allocates nothing
 * per frame.
 */
export class PacketLossConcealer {
  readonly #perMs: number;
  readonly #history: Int16Array;
  /** Samples concealed in the loss that is going on; 0 in good times. */
  #lost = 0;
  #pitch = 0;
  #phase = 0;

  constructor(sampleRate: number) {
    this.#perMs = sampleRate / 1000;
    this.#history = new Int16Array(Math.round((MATCH_MS + LONGEST_PITCH_MS) * this.#perMs));
  }

  /** Takes a frame that arrived; the first one after a loss is blended in place. */
  good(pcm: Int16Array): void {
    if (this.#lost > 0) this.#blend(pcm);
    this.#remember(pcm);
    this.#lost = 0;
  }

  /** Fills `pcm` with a guess at what was lost. */
  lost(pcm: Int16Array): void {
    if (this.#lost === 0) this.#begin();
    for (let i = 0; i < pcm.length; i += 1) pcm[i] = this.#guess();
  }

  #guess(): number {
    const gain = this.#gain();
    this.#lost += 1;
    if (gain === 0) return 0;
    const sample = this.#history[this.#history.length - this.#pitch + this.#phase]! * gain;
    this.#phase = (this.#phase + 1) % this.#pitch;
    return Math.round(sample);
  }

  #gain(): number {
    const ms = this.#lost / this.#perMs;
    return ms < FULL_MS ? 1 : Math.max(0, 1 - (ms - FULL_MS) / FADE_MS);
  }

  #begin(): void {
    this.#pitch = this.#findPitch();
    this.#phase = 0;
    // Smooth the seam of the loop: its last quarter runs into what came before its first sample.
    const history = this.#history;
    const end = history.length;
    const seam = this.#pitch >> 2;
    for (let i = 0; i < seam; i += 1) {
      const weight = (i + 1) / (seam + 1);
      const at = end - seam + i;
      history[at] = Math.round(history[at]! * (1 - weight) + history[at - this.#pitch]! * weight);
    }
  }

  /** The lag at which the last 20 ms look most like what came before. */
  #findPitch(): number {
    const history = this.#history;
    const end = history.length;
    const window = Math.round(MATCH_MS * this.#perMs);
    // Every other sample at 8 kHz, fewer at higher rates: the lag need not be exact to one sample.
    const stride = Math.max(1, Math.round(this.#perMs / 4));
    const longest = Math.round(LONGEST_PITCH_MS * this.#perMs);
    let best = longest;
    let bestScore = -Infinity;
    for (let lag = Math.round(SHORTEST_PITCH_MS * this.#perMs); lag <= longest; lag += 1) {
      let product = 0;
      let energy = 1;
      for (let i = end - window; i < end; i += stride) {
        const earlier = history[i - lag]!;
        product += history[i]! * earlier;
        energy += earlier * earlier;
      }
      const score = product / Math.sqrt(energy);
      if (score > bestScore) {
        bestScore = score;
        best = lag;
      }
    }
    return best;
  }

  #blend(pcm: Int16Array): void {
    const count = Math.min(pcm.length, Math.round(CROSSFADE_MS * this.#perMs));
    for (let i = 0; i < count; i += 1) {
      const weight = (i + 1) / (count + 1);
      pcm[i] = Math.round(this.#guess() * (1 - weight) + pcm[i]! * weight);
    }
  }

  #remember(pcm: Int16Array): void {
    const history = this.#history;
    if (pcm.length >= history.length) return history.set(pcm.subarray(pcm.length - history.length));
    history.copyWithin(0, pcm.length);
    history.set(pcm, history.length - pcm.length);
  }
}
