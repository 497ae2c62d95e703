import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { ownText, type Clock, type Random } from '../../base/index.ts';

export type NonceOptions = {
  readonly clock: Clock;
  readonly random: Random;
  /** Hex; nodes that share it accept each other's nonces. */
  readonly secret: string;
  readonly lifetimeMs: number;
  /** Used nonces that are remembered. */
  readonly maxUsed: number;
};

/** `forged`: not made here. `stale`: made here and expired, or so old that its use is no longer known. */
export type NonceState = 'fresh' | 'stale' | 'forged';

/** Counts seen of one nonce: the highest, and which of the 32 below it. */
type Used = { readonly issued: number; highest: number; below: number };

const window = 32;

/**
 * Nonces that carry their own proof (time, random part, HMAC), so that a challenge costs no memory. Only what an
 * authenticated phone has used is remembered, within a limit; nonces older than the oldest that had to be forgotten
 * are stale, so that forgetting never allows a replay (RFC 7616 §5.12).
 */
export class Nonces {
  readonly #options: NonceOptions;
  /** Made once: a key given as a buffer costs ten times the HMAC itself. */
  readonly #key: KeyObject;
  readonly #used = new Map<string, Used>();
  #forgottenUpTo = -1;

  constructor(options: NonceOptions) {
    this.#options = options;
    this.#key = createSecretKey(options.secret, 'hex');
  }

  get remembered(): number {
    return this.#used.size;
  }

  issue(realm: string): string {
    const { clock, random } = this.#options;
    const body = `${clock.wall().toString(36)}-${random.hex(8)}`;
    return `${body}-${this.#sign(body, realm)}`;
  }

  check(nonce: string, realm: string): NonceState {
    const cut = nonce.lastIndexOf('-');
    const body = nonce.slice(0, Math.max(0, cut));
    const expected = Buffer.from(this.#sign(body, realm));
    const actual = Buffer.from(nonce.slice(cut + 1));
    if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) return 'forged';
    const issued = issuedAt(nonce);
    if (issued + this.#options.lifetimeMs < this.#options.clock.wall()) return 'stale';
    return issued <= this.#forgottenUpTo && !this.#used.has(nonce) ? 'stale' : 'fresh';
  }

  /**
   * Takes one count of a fresh nonce; false when it was taken before. Counts may arrive slightly out of order.
   * Without a count (a phone that knows no qop) a nonce is good for one request.
   */
  take(nonce: string, count: number | undefined): boolean {
    const used = this.#used.get(nonce);
    if (count === undefined) {
      if (used !== undefined) return false;
      this.#remember(nonce, Number.MAX_SAFE_INTEGER);
      return true;
    }
    if (used === undefined) {
      this.#remember(nonce, count);
      return true;
    }
    if (count > used.highest) {
      const shift = count - used.highest;
      used.below = shift >= window ? 0 : ((used.below << shift) | (1 << (shift - 1))) >>> 0;
      used.highest = count;
      return true;
    }
    const behind = used.highest - count - 1;
    if (behind < 0 || behind >= window || (used.below & (1 << behind)) !== 0) return false;
    used.below = (used.below | (1 << behind)) >>> 0;
    return true;
  }

  #sign(body: string, realm: string): string {
    return createHmac('sha256', this.#key).update(`${body}\n${realm}`).digest('hex').slice(0, 32);
  }

  #remember(nonce: string, count: number): void {
    const { clock, lifetimeMs, maxUsed } = this.#options;
    const dead = clock.wall() - lifetimeMs;
    for (const [old, { issued }] of this.#used) {
      if (issued >= dead && this.#used.size < maxUsed) break;
      this.#used.delete(old);
      this.#forgottenUpTo = Math.max(this.#forgottenUpTo, issued);
    }
    this.#used.set(ownText(nonce), { issued: issuedAt(nonce), highest: count, below: 0 });
  }
}

function issuedAt(nonce: string): number {
  return Number.parseInt(nonce.slice(0, nonce.indexOf('-')), 36);
}
