const TAPS_PER_PHASE = 32;
/** Pass band as a share of the lower Nyquist frequency. */
const PASS = 0.92;
const KAISER_BETA = 7;

/**
 * Changes the sample rate by any ratio of whole numbers (8, 16, 48 kHz, 44.1 kHz files) with a windowed-sinc filter
 * evaluated per phase. Frames of any size; state is kept between them, so that a stream has no seams. Delays by 16
 * samples of the lower rate.
 */
export class Resampler {
  readonly from: number;
  readonly to: number;
  readonly #up: number;
  readonly #down: number;
  readonly #taps: number;
  /** The filter, phase by phase. */
  readonly #phases: Float64Array;
  readonly #history: Float64Array;
  /** Where in the upsampled stream the next output sample lies, relative to the next input sample. */
  #position = 0;

  constructor(from: number, to: number) {
    const divisor = gcd(from, to);
    this.from = from;
    this.to = to;
    this.#up = to / divisor;
    this.#down = from / divisor;
    this.#taps = from <= to ? TAPS_PER_PHASE : Math.ceil((TAPS_PER_PHASE * from) / to);
    this.#phases = filter(this.#up, this.#taps, (PASS * Math.min(from, to)) / from);
    this.#history = new Float64Array(this.#taps);
  }

  /** Most samples that `process` makes of `count`. */
  capacity(count: number): number {
    return Math.ceil((count * this.#up) / this.#down) + 1;
  }

  /** Resamples `input` into the start of `output`; gives the number of samples. */
  process(input: Int16Array, output: Int16Array): number {
    if (this.#up === this.#down) {
      output.set(input);
      return input.length;
    }
    const history = this.#history;
    let made = 0;
    for (let i = 0; i < input.length; i += 1) {
      history.copyWithin(0, 1);
      history[this.#taps - 1] = input[i]!;
      while (this.#position < this.#up) {
        output[made++] = this.#interpolate(this.#position);
        this.#position += this.#down;
      }
      this.#position -= this.#up;
    }
    return made;
  }

  #interpolate(phase: number): number {
    const taps = this.#taps;
    const base = phase * taps;
    let sum = 0;
    for (let t = 0; t < taps; t += 1) sum += this.#history[t]! * this.#phases[base + t]!;
    return sum > 32_767 ? 32_767 : sum < -32_768 ? -32_768 : Math.round(sum);
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Kaiser-windowed sinc for `up` phases; each phase sums to one, so that a constant stays constant. */
function filter(up: number, taps: number, cutoff: number): Float64Array {
  const phases = new Float64Array(up * taps);
  for (let phase = 0; phase < up; phase += 1) {
    let sum = 0;
    for (let t = 0; t < taps; t += 1) {
      const x = t - taps / 2 - phase / up;
      const value = cutoff * sinc(cutoff * x) * kaiser((2 * x) / taps);
      phases[phase * taps + t] = value;
      sum += value;
    }
    for (let t = 0; t < taps; t += 1) phases[phase * taps + t]! /= sum;
  }
  return phases;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** The modified Bessel function of order zero. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
