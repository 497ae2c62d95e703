import { Emitter } from '../../base/index.ts';
import type { DirectoryStore } from '../directory-store.ts';
import type {
  CalendarSource,
  CallerList,
  Routing,
  RoutingEvents,
  RoutingOwner,
  RoutingPolicy,
  RoutingStore,
  Schedule,
} from '../routing-store.ts';
import { WriteThrough, type Change } from '../write-through.ts';

export type RoutingContents = {
  readonly routings: readonly Routing[];
  readonly schedules: readonly Schedule[];
  readonly callerLists: readonly CallerList[];
  readonly calendars: readonly CalendarSource[];
  readonly policies: readonly RoutingPolicy[];
};

type What = RoutingEvents['changed']['what'];
type Place = { readonly domain: string; readonly id: string };

/** A domain and something in it; the separator occurs in neither. */
const keyOf = ({ domain, id }: Place) => `${domain}\n${id}`;
const placeOf = (owner: RoutingOwner): Place => ({ domain: owner.domain, id: `${owner.kind}:${owner.id}` });
const named = ({ domain, name }: { readonly domain: string; readonly name: string }): Place => ({
  domain,
  id: name,
});

const inDomain = <T extends { readonly domain: string }>(
  records: Iterable<T>,
  domain: string,
): readonly T[] => [...records].filter((record) => record.domain === domain);

const mapOf = <T>(records: readonly T[] | undefined, place: (record: T) => Place) =>
  new Map((records ?? []).map((record) => [keyOf(place(record)), record]));

/** How calls are directed, in memory: the default, and the cache of every other backend. */
export class MemoryRoutingStore implements RoutingStore {
  readonly events = new Emitter<RoutingEvents>();
  readonly #through: WriteThrough;
  readonly #routings: Map<string, Routing>;
  readonly #schedules: Map<string, Schedule>;
  readonly #callerLists: Map<string, CallerList>;
  readonly #calendars: Map<string, CalendarSource>;
  readonly #policies: Map<string, RoutingPolicy>;

  /** With a directory, what belongs to somebody who is removed from it goes too. */
  constructor(
    directory?: Pick<DirectoryStore, 'events'>,
    known: Partial<RoutingContents> = {},
    through = new WriteThrough(),
  ) {
    this.#through = through;
    this.#routings = mapOf(known.routings, ({ owner }) => placeOf(owner));
    this.#schedules = mapOf(known.schedules, named);
    this.#callerLists = mapOf(known.callerLists, named);
    this.#calendars = mapOf(known.calendars, named);
    this.#policies = mapOf(known.policies, ({ domain }) => ({ domain, id: domain }));
    directory?.events.on('changed', ({ what, domain, id, removed }) => {
      if (removed && (what === 'user' || what === 'group' || what === 'number'))
        this.#forget({ domain, kind: what, id });
    });
  }

  routing(owner: RoutingOwner): Routing | undefined {
    return this.#routings.get(keyOf(placeOf(owner)));
  }

  routings(domain: string): readonly Routing[] {
    return [...this.#routings.values()].filter(({ owner }) => owner.domain === domain);
  }

  schedule(domain: string, name: string): Schedule | undefined {
    return this.#schedules.get(keyOf({ domain, id: name }));
  }

  schedules(domain: string): readonly Schedule[] {
    return inDomain(this.#schedules.values(), domain);
  }

  callerList(domain: string, name: string): CallerList | undefined {
    return this.#callerLists.get(keyOf({ domain, id: name }));
  }

  callerLists(domain: string): readonly CallerList[] {
    return inDomain(this.#callerLists.values(), domain);
  }

  calendar(domain: string, name: string): CalendarSource | undefined {
    return this.#calendars.get(keyOf({ domain, id: name }));
  }

  calendars(domain: string): readonly CalendarSource[] {
    return inDomain(this.#calendars.values(), domain);
  }

  policy(domain: string): RoutingPolicy | undefined {
    return this.#policies.get(keyOf({ domain, id: domain }));
  }

  putRouting(routing: Routing): Promise<void> {
    return this.#change(this.#routings, 'routing', placeOf(routing.owner), routing);
  }

  removeRouting(owner: RoutingOwner): Promise<void> {
    return this.#change(this.#routings, 'routing', placeOf(owner), undefined);
  }

  putSchedule(schedule: Schedule): Promise<void> {
    return this.#change(this.#schedules, 'schedule', named(schedule), schedule);
  }

  removeSchedule(domain: string, name: string): Promise<void> {
    return this.#change(this.#schedules, 'schedule', { domain, id: name }, undefined);
  }

  putCallerList(list: CallerList): Promise<void> {
    return this.#change(this.#callerLists, 'caller-list', named(list), list);
  }

  removeCallerList(domain: string, name: string): Promise<void> {
    return this.#change(this.#callerLists, 'caller-list', { domain, id: name }, undefined);
  }

  putCalendar(calendar: CalendarSource): Promise<void> {
    return this.#change(this.#calendars, 'calendar', named(calendar), calendar);
  }

  removeCalendar(domain: string, name: string): Promise<void> {
    return this.#change(this.#calendars, 'calendar', { domain, id: name }, undefined);
  }

  putPolicy(policy: RoutingPolicy): Promise<void> {
    return this.#change(this.#policies, 'policy', { domain: policy.domain, id: policy.domain }, policy);
  }

  /** Puts or removes one record; removing what is not there changes nothing. */
  #change<T>(map: Map<string, T>, what: What, place: Place, after: T | undefined): Promise<void> {
    return this.#through.change(() => {
      const before = map.get(keyOf(place));
      if (before === undefined && after === undefined) return { changes: [], apply: () => undefined };
      const kind = what === 'caller-list' ? 'callerList' : what;
      return {
        // The map is the one of that kind: the caller above says both.
        changes: [{ kind, before, after } as Change],
        apply: () => {
          if (after === undefined) map.delete(keyOf(place));
          else map.set(keyOf(place), after);
          this.events.emit('changed', { what, ...place });
        },
      };
    });
  }

  /** Whose it was has been removed, and what is written of it with that. */
  #forget(owner: RoutingOwner): void {
    if (this.#routings.delete(keyOf(placeOf(owner))))
      this.events.emit('changed', { what: 'routing', ...placeOf(owner) });
  }
}
