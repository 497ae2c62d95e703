import type { Clock, Logger, Random } from '../../base/index.ts';
import type { NgDictionary } from '../../ng/index.ts';
import type { SdpAddress } from '../../sdp/index.ts';
import { Call, type Ports } from './call.ts';
import { PortPool, type PortPair } from './port-pool.ts';

export type RelayOptions = {
  /** The addresses that media ports are bound on; at least one. */
  readonly addresses: { readonly IP4?: string; readonly IP6?: string };
  /** What descriptions say instead of the bound address, for a relay behind a NAT. */
  readonly advertise?: { readonly IP4?: string; readonly IP6?: string };
  readonly ports: readonly [first: number, last: number];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where recordings are written; without it a recording is refused. */
  readonly recordingDirectory?: string;
  /** Announces what happened on a call. */
  readonly notify: (event: NgDictionary) => void;
  /** Told of every call that ended. */
  readonly ended: (callId: string) => void;
};

/** The calls of one thread and their ports. */
export class Relay implements Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly started: number;
  readonly calls = new Map<string, Call>();
  readonly #options: RelayOptions;
  readonly #pools = new Map<string, PortPool>();
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
    this.started = options.clock.wall();
    for (const address of [options.addresses.IP4, options.addresses.IP6])
      if (address !== undefined) this.#pools.set(address, new PortPool({ ...options, address }));
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
    return [...this.#pools].map(([address, pool]) => ({ address, used: pool.used, capacity: pool.capacity }));
  }

  /** The call of this id, made if there is none. */
  open(id: string): Call {
    const known = this.calls.get(id);
    if (known !== undefined) return known;
    const call = new Call({ id, clock: this.clock, ports: this });
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
    for (const call of this.calls.values()) this.end(call);
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }
}
