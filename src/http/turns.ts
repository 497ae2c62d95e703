import { Refused } from './problem.ts';

const mostWaiting = 8;

/** Work that is done one after the other; who finds too many waiting is refused (429). */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= mostWaiting) throw new Refused(429, 'Too many reports at once');
    this.#waiting++;
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }
}
