/*
 * G.722 at 64 kbit/s (ITU-T G.722 §3 to §6): 16 kHz in, split by a QMF into two bands of 8 kHz, six bits of ADPCM for
 * the lower and two for the upper. Names of the steps and tables are the recommendation's.
 */
const QMF = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
const Q6 = [
  0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
  1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
const ILN = [
  0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
  6, 5, 4,
];
const ILP = [
  0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
  35, 34, 33, 32,
];
const WL = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42 = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB = [
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960,
  3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const QM4 = [
  0, -20_456, -12_896, -8968, -6288, -4240, -2584, -1200, 20_456, 12_896, 8968, 6288, 4240, 2584, 1200, 0,
];
const QM2 = [-7408, -1616, 7408, 1616];
const QM6 = [
  -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
  -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032,
  -1688, -1360, -1040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9360,
  8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728,
  432, 136, -432, -136,
];
const WH = [0, -214, 798];
const RH2 = [2, 1, 2, 1];
const TAPS = 24;

function saturate(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value;
}

/** One band's adaptive predictor and quantizer scale. */
class Band {
  /** Signal estimate. */
  s = 0;
  det: number;
  #sz = 0;
  #nb = 0;
  readonly #r = new Int32Array(3);
  readonly #p = new Int32Array(3);
  readonly #a = new Int32Array(3);
  readonly #d = new Int32Array(7);
  readonly #b = new Int32Array(7);

  constructor(det: number) {
    this.det = det;
  }

  /** LOGSCL, SCALEL and their counterparts of the upper band. */
  scale(step: number, limit: number, shift: number): void {
    this.#nb = Math.max(0, Math.min(limit, ((this.#nb * 127) >> 7) + step));
    const mantissa = ILB[(this.#nb >> 6) & 31]!;
    const exponent = shift - (this.#nb >> 11);
    this.det = (exponent < 0 ? mantissa << -exponent : mantissa >> exponent) << 2;
  }

  /** Block 4: takes the quantized difference and makes the next estimate. */
  adapt(difference: number): void {
    const [r, p, d] = [this.#r, this.#p, this.#d];
    d[0] = difference;
    r[0] = saturate(this.s + difference);
    p[0] = saturate(this.#sz + difference);
    this.#adaptPoles();
    this.#adaptZeros(difference);
    d.copyWithin(1, 0, 6);
    r.copyWithin(1, 0, 2);
    p.copyWithin(1, 0, 2);
    this.#predict();
  }

  /** UPPOL2, UPPOL1 */
  #adaptPoles(): void {
    const [a, p] = [this.#a, this.#p];
    const sign = p[0]! >> 31;
    const asLast = sign === p[1]! >> 31;
    const pole = saturate(a[1]! << 2);
    const turned = Math.min(32_767, asLast ? -pole : pole);
    let second = (sign === p[2]! >> 31 ? 128 : -128) + (turned >> 7) + ((a[2]! * 32_512) >> 15);
    second = Math.max(-12_288, Math.min(12_288, second));
    const bound = saturate(15_360 - second);
    const first = saturate((asLast ? 192 : -192) + ((a[1]! * 32_640) >> 15));
    a[1] = Math.max(-bound, Math.min(bound, first));
    a[2] = second;
  }

  /** UPZERO */
  #adaptZeros(difference: number): void {
    const [b, d] = [this.#b, this.#d];
    const step = difference === 0 ? 0 : 128;
    const sign = difference >> 31;
    for (let i = 1; i < 7; i += 1) {
      b[i] = saturate((d[i]! >> 31 === sign ? step : -step) + ((b[i]! * 32_640) >> 15));
    }
  }

  /** FILTEP, FILTEZ, PREDIC */
  #predict(): void {
    const [a, b, r, d] = [this.#a, this.#b, this.#r, this.#d];
    const poles = saturate(((a[1]! * saturate(2 * r[1]!)) >> 15) + ((a[2]! * saturate(2 * r[2]!)) >> 15));
    let zeros = 0;
    for (let i = 6; i > 0; i -= 1) zeros += (b[i]! * saturate(2 * d[i]!)) >> 15;
    this.#sz = saturate(zeros);
    this.s = saturate(poles + this.#sz);
  }

  adaptLower(code: number): void {
    const difference = (this.det * QM4[code]!) >> 15;
    this.scale(WL[RL42[code]!]!, 18_432, 8);
    this.adapt(difference);
  }

  adaptUpper(code: number): number {
    const difference = (this.det * QM2[code]!) >> 15;
    this.scale(WH[RH2[code]!]!, 22_528, 10);
    this.adapt(difference);
    return difference;
  }
}

/** 16 kHz linear to G.722, two samples an octet. */
export class G722Encoder {
  readonly #low = new Band(32);
  readonly #high = new Band(8);
  readonly #x = new Int32Array(TAPS);

  /** Encodes pairs of `pcm`; gives the number of octets. */
  encode(pcm: Int16Array, bytes: Uint8Array): number {
    const x = this.#x;
    const count = Math.min(pcm.length >> 1, bytes.length);
    for (let n = 0; n < count; n += 1) {
      x.copyWithin(0, 2);
      x[TAPS - 2] = pcm[2 * n]!;
      x[TAPS - 1] = pcm[2 * n + 1]!;
      let odd = 0;
      let even = 0;
      for (let i = 0; i < TAPS / 2; i += 1) {
        odd += x[2 * i]! * QMF[i]!;
        even += x[2 * i + 1]! * QMF[TAPS / 2 - 1 - i]!;
      }
      const lower = this.#quantizeLower((even + odd) >> 14);
      const upper = this.#quantizeUpper((even - odd) >> 14);
      bytes[n] = (upper << 6) | lower;
    }
    return count;
  }

  #quantizeLower(sample: number): number {
    const error = saturate(sample - this.#low.s);
    const magnitude = error >= 0 ? error : -(error + 1);
    let i = 1;
    while (i < 30 && magnitude >= (Q6[i]! * this.#low.det) >> 12) i += 1;
    const code = error < 0 ? ILN[i]! : ILP[i]!;
    this.#low.adaptLower(code >> 2);
    return code;
  }

  #quantizeUpper(sample: number): number {
    const error = saturate(sample - this.#high.s);
    const magnitude = error >= 0 ? error : -(error + 1);
    const large = magnitude >= (564 * this.#high.det) >> 12;
    const code = error < 0 ? (large ? 0 : 1) : large ? 2 : 3;
    this.#high.adaptUpper(code);
    return code;
  }
}

/** G.722 to 16 kHz linear. */
export class G722Decoder {
  readonly #low = new Band(32);
  readonly #high = new Band(8);
  readonly #x = new Int32Array(TAPS);

  /** Decodes into the start of `pcm`, two samples an octet; gives the number of samples. */
  decode(bytes: Uint8Array, pcm: Int16Array): number {
    const x = this.#x;
    const count = Math.min(bytes.length, pcm.length >> 1);
    for (let n = 0; n < count; n += 1) {
      const low = this.#lower(bytes[n]! & 0x3f);
      const estimate = this.#high.s;
      const high = limit(estimate + this.#high.adaptUpper(bytes[n]! >> 6));
      x.copyWithin(0, 2);
      x[TAPS - 2] = low + high;
      x[TAPS - 1] = low - high;
      let first = 0;
      let second = 0;
      for (let i = 0; i < TAPS / 2; i += 1) {
        second += x[2 * i]! * QMF[i]!;
        first += x[2 * i + 1]! * QMF[TAPS / 2 - 1 - i]!;
      }
      pcm[2 * n] = saturate(first >> 11);
      pcm[2 * n + 1] = saturate(second >> 11);
    }
    return count * 2;
  }

  #lower(code: number): number {
    const sample = limit(this.#low.s + ((this.#low.det * QM6[code]!) >> 15));
    this.#low.adaptLower(code >> 2);
    return sample;
  }
}

function limit(value: number): number {
  return value > 16_383 ? 16_383 : value < -16_384 ? -16_384 : value;
}
