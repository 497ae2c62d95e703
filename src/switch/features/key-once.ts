import type { Clock } from '../../base/index.ts';
import type { Key } from './keys.ts';

/** How a digit was sent. */
export type Way = 'media' | 'info';

/** How far apart the two reports of one digit may be, beyond its own length. */
const sameDigitMs = 500;

/** The keys of one phone, where some phones send each in two ways at once. */
export class KeyOnce {
  readonly #clock: Clock;
  #last: { readonly digit: string; readonly way: Way; readonly until: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False for the second report of one digit. */
  isNew({ digit, durationMs }: Key, way: Way): boolean {
    const now = this.#clock.now();
    const last = this.#last;
    const again = last?.digit === digit && last.way !== way && now <= last.until;
    this.#last = again ? undefined : { digit, way, until: now + durationMs + sameDigitMs };
    return !again;
  }
}
