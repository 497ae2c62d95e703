/** A stretch of a tone: sines of these frequencies at once, none for silence. */
export type ToneSegment = {
  readonly frequencies: readonly number[];
  /** Milliseconds; undefined goes on for ever. */
  readonly duration: number | undefined;
};

/** A tone with its rhythm: `once` is played first, then `repeat` over and over; a tone whose `repeat` is empty ends. */
export type Tone = { readonly once: readonly ToneSegment[]; readonly repeat: readonly ToneSegment[] };

const MOST_SEGMENTS = 32;
const MOST_FREQUENCIES = 4;
const LONGEST_SEGMENT = 60_000;

/**
 * Reads a tone as the tone plans write it: stretches of `frequency+frequency/milliseconds` with blanks between,
 * frequency 0 for silence, no milliseconds for ever, `!` before those that are played only once, at the start.
 * `440+480/2000 0/4000` is American ringback, `!1400/100` one short beep. Undefined if it cannot be read.
 */
export function parseTone(text: string): Tone | undefined {
  const once: ToneSegment[] = [];
  const repeat: ToneSegment[] = [];
  const words = text.trim().split(/\s+/);
  if (words.length > MOST_SEGMENTS) return undefined;
  for (const word of words) {
    const segment = parseSegment(word.replace(/^!/, ''));
    const single = word.startsWith('!');
    if (segment === undefined || (single && repeat.length > 0)) return undefined;
    (single ? once : repeat).push(segment);
  }
  return { once, repeat };
}

function parseSegment(word: string): ToneSegment | undefined {
  const match = /^(\d{1,5}(?:\+\d{1,5})*)(?:\/(\d{1,6}))?$/.exec(word);
  if (match === null) return undefined;
  const frequencies = (match[1] ?? '')
    .split('+')
    .map(Number)
    .filter((hz) => hz > 0);
  const duration = match[2] === undefined ? undefined : Number(match[2]);
  if (frequencies.length > MOST_FREQUENCIES || frequencies.some((hz) => hz > 4000)) return undefined;
  if (duration !== undefined && (duration === 0 || duration > LONGEST_SEGMENT)) return undefined;
  return { frequencies, duration };
}

/** Peak of a 0 dBm0 sine: 3.14 dB below full scale (ITU-T G.711 §4, µ-law; 3.17 dB). */
const PEAK_0_DBM0 = 32_767 * 10 ** (-3.17 / 20);
const RAMP_MS = 3;

/** Plays a tone into frames of linear samples; every stretch fades in and out over 3 ms so that nothing clicks. */
export class ToneGenerator {
  readonly #tone: Tone;
  readonly #sampleRate: number;
  readonly #peak: number;
  #segment: ToneSegment | undefined;
  #index = 0;
  /** Samples of the segment, Infinity if it has no end, and how many of them are played. */
  #length = 0;
  #played = 0;

  /** `level` is the power of each frequency in dBm0. */
  constructor(tone: Tone, sampleRate: number, level = -13) {
    this.#tone = tone;
    this.#sampleRate = sampleRate;
    this.#peak = PEAK_0_DBM0 * 10 ** (level / 20);
    this.#enter(0);
  }

  get done(): boolean {
    return this.#segment === undefined;
  }

  /** Fills `pcm`, with silence after the end; false when nothing of it was tone any more. */
  next(pcm: Int16Array): boolean {
    let at = 0;
    while (at < pcm.length && this.#segment !== undefined) {
      const count = Math.min(pcm.length - at, this.#length - this.#played);
      this.#render(pcm, at, count);
      at += count;
      this.#played += count;
      if (this.#played >= this.#length) this.#enter(this.#index + 1);
    }
    pcm.fill(0, at);
    return at > 0;
  }

  #enter(index: number): void {
    const { once, repeat } = this.#tone;
    const wrapped = index < once.length + repeat.length || repeat.length === 0 ? index : once.length;
    const segment = wrapped < once.length ? once[wrapped] : repeat[wrapped - once.length];
    this.#index = wrapped;
    this.#segment = segment;
    this.#played = 0;
    this.#length =
      segment?.duration === undefined ? Infinity : Math.round((segment.duration * this.#sampleRate) / 1000);
  }

  #render(pcm: Int16Array, at: number, count: number): void {
    pcm.fill(0, at, at + count);
    const ramp = (RAMP_MS * this.#sampleRate) / 1000;
    for (const frequency of this.#segment?.frequencies ?? []) {
      const step = (2 * Math.PI * frequency) / this.#sampleRate;
      for (let i = 0; i < count; i += 1) {
        const n = this.#played + i;
        const fade = Math.min(1, (n + 1) / ramp, (this.#length - n) / ramp);
        pcm[at + i]! += Math.round(this.#peak * fade * Math.sin(step * n));
      }
    }
  }
}

/** What every country's plan has; `config/tones` holds one JSON file a country. */
export const TONE_NAMES = Object.freeze([
  'dial',
  'messages',
  'ringback',
  'busy',
  'congestion',
  'waiting',
  'confirm',
  'error',
  'record',
  'rescue',
] as const);
export type ToneName = (typeof TONE_NAMES)[number];

export type TonePlan = {
  readonly country: string;
  /** dBm0 of each frequency. */
  readonly level: number;
  readonly tones: Readonly<Record<ToneName, Tone>>;
};

/** Reads a tone plan from parsed JSON; a string says what is wrong with it. */
export function parseTonePlan(json: unknown): TonePlan | string {
  if (typeof json !== 'object' || json === null) return 'a tone plan is an object';
  const { country, level = -13, tones } = json as Record<string, unknown>;
  if (typeof country !== 'string') return 'country is missing';
  if (typeof level !== 'number' || !(level <= 0 && level >= -60)) return 'level is 0 to -60 dBm0';
  if (typeof tones !== 'object' || tones === null) return 'tones is missing';
  const read = parseTones(tones as Record<string, unknown>);
  return typeof read === 'string' ? read : { country, level, tones: read };
}

function parseTones(tones: Readonly<Record<string, unknown>>): TonePlan['tones'] | string {
  const found: Partial<Record<ToneName, Tone>> = {};
  for (const name of TONE_NAMES) {
    const text = tones[name];
    const tone = typeof text === 'string' ? parseTone(text) : undefined;
    if (tone === undefined) return `tones.${name} is no tone`;
    found[name] = tone;
  }
  return found as Record<ToneName, Tone>;
}
