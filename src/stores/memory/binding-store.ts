import { Emitter, ownText, type Clock, type Random, type Timer } from '../../base/index.ts';
import type {
  Binding,
  BindingEvents,
  BindingJournal,
  BindingLimits,
  BindingStore,
  ContactChange,
  Flow,
  RegisterOutcome,
  Registration,
  RemovalReason,
} from '../binding-store.ts';
import { sameContact } from '../contact-uri.ts';

const aorKey = (domain: string, aor: string) => `${domain}\n${aor}`;
const flowKey = (flow: Flow) => `${flow.protocol} ${flow.address} ${flow.port}`;

/** Nearly always it is one, and then no set is made for it. */
type Ids = string | ReadonlySet<string> | undefined;

/** A map from a key to the ids that have it. */
class Index {
  readonly #ids = new Map<string, string | Set<string>>();

  add(name: string, id: string): void {
    const held = this.#ids.get(name);
    if (held === undefined || held === id) this.#ids.set(name, id);
    else if (typeof held === 'string') this.#ids.set(name, new Set([held, id]));
    else held.add(id);
  }

  delete(name: string, id: string): void {
    const held = this.#ids.get(name);
    if (held === id) this.#ids.delete(name);
    else if (typeof held === 'object' && held.delete(id) && held.size === 0) this.#ids.delete(name);
  }

  get(name: string): Ids {
    return this.#ids.get(name);
  }
}

/** RFC 5626 §6: instance and reg-id together are the key of a binding; otherwise the URI is (RFC 3261 §10.3). */
function isSame(binding: Binding, change: ContactChange): boolean {
  if (change.instance !== undefined && change.regId !== undefined)
    return binding.instance === change.instance && binding.regId === change.regId;
  return binding.regId === undefined && sameContact(binding.contact, change.uri);
}

const sameFlow = (a: Flow, b: Flow) =>
  a.protocol === b.protocol && a.address === b.address && a.port === b.port;

/** Whether two bindings of one id are found under the same keys; a phone that registers again seldom moves. */
const sameKeys = (a: Binding, b: Binding): boolean =>
  a.deviceId === b.deviceId && a.userId === b.userId && sameFlow(a.flow, b.flow);

const preferred = (a: Binding, b: Binding) => b.q - a.q || b.refreshedAt - a.refreshedAt;

export type MemoryBindingStoreOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: BindingLimits;
};

const nowhere: BindingJournal = {
  put: () => undefined,
  remove: () => undefined,
  written: () => Promise.resolve(),
};

/** Bindings in memory, each with a timer for its expiry; every change goes through to a journal where there is one. */
export class MemoryBindingStore implements BindingStore {
  readonly events = new Emitter<BindingEvents>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: BindingLimits;
  readonly #bindings = new Map<string, Binding>();
  readonly #timers = new Map<string, Timer>();
  readonly #byAor = new Index();
  readonly #byDevice = new Index();
  readonly #byUser = new Index();
  readonly #byFlow = new Index();
  #journal = nowhere;

  constructor(options: MemoryBindingStoreOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#limits = options.limits;
  }

  /**
   * Takes what was known before this process began, without telling anybody, and writes what changes from here on to the
   * journal: `register` resolves only when that is done.
   */
  restore(known: Iterable<Binding>, journal: BindingJournal): void {
    for (const binding of known) this.#keep(Object.freeze(binding));
    this.#journal = journal;
  }

  get size(): number {
    return this.#bindings.size;
  }

