import type { Clock, Logger, Random, Timer } from '../../base/index.ts';
import type { DatagramIo } from '../../net/index.ts';
import type { NgDictionary } from '../../ng/index.ts';
import type { SdpAddress } from '../../sdp/index.ts';
import { Clips } from '../links/sounds.ts';
import { Call, type Host } from './call.ts';
import type { Outlet, Performance } from './outlet.ts';
import { PortPool, type PortPair } from './port-pool.ts';
import { Watch } from './watch.ts';

export type RelayOptions = {
  /** The addresses that media ports are bound on; at least one. */
  readonly addresses: { readonly IP4?: string; readonly IP6?: string };
  /** What descriptions say instead of the bound address, for a relay behind a NAT. */
  readonly advertise?: { readonly IP4?: string; readonly IP6?: string };
  readonly ports: readonly [first: number, last: number];
  /** Where recordings are written; without it a recording is refused. */
  readonly recordingDirectory?: string;
  /** How long a party that should send may be silent before that is announced; 20 s where it is left out. */
  readonly mediaTimeoutMs?: number;
  /** What carries the packets. */
  readonly datagrams: DatagramIo;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Announces what happened on a call. */
  readonly notify: (event: NgDictionary) => void;
  /** Told of every call that ended. */
  readonly ended: (callId: string) => void;
};

const FRAME_MS = 20;
const HOUSEKEEPING_MS = 250;
const DEFAULT_MEDIA_TIMEOUT_MS = 20_000;

/** The calls of one thread and their ports. */
export class Relay implements Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly calls = new Map<string, Call>();
  readonly clips = new Clips();
  readonly recordingDirectory: string | undefined;
  readonly #options: RelayOptions;
  readonly #pools = new Map<string, PortPool>();
  readonly #watch: Watch;
  readonly #performing = new Set<Outlet>();
  #frame: Timer | undefined;
  #frameAt = 0;
  #housekeeping: Timer;
  readonly totals = {
    managed: 0,
    ended: 0,
    rejected: 0,
    timeouts: 0,
    durationMs: 0,
    packets: 0,
    bytes: 0,
    errors: 0,
  };

  constructor(options: RelayOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.random = options.random;
    this.logger = options.logger;
    this.recordingDirectory = options.recordingDirectory;
    this.#watch = new Watch(options.mediaTimeoutMs ?? DEFAULT_MEDIA_TIMEOUT_MS);
    for (const address of [options.addresses.IP4, options.addresses.IP6])
      if (address !== undefined) this.#pools.set(address, new PortPool({ ...options, address }));
    this.#housekeeping = this.clock.after(HOUSEKEEPING_MS, () => this.#keepHouse());
  }

  /** The family that can be had: the one asked for, else the other. */
  family(wanted: 'IP4' | 'IP6'): 'IP4' | 'IP6' {
    if (this.#options.addresses[wanted] !== undefined) return wanted;
    return wanted === 'IP4' ? 'IP6' : 'IP4';
  }

  /** What a description says of where this relay is. */
  address(family: 'IP4' | 'IP6'): SdpAddress {
    const { addresses, advertise } = this.#options;
    return { family, address: advertise?.[family] ?? addresses[family] ?? '' };
  }

  allocate(family: 'IP4' | 'IP6'): PortPair | undefined {
    return this.#pools.get(this.#options.addresses[this.family(family)] ?? '')?.allocate();
  }

  release(pair: PortPair): void {
    this.#pools.get(pair.rtp.address)?.release(pair);
  }

  get pools(): { readonly address: string; readonly used: number; readonly capacity: number }[] {
    return [...this.#pools].map(([address, pool]) => ({
      address,
      used: pool.used,
      capacity: pool.capacity,
    }));
  }

  notify(event: NgDictionary): void {
    this.#options.notify(event);
  }

  perform(outlet: Outlet, performance: Performance): void {
    outlet.perform(performance);
    this.#performing.add(outlet);
    if (this.#frame !== undefined) return;
    this.#frameAt = this.clock.now();
    this.#playFrame();
  }

  /** Every 20 ms of real time, however late the last one was. */
  #playFrame(): void {
    const now = this.clock.now();
    for (const outlet of this.#performing) if (!outlet.step(now)) this.#performing.delete(outlet);
    this.#frame = undefined;
    if (this.#performing.size === 0) return;
    this.#frameAt = Math.max(this.#frameAt + FRAME_MS, now);
    this.#frame = this.clock.after(this.#frameAt - now, () => this.#playFrame());
  }

  #keepHouse(): void {
    const now = this.clock.now();
    for (const call of this.calls.values()) {
      call.tick(now);
      if (!this.#watch.look(call)) continue;
      this.totals.timeouts++;
      this.end(call);
    }
    this.#housekeeping = this.clock.after(HOUSEKEEPING_MS, () => this.#keepHouse());
  }

  /** The call of this id, made if there is none. */
  open(id: string): Call {
    const known = this.calls.get(id);
    if (known !== undefined) return known;
    const call = new Call(id, this);
    this.calls.set(id, call);
    this.totals.managed++;
    return call;
  }

  end(call: Call): void {
    if (!this.calls.delete(call.id)) return;
    this.totals.ended++;
    this.totals.durationMs += this.clock.wall() - call.created;
    for (const { received } of call.parties.flatMap((p) => p.streams)) {
      this.totals.packets += received.packets;
      this.totals.bytes += received.bytes;
      this.totals.errors += received.errors;
    }
    call.close();
    this.#options.ended(call.id);
  }

  async close(): Promise<void> {
    this.#housekeeping.cancel();
    this.#frame?.cancel();
    const recordings: Promise<void>[] = [];
    for (const { recording } of this.calls.values())
      if (recording !== undefined) recordings.push(recording.close());
    for (const call of this.calls.values()) this.end(call);
    await Promise.all(recordings);
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }
}
