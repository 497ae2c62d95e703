import { Emitter, type Random } from '../base/index.ts';
import type {
  Binding,
  BindingStore,
  ColdRoute,
  ColdRouteStore,
  DirectoryStore,
  RoutingEvents,
  RoutingStore,
} from '../stores/index.ts';
import type { Asker, CallEvents, CallView, FlipView, TrunkEvents, TrunkState } from '../switch/index.ts';
import type { Spike } from '../switch/reports/index.ts';
import { bindingFor, callFor, flipFor } from './views.ts';

/** What has happened, as the event stream tells it. */
export type LoggedEvent = {
  readonly number: number;
  readonly domain: string;
  readonly name: string;
  /** The users it concerns; administrators see everything. */
  readonly users: ReadonlySet<string>;
  /** What is said of it depends on who asks. */
  readonly data: (asker: Asker) => object;
};

export type EventLogParts = {
  readonly calls: Emitter<CallEvents>;
  readonly bindings: BindingStore;
  readonly coldRoutes: ColdRouteStore;
  readonly routing?: RoutingStore;
  readonly directory: DirectoryStore;
  readonly trunks?: Emitter<TrunkEvents>;
  readonly spikes?: Emitter<{ spike: Spike }>;
  readonly domain: string;
  readonly random: Random;
  /** Events kept for streams that come back. */
  readonly kept?: number;
};

export const concerns = (event: LoggedEvent, asker: Asker): boolean =>
  event.domain === asker.domain &&
  (asker.admin || (asker.userId !== undefined && event.users.has(asker.userId)));

/**
 * All that the event stream tells, in order, the latest kept for who was away for a moment. While nobody is there who
 * could come back nothing is kept: the views of all calls of a busy switch are much to remember for nobody.
 */
export class EventLog {
  readonly events = new Emitter<{ logged: LoggedEvent }>();
  readonly #parts: EventLogParts;
  /** Sets the events of this start apart from those of an earlier one. */
  readonly #epoch: string;
  readonly #kept: LoggedEvent[] = [];
  readonly #most: number;
  /** Who has been told of a live call. */
  readonly #audience = new Map<string, readonly string[]>();
  readonly #off: readonly (() => void)[];
  #last = 0;
  #keeps = false;

