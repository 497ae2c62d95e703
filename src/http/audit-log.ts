import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock, Random } from '../base/index.ts';
import type {
  AuditEntry,
  ColdRouteEvents,
  ColdRouteStore,
  DirectoryStore,
  Routing,
  RoutingStore,
} from '../stores/index.ts';
import type { Who } from './who.ts';

export type AuditLogParts = {
  readonly directory: DirectoryStore;
  readonly coldRoutes: ColdRouteStore;
  readonly routing: RoutingStore;
  /** Takes an entry at once; must not throw. */
  readonly keep: (entry: AuditEntry) => void;
  readonly clock: Clock;
  readonly random: Random;
};

/** Writes down who changed what. Changes by a dialled code are heard of from the store itself. */
export class AuditLog {
  readonly #parts: AuditLogParts;
  readonly #within = new AsyncLocalStorage<true>();
  /** Of each user, the extension of the device, which may be gone when it is asked for. */
  readonly #coldRoutes = new Map<string, string>();
  /** What users have set, as far as a code sets it. */
  readonly #set = new Map<string, Directed>();
  readonly #off: readonly (() => void)[];
  #count = 0;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
    for (const { userId, deviceId } of parts.coldRoutes.all())
      this.#coldRoutes.set(userId, this.#named(deviceId));
    for (const { name } of parts.directory.domains())
      for (const routing of parts.routing.routings(name))
        if (routing.owner.kind === 'user') this.#set.set(routing.owner.id, setIn(routing));
    this.#off = [
      parts.coldRoutes.events.on('changed', (change) => this.#coldRouteChanged(change)),
      parts.routing.events.on('changed', ({ what, domain, id }) => {
        if (what === 'routing' && id.startsWith('user:'))
          this.#routingChanged(domain, id.slice('user:'.length));
      }),
    ];
  }

  close(): void {
    for (const off of this.#off) off();
  }

  write(who: Who, change: Pick<AuditEntry, 'action' | 'what' | 'before' | 'after'>): void {
    this.#keep(who.asker.domain, who.name, who.from, change);
  }

  /** What `work` changes is written down by who runs it. */
  through<T>(work: () => Promise<T>): Promise<T> {
    return this.#within.run(true, work);
  }

  #keep(
    domain: string,
    who: string,
    from: string,
    change: Pick<AuditEntry, 'action' | 'what' | 'before' | 'after'>,
  ): void {
    const { keep, clock, random } = this.#parts;
    // Ids of one moment sort as they were made, and never meet those of another start.
    const id = `${(this.#count++).toString(16).padStart(8, '0')}${random.hex(8)}`;
    keep({ id, domain, at: clock.wall(), who, from, ...change });
  }

  #named(deviceId: string): string {
    return this.#parts.directory.deviceById(deviceId)?.extension ?? deviceId;
  }

  #coldRouteChanged({ userId, route, by = route?.setBy }: ColdRouteEvents['changed']): void {
    const before = this.#coldRoutes.get(userId);
    const after = route === undefined ? undefined : this.#named(route.deviceId);
    if (after === undefined) this.#coldRoutes.delete(userId);
    else this.#coldRoutes.set(userId, after);
    const user = this.#parts.directory.userById(userId);
    if (user === undefined || this.#within.getStore() === true) return;
    const [who, from] = by === undefined ? ['switch', 'removal of the device'] : [`device ${by}`, 'phone'];
    this.#keep(user.domain, who, from, {
      action: 'change',
      what: `users/${user.extension}/cold-route`,
      before: before === undefined ? {} : { device: before },
      after: after === undefined ? {} : { device: after },
    });
  }

  #routingChanged(domain: string, id: string): void {
    const { directory, routing } = this.#parts;
    const before = this.#set.get(id) ?? nothingSet;
    const after = setIn(routing.routing({ domain, kind: 'user', id }));
    if (after === nothingSet) this.#set.delete(id);
    else this.#set.set(id, after);
    const user = directory.userById(id);
    const same = before.profile === after.profile && before.presence === after.presence;
    if (same || user === undefined || this.#within.getStore() === true) return;
    const what = `users/${user.extension}/profile`;
    this.#keep(domain, `user ${user.extension}`, 'phone', { action: 'change', what, before, after });
  }
}

type Directed = { readonly profile: string | null; readonly presence: string };

const nothingSet: Directed = { profile: null, presence: 'available' };

const setIn = (routing: Routing | undefined): Directed =>
  routing?.profile === undefined && routing?.presence === undefined
    ? nothingSet
    : { profile: routing.profile ?? null, presence: routing.presence ?? 'available' };
