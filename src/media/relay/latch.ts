/** Where packets come from or go to. */
export type Endpoint = { readonly address: string; readonly port: number };

/** How well a source fits what was signalled: the same endpoint, the same address, neither. */
const EXACT = 3;
const SAME_ADDRESS = 2;
const ANY = 1;
const NONE = 0;

const LEARNING_MS = 3000;

const unspecified = (address: string) => address === '0.0.0.0' || address === '::';

/**
 * Symmetric RTP (RFC 4961): takes the first source that fits as the far end, and from then on no other. A NAT
 * makes the source differ from what was signalled, so any source may come first; but within the first three
 * seconds one that fits better takes its place, so that a stranger who was quicker does not keep the stream.
 */
export class Latch {
  /** Where packets are sent; undefined while nothing is known. */
  address: string | undefined;
  port = 0;
  #advertised: Endpoint | undefined;
  #rank = NONE;
  #since = 0;
  /** Packets turned away because they came from elsewhere. */
  refused = 0;
  /** Whether a source is taken before anything was signalled; what is signalled then begins anew. */
  early = false;

  get latched(): boolean {
    return this.#rank !== NONE;
  }

  get advertised(): Endpoint | undefined {
    return this.#advertised;
  }

  /** Takes what the other side signalled. A changed endpoint starts the learning anew; an unspecified one is a hold. */
  advertise(endpoint: Endpoint): void {
    const before = this.#advertised;
    if (before?.address === endpoint.address && before.port === endpoint.port) return;
    if (unspecified(endpoint.address) && before !== undefined) return;
    this.#advertised = endpoint;
    this.#rank = NONE;
    this.address = unspecified(endpoint.address) ? undefined : endpoint.address;
    this.port = endpoint.port;
  }

  /** Whether a packet from this source belongs to the stream. None does before an endpoint was signalled, but `early`. */
  accepts(address: string, port: number, now: number): boolean {
    if (this.#rank !== NONE && port === this.port && address === this.address) return true;
    return this.#consider(address, port, now);
  }

  get #earlyRank(): number {
    return this.early ? ANY : NONE;
  }

  #consider(address: string, port: number, now: number): boolean {
    const wanted = this.#advertised;
    const rank = wanted === undefined ? this.#earlyRank : rankOf(wanted, address, port);
    const learning = this.#rank === NONE || now - this.#since < LEARNING_MS;
    if (!learning || rank <= this.#rank) {
      this.refused++;
      return false;
    }
    if (this.#rank === NONE) this.#since = now;
    this.#rank = rank;
    this.address = address;
    this.port = port;
    return true;
  }
}

function rankOf(wanted: Endpoint, address: string, port: number): number {
  if (wanted.address !== address) return ANY;
  return wanted.port === port ? EXACT : SAME_ADDRESS;
}
