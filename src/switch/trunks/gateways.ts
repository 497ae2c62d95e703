import { Emitter, type Clock } from '../../base/index.ts';
import type { Gateway, Trunk } from '../../stores/index.ts';

/** How one gateway of a trunk does. `since` is wall-clock milliseconds. */
export type GatewayState = {
  readonly state: 'unknown' | 'up' | 'resting';
  readonly since: number;
  /** What was last wrong with it. */
  readonly reason?: string;
};

export type GatewayEvents = {
  changed: { readonly trunk: Trunk; readonly gateway: Gateway; readonly now: GatewayState };
};

/** The gateways of a trunk, in the order in which they are tried. */
export const gatewaysOf = (trunk: Trunk): readonly Gateway[] => [
  { host: trunk.host, ...(trunk.port === undefined ? {} : { port: trunk.port }) },
  ...(trunk.more ?? []),
];

/** `host` or `host:port`, as a URI and people write it. */
export const gatewayName = ({ host, port }: Gateway): string => {
  const literal = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return port === undefined ? literal : `${literal}:${port}`;
};

/** `host`, `host:port`, `[2001:db8::1]:5060`, taken apart; brackets go. */
export function readGateway(text: string): Gateway {
  const [, six, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return { host: six ?? plain ?? text, ...(port === undefined ? {} : { port: Number(port) }) };
}

const mark = (trunk: Trunk, gateway: Gateway): string => `${trunk.id} ${gatewayName(gateway)}`;

type Kept = { readonly state: GatewayState; readonly until: number };

/** The longest rest that a gateway may ask for by Retry-After. */
const longestRestMs = 3_600_000;

/** Which gateways take calls: one that has failed rests for a while, and is tried last meanwhile. */
export class Gateways {
  readonly events = new Emitter<GatewayEvents>();
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  state(trunk: Trunk, gateway: Gateway): GatewayState {
    const kept = this.#kept.get(mark(trunk, gateway));
    if (kept === undefined) return { state: 'unknown', since: 0 };
    if (kept.state.state === 'resting' && this.#clock.now() >= kept.until)
      return { ...kept.state, state: 'unknown' };
    return kept.state;
  }

  rests(trunk: Trunk, gateway: Gateway): boolean {
    return this.state(trunk, gateway).state === 'resting';
  }

  /** It has answered. */
  answered(trunk: Trunk, gateway: Gateway): void {
    if (this.#kept.get(mark(trunk, gateway))?.state.state === 'up') return;
    this.#put(trunk, gateway, { state: { state: 'up', since: this.#clock.wall() }, until: 0 });
  }

  /** It cannot take calls; for `seconds`, or what the trunk says. */
  failed(trunk: Trunk, gateway: Gateway, reason: string, seconds: number): void {
    const until = this.#clock.now() + Math.min(longestRestMs, seconds * 1000);
    const before = this.state(trunk, gateway);
    const since = before.state === 'resting' ? before.since : this.#clock.wall();
    this.#put(trunk, gateway, { state: { state: 'resting', since, reason }, until });
  }

  /** Forgets the gateways of a trunk, which is gone or another one now. */
  forget(trunkId: string): void {
    for (const key of this.#kept.keys()) if (key.startsWith(`${trunkId} `)) this.#kept.delete(key);
  }

  #put(trunk: Trunk, gateway: Gateway, kept: Kept): void {
    const before = this.state(trunk, gateway).state;
    this.#kept.set(mark(trunk, gateway), kept);
    if (before !== kept.state.state) this.events.emit('changed', { trunk, gateway, now: kept.state });
  }
}
