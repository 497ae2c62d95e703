import type { Clock, Timer } from '../../base/index.ts';
import { Party } from './party.ts';
import type { PortPair } from './port-pool.ts';
import type { Stream } from './stream.ts';

/** Where a call gets its ports. */
export interface Ports {
  allocate(family: 'IP4' | 'IP6'): PortPair | undefined;
  release(pair: PortPair): void;
}

export type CallOptions = { readonly id: string; readonly clock: Clock; readonly ports: Ports };

/** A call-id and its parties. */
export class Call {
  readonly id: string;
  readonly clock: Clock;
  readonly #ports: Ports;
  readonly created: number;
  lastSignal: number;
  parties: readonly Party[] = [];
  readonly #timers = new Set<Timer>();

  constructor(options: CallOptions) {
    this.id = options.id;
    this.clock = options.clock;
    this.#ports = options.ports;
    this.created = this.clock.wall();
    this.lastSignal = this.created;
  }

  byTag(tag: string): Party | undefined {
    return this.parties.find((p) => p.tag === tag);
  }

  byBranch(viaBranch: string): Party | undefined {
    return this.parties.find((p) => p.viaBranch === viaBranch);
  }

  byLabel(label: string): Party | undefined {
    return this.parties.find((p) => p.label === label);
  }

  add(tag: string | undefined, viaBranch: string | undefined): Party {
    const party = new Party(this, tag, viaBranch);
    this.parties = [...this.parties, party];
    return party;
  }

  /** Sees that a stream has ports; false when there are none left. */
  equip(stream: Stream, family: 'IP4' | 'IP6'): boolean {
    if (stream.ports !== undefined) return true;
    const pair = this.#ports.allocate(family);
    if (pair !== undefined) stream.open(pair);
    return pair !== undefined;
  }

  release(ports: PortPair): void {
    this.#ports.release(ports);
  }

  /** Lets two parties talk: each hears the other from the other's first packet on, and until then what it heard. */
  connect(a: Party, b: Party): void {
    a.meet(b);
    b.meet(a);
    for (let i = 0; i < Math.min(a.streams.length, b.streams.length); i++) {
      a.stream(i).feed(b.stream(i), 'dialog');
      b.stream(i).feed(a.stream(i), 'dialog');
    }
  }

  /** Removes a party; the others go on. */
  remove(party: Party): void {
    this.parties = this.parties.filter((p) => p !== party);
    for (const other of this.parties) {
      other.forget(party);
      for (const stream of other.streams)
        for (const route of stream.routes) if (route.sink.party === party) stream.unfeed(route);
    }
    for (const stream of party.streams) stream.close();
  }

  /** Whether anybody is still connected with anybody. */
  get isAlive(): boolean {
    return this.parties.some((p) => p.peers.length > 0 || p.subscriptions.length > 0);
  }

  /** After a change of a party's descriptions. */
  refresh(party: Party): void {
    for (const { routes } of this.parties.flatMap((p) => p.streams))
      for (const route of routes)
        if (route.source.party === party || route.sink.party === party) route.refresh();
  }

  /** Runs `action` after `ms` milliseconds unless the call has ended by then. */
  later(ms: number, action: () => void): void {
    const timer = this.clock.after(ms, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
    for (const party of this.parties) for (const stream of party.streams) stream.close();
    this.parties = [];
  }
}
