import { digitEvent } from './telephone-event.ts';

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const KEYS = ['123A', '456B', '789C', '*0#D'];
/** 102 samples at 8 kHz: short enough for two whole blocks in the 40 ms that ITU-T Q.24 wants heard. */
const BLOCK_SECONDS = 0.012_75;
/** Blocks in a row that begin and that end a digit. */
const BEGIN_BLOCKS = 2;
const END_BLOCKS = 2;
/** The weakest group, as mean square: about -36 dBm0. */
const FAINTEST = 42_000;
/** How much of a block's power the two sines must be; speech spreads its own. */
const PURITY = 0.82;
/** The most that two blocks of one digit differ in power before it has begun. */
const UNSTEADY = 1.6;
/** The strongest of a group over the next strongest: 8 dB. */
const PEAK = 6.3;
/** The high group over the low one, and the reverse: 4 and 8 dB (ITU-T Q.24 table A.1, as most networks). */
const TWIST = 2.5;
const REVERSE_TWIST = 6.3;

export type DtmfListener = {
  /** `event` is the telephone event, 0 to 15. */
  started(event: number): void;
  /** Milliseconds, to a block of 12.75. */
  ended(event: number, duration: number): void;
};

/**
 * Hears DTMF digits in linear samples (ITU-T Q.23, Q.24) with eight Goertzel filters per block of 12.75 ms. Speech does
 * not pass for digits: a block must be two sines and hardly anything else. Allocates nothing per frame.
 */
export class DtmfDetector {
  readonly #listener: DtmfListener;
  readonly #coefficients: Float64Array;
  readonly #one = new Float64Array(8);
  readonly #two = new Float64Array(8);
  readonly #power = new Float64Array(8);
  readonly #block: number;
  #filled = 0;
  #energy = 0;
  /** What the last blocks held (-1 nothing), and for how many of them. */
  #candidate = -1;
  #run = 0;
  #level = 0;
  #pressed = -1;
  #blocks = 0;

  constructor(sampleRate: number, listener: DtmfListener) {
    this.#listener = listener;
    this.#block = Math.round(sampleRate * BLOCK_SECONDS);
    this.#coefficients = Float64Array.from(
      [...ROWS, ...COLUMNS],
      (hz) => 2 * Math.cos((2 * Math.PI * hz) / sampleRate),
    );
  }

  /** Takes the next samples, any number of them. */
  receive(pcm: Int16Array): void {
    let at = 0;
    while (at < pcm.length) {
      const count = Math.min(pcm.length - at, this.#block - this.#filled);
      this.#filter(pcm, at, count);
      at += count;
      this.#filled += count;
      if (this.#filled === this.#block) this.#judge();
    }
  }

  #filter(pcm: Int16Array, from: number, count: number): void {
    const end = from + count;
    for (let f = 0; f < 8; f += 1) {
      const coefficient = this.#coefficients[f]!;
      let one = this.#one[f]!;
      let two = this.#two[f]!;
      for (let i = from; i < end; i += 1) {
        const next = pcm[i]! + coefficient * one - two;
        two = one;
        one = next;
      }
      this.#one[f] = one;
      this.#two[f] = two;
    }
    for (let i = from; i < end; i += 1) this.#energy += pcm[i]! * pcm[i]!;
  }

  #judge(): void {
    const scale = 2 / (this.#block * this.#block);
    for (let f = 0; f < 8; f += 1) {
      const one = this.#one[f]!;
      const two = this.#two[f]!;
      this.#power[f] = scale * (one * one + two * two - this.#coefficients[f]! * one * two);
    }
    const event = this.#decide(this.#energy / this.#block);
    this.#one.fill(0);
    this.#two.fill(0);
    this.#filled = 0;
    this.#count(event, event < 0 ? 0 : this.#energy);
    this.#energy = 0;
  }

  #decide(total: number): number {
    const power = this.#power;
    const row = strongest(power, 0);
    const column = strongest(power, 4);
    const low = power[row]!;
    const high = power[column]!;
    if (low < FAINTEST || high < FAINTEST) return -1;
    if (high > low * TWIST || low > high * REVERSE_TWIST) return -1;
    if (low + high < PURITY * total) return -1;
    if (!standsOut(power, 0, row) || !standsOut(power, 4, column)) return -1;
    return digitEvent(KEYS[row]![column - 4]!);
  }

  #count(event: number, power: number): void {
    // A key holds its level; a glide of the voice that passes through a digit's frequencies does not.
    const steady = power < this.#level * UNSTEADY && power * UNSTEADY > this.#level;
    this.#run = event === this.#candidate && (event < 0 || steady) ? this.#run + 1 : 1;
    this.#candidate = event;
    this.#level = power;
    if (this.#pressed >= 0) {
      this.#blocks += 1;
      if (event === this.#pressed || this.#run < END_BLOCKS) return;
      this.#listener.ended(this.#pressed, (this.#blocks - END_BLOCKS) * BLOCK_SECONDS * 1000);
      this.#pressed = -1;
    }
    if (event < 0 || this.#run < BEGIN_BLOCKS) return;
    this.#pressed = event;
    this.#blocks = this.#run;
    this.#listener.started(event);
  }
}

function strongest(power: Float64Array, from: number): number {
  let best = from;
  for (let f = from + 1; f < from + 4; f += 1) if (power[f]! > power[best]!) best = f;
  return best;
}

function standsOut(power: Float64Array, from: number, best: number): boolean {
  for (let f = from; f < from + 4; f += 1) if (f !== best && power[f]! * PEAK > power[best]!) return false;
  return true;
}
