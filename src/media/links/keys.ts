import type { Sound } from './player.ts';
import { toneSound } from './sounds.ts';

const LOW = [697, 770, 852, 941];
const HIGH = [1209, 1336, 1477, 1633];
const KEYPAD = '123A456B789C*0#D';
const EVENTS = '0123456789*#ABCD';
const TONE_RATE = 8000;

/** So long a key sounds at least (ITU-T Q.24 wants 40 ms heard), and at most, whatever became of its end. */
const SHORTEST_MS = 60;
const LONGEST_MS = 10_000;

/** The two tones of a telephone event as a tone plan writes them; undefined for what is no key. */
export function keyTones(event: number): string | undefined {
  const key = KEYPAD.indexOf(EVENTS[event] ?? 'none');
  return key < 0 ? undefined : `${LOW[key >> 2]!}+${HIGH[key & 3]!}`;
}

/** The sound of a key for as long as it is held. */
export class KeySound implements Sound {
  readonly sampleRate = TONE_RATE;
  readonly #tones: Sound;
  #released = false;
  #playedMs = 0;

  constructor(tones: string) {
    this.#tones = toneSound(`!${tones}/${LONGEST_MS}`, TONE_RATE)!.sound;
  }

  release(): void {
    this.#released = true;
  }

  next(pcm: Int16Array): boolean {
    if (this.#released && this.#playedMs >= SHORTEST_MS) return false;
    this.#playedMs += (pcm.length * 1000) / TONE_RATE;
    return this.#tones.next(pcm);
  }
}
