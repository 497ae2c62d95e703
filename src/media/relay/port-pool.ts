import type { Clock, Timer } from '../../base/index.ts';
import type { DatagramIo, DatagramSocket } from '../../net/index.ts';

/** An even port for RTP and the odd one above it for RTCP (RFC 3550 §11). */
export type PortPair = { readonly rtp: DatagramSocket; readonly rtcp: DatagramSocket };

export type PortPoolOptions = {
  /** The address the ports are bound on. */
  readonly address: string;
  /** The first and last port, both included. */
  readonly ports: readonly [first: number, last: number];
  readonly datagrams: DatagramIo;
  readonly clock: Clock;
};

/** A pair that nobody has, and when it was given back and last heard something. */
type Resting = { readonly pair: PortPair; readonly since: number; heard: number };

const QUIET_MS = 2000;
const LONGEST_MS = 30_000;
const SPARE_MS = 10_000;
const MOST_SPARE = 500;
const SWEEP_MS = 500;
const RECEIVE_BUFFER = 1 << 18;

/**
 * Port pairs on one address. A pair that is given back stays bound until nothing has arrived on it for two
 * seconds (half a minute at most), so that the last packets of one call never end up in the next. It is then spare for ten
 * seconds and the next to be given out, which under load spares the system two sockets a pair; one that hears anything
 * meanwhile, or was never quiet, is closed.
 */
export class PortPool {
  readonly #options: PortPoolOptions;
  readonly #first: number;
  readonly #pairs: number;
  #next = 0;
  #used = 0;
  /** Even ports that are bound. */
  readonly #bound = new Set<number>();
  readonly #closing = new Set<Resting>();
  /** Quiet ones, the one that has been so longest first. */
  readonly #spare = new Set<Resting>();
  #sweep: Timer | undefined;

  constructor(options: PortPoolOptions) {
    this.#options = options;
    const [first, last] = options.ports;
    this.#first = first + (first % 2);
    this.#pairs = Math.max(0, Math.floor((last - this.#first + 1) / 2));
  }

  /** Pairs in use, those not yet quiet included. */
  get used(): number {
    return this.#used;
  }

  get capacity(): number {
    return this.#pairs;
  }

  /** The next free pair, or undefined when there is none. Ports that something else has bound are passed over. */
  allocate(): PortPair | undefined {
    const pair = this.#reuse() ?? this.#fresh();
    if (pair !== undefined) this.#used++;
    return pair;
  }

  #reuse(): PortPair | undefined {
    for (const spare of this.#spare) {
      this.#spare.delete(spare);
      return spare.pair;
    }
    return undefined;
  }

  #fresh(): PortPair | undefined {
    for (let tried = 0; tried < this.#pairs && this.#bound.size < this.#pairs; tried++) {
      const port = this.#first + 2 * this.#next;
      this.#next = (this.#next + 1) % this.#pairs;
      if (this.#bound.has(port)) continue;
      const pair = this.#bind(port);
      if (pair === undefined) continue;
      this.#bound.add(port);
      return pair;
    }
    return undefined;
  }

  #bind(port: number): PortPair | undefined {
    const { address, datagrams } = this.#options;
    let rtp: DatagramSocket | undefined;
    try {
      rtp = datagrams.bind({ address, port, receiveBuffer: RECEIVE_BUFFER });
      return { rtp, rtcp: datagrams.bind({ address, port: port + 1 }) };
    } catch {
      void rtp?.close();
      return undefined;
    }
  }

  release(pair: PortPair): void {
    const now = this.#options.clock.now();
    const resting: Resting = { pair, since: now, heard: now };
    const note = () => this.#hears(resting);
    for (const socket of [pair.rtp, pair.rtcp]) {
      socket.onMessage = note;
      socket.onError = nothing;
    }
    this.#closing.add(resting);
    this.#sweep ??= this.#options.clock.after(SWEEP_MS, () => this.#sweepOnce());
  }

  #hears(resting: Resting): void {
    resting.heard = this.#options.clock.now();
    // Somebody still sends there: whoever came next would get it.
    if (this.#spare.delete(resting)) void this.#free(resting.pair);
  }

  #sweepOnce(): void {
    const now = this.#options.clock.now();
    for (const spare of this.#spare) {
      if (now - spare.heard < QUIET_MS + SPARE_MS) break;
      this.#spare.delete(spare);
      void this.#free(spare.pair);
    }
    for (const closing of this.#closing) this.#judge(closing, now);
    const left = this.#closing.size + this.#spare.size > 0;
    this.#sweep = left ? this.#options.clock.after(SWEEP_MS, () => this.#sweepOnce()) : undefined;
  }

  #judge(closing: Resting, now: number): void {
    const quiet = now - closing.heard >= QUIET_MS;
    if (!quiet && now - closing.since < LONGEST_MS) return;
    this.#closing.delete(closing);
    if (quiet && this.#spare.size < MOST_SPARE) {
      this.#spare.add(closing);
      this.#used--;
    } else void this.#free(closing.pair).then(() => this.#used--);
  }

  async #free(pair: PortPair): Promise<void> {
    await Promise.all([pair.rtp.close(), pair.rtcp.close()]);
    this.#bound.delete(pair.rtp.port);
  }

  /** Closes what nobody has; pairs that were not given back stay with their holders. */
  async close(): Promise<void> {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    const left = [...this.#closing, ...this.#spare];
    this.#used -= this.#closing.size;
    this.#closing.clear();
    this.#spare.clear();
    await Promise.all(left.map(({ pair }) => this.#free(pair)));
  }
}

const nothing = () => undefined;
