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

type Closing = { readonly pair: PortPair; readonly since: number; heard: number };

const QUIET_MS = 2000;
const LONGEST_MS = 30_000;
const SWEEP_MS = 500;
const RECEIVE_BUFFER = 1 << 18;

/**
 * Port pairs on one address. A pair that is given back stays bound until nothing has arrived on it for two
 * seconds (half a minute at most), so that the last packets of one call never end up in the next.
 */
export class PortPool {
  readonly #options: PortPoolOptions;
  readonly #first: number;
  readonly #pairs: number;
  #next = 0;
  #used = 0;
  readonly #inUse = new Set<number>();
  readonly #closing = new Set<Closing>();
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
    for (let tried = 0; tried < this.#pairs && this.#inUse.size < this.#pairs; tried++) {
      const port = this.#first + 2 * this.#next;
      this.#next = (this.#next + 1) % this.#pairs;
      if (this.#inUse.has(port)) continue;
      const pair = this.#bind(port);
      if (pair === undefined) continue;
      this.#inUse.add(port);
      this.#used++;
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
    const closing: Closing = { pair, since: now, heard: now };
    const note = () => (closing.heard = this.#options.clock.now());
    pair.rtp.onMessage = note;
    pair.rtcp.onMessage = note;
    this.#closing.add(closing);
    this.#sweep ??= this.#options.clock.after(SWEEP_MS, () => this.#sweepOnce());
  }

  #sweepOnce(): void {
    const now = this.#options.clock.now();
    for (const closing of this.#closing) {
      if (now - closing.heard < QUIET_MS && now - closing.since < LONGEST_MS) continue;
      this.#closing.delete(closing);
      void this.#free(closing.pair);
    }
    this.#sweep =
      this.#closing.size === 0 ? undefined : this.#options.clock.after(SWEEP_MS, () => this.#sweepOnce());
  }

  async #free(pair: PortPair): Promise<void> {
    const { port } = pair.rtp;
    await Promise.all([pair.rtp.close(), pair.rtcp.close()]);
    if (this.#inUse.delete(port)) this.#used--;
  }

  /** Closes what is still waiting for quiet; pairs that were not given back stay with their holders. */
  async close(): Promise<void> {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    const left = [...this.#closing];
    this.#closing.clear();
    await Promise.all(left.map((closing) => this.#free(closing.pair)));
  }
}