  constructor(parts: EventLogParts) {
    this.#parts = parts;
    this.#epoch = parts.random.hex(4);
    this.#most = parts.kept ?? 4096;
    const { calls, bindings, coldRoutes, routing } = parts;
    const updated = (view: CallView) => this.#call('call.updated', view);
    this.#off = [
      calls.on('started', (view) => this.#call('call.created', view)),
      calls.on('ringing', updated),
      calls.on('answered', updated),
      calls.on('changed', updated),
      calls.on('flip', ({ call, flip }) => this.#flip(call, flip)),
      calls.on('ended', (view) => this.#ended(view)),
      bindings.events.on('added', (binding) => this.#binding('binding.added', binding, {})),
      bindings.events.on('removed', ({ binding, reason }) =>
        this.#binding('binding.removed', binding, { reason }),
      ),
      coldRoutes.events.on('changed', ({ userId, route }) => this.#coldRoute(userId, route)),
      routing?.events.on('changed', (change) => this.#routing(change)) ?? (() => undefined),
      parts.trunks?.on('changed', (state) => this.#trunk(state)) ?? (() => undefined),
      parts.spikes?.on('spike', (spike) => this.#spike(spike)) ?? (() => undefined),
    ];
  }

  close(): void {
    for (const off of this.#off) off();
  }

  /** From here on events are kept, or the kept ones are forgotten and no more are. */
  keep(wanted: boolean): void {
    this.#keeps = wanted;
    if (!wanted) this.#kept.length = 0;
  }

  idOf(event: LoggedEvent): string {
    return `${this.#epoch}-${event.number}`;
  }

  /** What came after the event of that id; `undefined` when it cannot be told: too long ago, or another start. */
  since(id: string): readonly LoggedEvent[] | undefined {
    const [, epoch, digits] = /^([0-9a-f]+)-(\d{1,15})$/.exec(id) ?? [];
    const number = Number(digits);
    if (epoch !== this.#epoch || number > this.#last) return undefined;
    const first = this.#kept[0]?.number ?? this.#last + 1;
    return number < first - 1 ? undefined : this.#kept.slice(number - first + 1);
  }

  #log(event: Omit<LoggedEvent, 'number'>): void {
    const logged = { number: ++this.#last, ...event };
    if (!this.#keeps) return;
    this.#kept.push(logged);
    if (this.#kept.length > this.#most) this.#kept.shift();
    this.events.emit('logged', logged);
  }

  #call(name: string, view: CallView): void {
    const { directory } = this.#parts;
    const before = this.#audience.get(view.id);
    this.#audience.set(view.id, view.users);
    const users = new Set(view.users);
    this.#log({ name, domain: view.domain, users, data: (asker) => callFor(directory, view, asker) });
    const left = new Set(before?.filter((user) => !users.has(user)));
    if (left.size > 0)
      this.#log({ name: 'call.left', domain: view.domain, users: left, data: () => ({ id: view.id }) });
  }

  #ended(view: CallView): void {
    const { directory } = this.#parts;
    const users = new Set([...(this.#audience.get(view.id) ?? []), ...view.users]);
    this.#audience.delete(view.id);
    this.#log({
      name: 'call.ended',
      domain: view.domain,
      users,
      data: (asker) => callFor(directory, view, asker),
    });
  }

  /** The side that is moved is told, and nobody else: the far party is to notice nothing. */
  #flip(call: CallView, flip: FlipView): void {
    const cancelled = flip.result === 'failed' && flip.reason === 'Cancelled';
    const side = call.legs.filter((leg) => leg.party === flip.party).map((leg) => leg.userId);
    this.#log({
      name: `flip.${cancelled ? 'cancelled' : flip.result}`,
      domain: call.domain,
      users: new Set(side.filter((user) => user !== undefined)),
      data: () => flipFor(call.id, flip),
    });
  }

  /** What to look at anew, and not what it has become: rules are long. */
  #routing({ what, domain, id }: RoutingEvents['changed']): void {
    const path = what === 'routing' ? this.#rulesOf(domain, id) : what === 'policy' ? what : `${what}s/${id}`;
    // Whose rules they were is gone.
    if (path === undefined) return;
    const users = new Set(what === 'routing' && id.startsWith('user:') ? [id.slice('user:'.length)] : []);
    this.#log({ name: 'routing.changed', domain, users, data: () => ({ path }) });
  }

  /** Where the API has the rules of an owner, `kind:id`. */
  #rulesOf(domain: string, owner: string): string | undefined {
    const { directory } = this.#parts;
    const id = owner.slice(owner.indexOf(':') + 1);
    if (owner.startsWith('number:')) return `numbers/${id}/rules`;
    const group = owner.startsWith('group:');
    const found = group ? directory.groups(domain).find((one) => one.id === id) : directory.userById(id);
    return found === undefined ? undefined : `${group ? 'groups' : 'users'}/${found.extension}/rules`;
  }

  #trunk({ domain, ...said }: TrunkState): void {
    this.#log({ name: 'trunk.changed', domain, users: new Set(), data: () => said });
  }

  /** A matter of money: not for users. */
  #spike({ domain, ...said }: Spike): void {
    this.#log({ name: 'forwarding.spike', domain, users: new Set(), data: () => said });
  }

  #binding(name: string, binding: Binding, more: object): void {
    const { directory } = this.#parts;
    const said = { ...bindingFor(directory, binding), ...more };
    this.#log({ name, domain: binding.domain, users: new Set([binding.userId]), data: () => said });
  }

  #coldRoute(userId: string, route: ColdRoute | undefined): void {
    const { directory } = this.#parts;
    const user = directory.userById(userId);
    if (user === undefined) return;
    const device = route === undefined ? null : (directory.deviceById(route.deviceId)?.extension ?? null);
    const said = {
      user: user.extension,
      device,
      ...(route === undefined ? {} : { setAt: route.setAt, setBy: route.setBy }),
    };
    this.#log({
      name: 'cold-route.changed',
      domain: user.domain,
      users: new Set([userId]),
      data: () => said,
    });
  }
}