  async register(registration: Registration): Promise<RegisterOutcome> {
    const current = this.ofAor(registration.domain, registration.aor);
    const { contacts } = registration;
    const changes = contacts === 'all' ? [] : contacts;
    const affected =
      contacts === 'all' ? current : current.filter((b) => changes.some((change) => isSame(b, change)));
    // RFC 3261 §10.3 step 6 and 7: an older request of the same Call-ID changes nothing at all.
    if (affected.some((b) => b.callId === registration.callId && b.cseq >= registration.cseq))
      return { kind: 'stale' };
    const added = changes.filter((c) => c.seconds > 0 && !current.some((b) => isSame(b, c))).length;
    if (added > 0 && this.#bindings.size + added > this.#limits.total) return { kind: 'full' };
    if (contacts === 'all') for (const binding of current) this.#remove(binding, 'unregistered');
    for (const change of changes) this.#apply(registration, change);
    this.#evict(registration.deviceId);
    await this.#journal.written();
    return { kind: 'ok', bindings: this.ofAor(registration.domain, registration.aor) };
  }

  async remove(id: string, reason: RemovalReason): Promise<boolean> {
    const binding = this.#bindings.get(id);
    if (binding === undefined) return false;
    this.#remove(binding, reason);
    return true;
  }

  async removeFlow(flow: Flow): Promise<number> {
    return this.#removeAll(this.ofFlow(flow), 'flow closed');
  }

  async removeDevice(deviceId: string): Promise<number> {
    return this.#removeAll(this.ofDevice(deviceId), 'administrative');
  }

  get(id: string): Binding | undefined {
    return this.#live(id)[0];
  }

  ofAor(domain: string, aor: string): readonly Binding[] {
    return this.#live(this.#byAor.get(aorKey(domain, aor)));
  }

  ofDevice(deviceId: string): readonly Binding[] {
    return this.#live(this.#byDevice.get(deviceId));
  }

  ofUser(userId: string): readonly Binding[] {
    return this.#live(this.#byUser.get(userId));
  }

  ofFlow(flow: Flow): readonly Binding[] {
    return this.#live(this.#byFlow.get(flowKey(flow)));
  }

  all(): readonly Binding[] {
    return this.#ordered([...this.#bindings.values()]);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #live(ids: Ids): readonly Binding[] {
    if (ids === undefined) return [];
    if (typeof ids !== 'string') return this.#ordered([...ids].flatMap((id) => this.#bindings.get(id) ?? []));
    const binding = this.#bindings.get(ids);
    return binding !== undefined && binding.expiresAt > this.#clock.wall() ? [binding] : [];
  }

  #ordered(bindings: readonly Binding[]): readonly Binding[] {
    const now = this.#clock.wall();
    return bindings.filter((b) => b.expiresAt > now).sort(preferred);
  }

  #apply(registration: Registration, change: ContactChange): void {
    const before = this.ofAor(registration.domain, registration.aor).find((b) => isSame(b, change));
    if (change.seconds === 0) {
      if (before !== undefined) this.#remove(before, 'unregistered');
      return;
    }
    const now = this.#clock.wall();
    const { domain, aor, userId, deviceId, flow, path, callId, cseq, userAgent } = registration;
    const binding: Binding = Object.freeze({
      id: before?.id ?? this.#random.hex(8),
      domain,
      aor,
      userId,
      deviceId,
      contact: ownText(change.uri),
      flow: { ...flow, address: ownText(flow.address) },
      path: path.map(ownText),
      ...(change.instance === undefined ? {} : { instance: ownText(change.instance) }),
      ...(change.regId === undefined ? {} : { regId: change.regId }),
      q: change.q,
      ...(userAgent === undefined ? {} : { userAgent: ownText(userAgent) }),
      callId: ownText(callId),
      cseq,
      registeredAt: before?.registeredAt ?? now,
      refreshedAt: now,
      expiresAt: now + change.seconds * 1000,
    });
    this.#replace(before, binding);
    this.#journal.put(binding.id, binding);
    if (before === undefined) this.events.emit('added', binding);
    else this.events.emit('refreshed', { binding, before });
  }

  #evict(deviceId: string): void {
    const { perDevice } = this.#limits;
    const all = this.ofDevice(deviceId);
    if (all.length <= perDevice) return;
    const oldestFirst = all.toSorted((a, b) => a.refreshedAt - b.refreshedAt);
    for (const binding of oldestFirst.slice(0, oldestFirst.length - perDevice))
      this.#remove(binding, 'replaced');
  }

  #replace(before: Binding | undefined, binding: Binding): void {
    if (before !== undefined && sameKeys(before, binding)) return this.#place(binding);
    if (before !== undefined) this.#forget(before);
    return this.#keep(binding);
  }

  #keep(binding: Binding): void {
    const { id } = binding;
    this.#place(binding);
    this.#byAor.add(aorKey(binding.domain, binding.aor), id);
    this.#byDevice.add(binding.deviceId, id);
    this.#byUser.add(binding.userId, id);
    this.#byFlow.add(flowKey(binding.flow), id);
  }

  #place(binding: Binding): void {
    const { id } = binding;
    this.#bindings.set(id, binding);
    const wait = binding.expiresAt - this.#clock.wall();
    this.#timers.get(id)?.cancel();
    this.#timers.set(
      id,
      this.#clock.after(wait, () => this.#remove(binding, 'expired')),
    );
  }

  #forget(binding: Binding): void {
    const { id } = binding;
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
    this.#bindings.delete(id);
    this.#byAor.delete(aorKey(binding.domain, binding.aor), id);
    this.#byDevice.delete(binding.deviceId, id);
    this.#byUser.delete(binding.userId, id);
    this.#byFlow.delete(flowKey(binding.flow), id);
  }

  #remove(binding: Binding, reason: RemovalReason): void {
    if (this.#bindings.get(binding.id) !== binding) return;
    this.#forget(binding);
    this.#journal.remove(binding.id);
    this.events.emit('removed', { binding, reason });
  }

  #removeAll(bindings: readonly Binding[], reason: RemovalReason): number {
    for (const binding of bindings) this.#remove(binding, reason);
    return bindings.length;
  }
}
