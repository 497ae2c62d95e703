import { comfortNoiseLevel } from '../../rtp/index.ts';

/** In -dBov: what is quieter is background, not speech. */
const SILENT_LEVEL = 50;
/** Speech ends softly: so long it is still sent after its last loud frame. */
const HANGOVER_MS = 100;
/** A level that changed by this much is told anew, and any level after this long. */
const LEVEL_STEP = 6;
const REPEAT_MS = 400;

/** What to send of a frame: itself, a description of its noise, or nothing. */
export type Heard = 'sound' | 'noise' | 'nothing';

/** Tells speech from silence, frame by frame, so that comfort noise can stand for the silence (RFC 3389 §4). */
export class SilenceGate {
  /** Of the frame judged last: its level in -dBov, 0 to 127. */
  level = 0;
  #hangover = HANGOVER_MS;
  #told = -1;
  #toldFor = 0;

  judge(pcm: Int16Array, ms: number): Heard {
    this.level = comfortNoiseLevel(pcm);
    if (this.level < SILENT_LEVEL) {
      this.#hangover = HANGOVER_MS;
      this.#told = -1;
      return 'sound';
    }
    if (this.#hangover > 0) {
      this.#hangover -= ms;
      return 'sound';
    }
    this.#toldFor += ms;
    if (this.#told >= 0 && Math.abs(this.level - this.#told) < LEVEL_STEP && this.#toldFor < REPEAT_MS)
      return 'nothing';
    this.#told = this.level;
    this.#toldFor = 0;
    return 'noise';
  }
}
