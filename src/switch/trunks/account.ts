import type { Random } from '../../base/index.ts';
import type { Challenge, Headers, Route } from '../call/signaling.ts';
import { digestAnswer, isStale } from './digest-client.ts';

/** A wrong password is not tried for ever: a first answer, and one more for a nonce that was stale. */
const mostAnswers = 2;

type Asked = { readonly method: string; readonly uri: string; readonly body: string };

/**
 * Our account at a carrier, during one request or one dialog: it answers challenges, and sends what was once accepted along
 * with later requests (RFC 3261 §22.3), since a BYE that is challenged would leave the carrier's call standing.
 */
export class Account {
  readonly #login: NonNullable<Route['auth']>;
  readonly #random: Random;
  #last: Challenge | undefined;
  #uses = 0;
  #answers = 0;

  constructor(login: NonNullable<Route['auth']>, random: Random) {
    this.#login = login;
    this.#random = random;
  }

  /** The header that answers a challenge; undefined when there is no use in it. */
  answer(challenge: Challenge, asked: Asked): Headers | undefined {
    if (this.#answers >= mostAnswers || (this.#answers > 0 && !isStale(challenge))) return undefined;
    this.#answers++;
    this.#last = challenge;
    this.#uses = 0;
    return this.#header(asked);
  }

  /** The header that saves the next request a challenge; nothing when there has been none. */
  ahead(asked: Asked): Headers {
    // A new request may be challenged anew, whatever became of the one before.
    this.#answers = 0;
    return this.#header(asked) ?? {};
  }

  #header(asked: Asked): Headers | undefined {
    if (this.#last === undefined) return undefined;
    this.#uses++;
    const once = { cnonce: this.#random.hex(16), count: this.#uses };
    return digestAnswer(this.#last, this.#login, { ...asked, ...once });
  }
}
