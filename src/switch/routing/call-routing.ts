import type { Clock } from '../../base/index.ts';
import type {
  Device,
  DirectoryStore,
  Presence,
  Routing,
  RoutingOwner,
  RoutingPolicy,
  RoutingStore,
  Rule,
  User,
} from '../../stores/index.ts';
import { contains, readAddress, readNetwork } from '../trunks/networks.ts';
import { coldDevice, ringersOf, type ColdParts } from './cold.ts';
import { explain, type ExplainedStep, type Supposed } from './explain.ts';
import type { LookUp, RoutingFacts, RuleCaller } from './facts.ts';
import { NumberReader } from './numbers.ts';
import { defaultPolicy, ForwardLimits, needsConfirm, permits, type Forwarding } from './policy.ts';
import { checkRule } from './rule-checks.ts';
import type { Rung } from './rung.ts';
import { Moment, TimeZones } from './schedules.ts';
import { startWalk } from './start-walk.ts';
import { failoverTree } from './tree.ts';
import type { Walk } from './walk.ts';

/** The profiles that everybody has. */
const commonProfiles: readonly string[] = ['office', 'travel', 'do-not-disturb'];

/** All profiles of an owner, in the order in which a code counts them: the own list, then what everybody has. */
export const profilesOf = ({ profiles }: Pick<Routing, 'profiles'>): readonly string[] => [
  ...new Set([...profiles, ...commonProfiles]),
];

/** What calendars say at a time; undefined for one that is not known or was never read. */
export interface Calendars {
  /** Whether the configuration lets calendars be read from there. */
  allows(url: string): boolean;
  at(domain: string, name: string, wall: number): ReadonlySet<'busy' | 'out-of-office'> | undefined;
}

/** What a look-up is told about the call. */
export type Question = { readonly caller: string; readonly called: string; readonly at: string };

/** Asks what rules leave to others. Never rejects; undefined is no answer in time. */
export interface LookUps {
  /** Whether the configuration lets rules ask there at all. */
  allows(url: string): boolean;
  ask(condition: LookUp, question: Question): Promise<string | undefined>;
}

export type CallRoutingParts = ColdParts & {
  readonly routing: RoutingStore;
  readonly clock: Clock;
  /** Whether a user is talking, or calling somebody. */
  readonly inCall: (userId: string) => boolean;
  readonly calendars: Calendars;
  readonly lookUps: LookUps;
  /** How long a ringing lasts of which no rule says how long. */
  readonly ringSeconds: number;
};

/** Where there are none. */
export const noCalendars: Calendars = { allows: () => false, at: () => undefined };
export const noLookUps: LookUps = { allows: () => false, ask: async () => undefined };

/** A call to be walked through an owner's rules: who calls, at what time (now when absent). */
export type RoutedCall = { readonly caller: RuleCaller; readonly wall?: number };

/** Rules of the live switch: what they are judged by, and what stands above them. */
export class CallRouting {
  readonly numbers = new NumberReader();
  readonly limits: ForwardLimits;
  readonly #parts: CallRoutingParts;
  readonly #zones = new TimeZones();
  readonly #turns = new Map<string, Promise<void>>();
  readonly #defaults = new Map<string, RoutingPolicy>();

  constructor(parts: CallRoutingParts) {
    this.#parts = parts;
    this.limits = new ForwardLimits(parts.clock);
    parts.directory.events.on('changed', ({ what, domain }) => {
      if (what === 'number' || what === 'domain') this.#defaults.delete(domain);
    });
  }

  /** The rules of an owner, even of one that has none. */
  routing(owner: RoutingOwner): Routing {
    return this.#parts.routing.routing(owner) ?? { owner, rules: [], profiles: [] };
  }

  /**
   * Changes an owner's rules, profile or presence; resolves with what is now there when that is durable. Changes of one
   * owner wait for each other, so that none undoes another. Rejects as `change` or the store does.
   */
  change(owner: RoutingOwner, change: (before: Routing) => Routing): Promise<Routing> {
    const key = JSON.stringify([owner.domain, owner.kind, owner.id]);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(async () => {
      const before = this.routing(owner);
      const after = change(before);
      if (after !== before) await this.#parts.routing.putRouting(after);
      return after;
    });
    const settled: Promise<void> = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(key, settled);
    void settled.then(() => {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    });
    return turn;
  }

  /** What keeps a rule from being saved: something that is not there, or the policy. */
  check(owner: RoutingOwner, rule: Pick<Rule, 'when' | 'then' | 'locked'>): string | undefined {
    const { routing, lookUps, directory } = this.#parts;
    const hasTrunk = (domain: string, name: string) => directory.trunk(domain, name) !== undefined;
    return checkRule({ routing, rules: this, lookUps, hasTrunk }, owner, rule);
  }

  allowsCalendar(url: string): boolean {
    return this.#parts.calendars.allows(url);
  }

  walk(owner: RoutingOwner, call: RoutedCall): Walk {
    return startWalk(this.facts(owner, call), this.routing(owner));
  }

  /** What would come of a call that has not happened. */
  explain(supposed: Supposed): Promise<readonly ExplainedStep[]> {
    return explain(this, supposed, this.#parts.ringSeconds);
  }

  /** Where calls to an owner go when nobody answers, as a flowchart of Mermaid (S2-57). */
  failoverTree(owner: RoutingOwner): string {
    return failoverTree(
      {
        routing: (one) => this.routing(one),
        nameOf: (one) => this.nameOf(one),
        ownerOf: (dialled) => this.ownerOf(owner.domain, dialled),
        targetOf: (one) => this.targetOf(one),
      },
      owner,
    );
  }

  policy(domain: string): RoutingPolicy {
    return this.#parts.routing.policy(domain) ?? this.#defaultPolicy(domain);
  }

  /** What it says depends on the domain's numbers, of which there may be many. */
  #defaultPolicy(domain: string): RoutingPolicy {
    const known = this.#defaults.get(domain);
    if (known !== undefined) return known;
    const made = defaultPolicy(domain, this.#parts.directory, this.numbers);
    this.#defaults.set(domain, made);
    return made;
  }

  /** Why the policy refuses a rule of this owner; `saving` leaves out what is true of this moment alone. */
  refusal(owner: RoutingOwner, rule: Pick<Rule, 'then' | 'locked'>, saving = false): string | undefined {
    const { domain } = owner;
    const presence = saving ? undefined : this.presence(owner);
    return permits(
      {
        policy: this.policy(domain),
        numbers: this.numbers,
        owner,
        ownerName: this.nameOf(owner),
        engaged: presence?.has('in-call') === true || presence?.has('meeting') === true,
        guards: (dialled) => this.#leadsTo(domain, dialled, owner),
        inside: (dialled) => this.inside(domain, dialled) !== undefined,
      },
      rule,
    );
  }

  #leadsTo(domain: string, dialled: string, owner: RoutingOwner): boolean {
    let next = this.ownerOf(domain, dialled);
    for (let hop = 0; hop < maxNumberHops && next !== undefined; hop++) {
      if (sameOwner(owner, next)) return true;
      const target = this.targetOf(next);
      next = target === undefined ? undefined : this.ownerOf(domain, target);
    }
    return false;
  }

  needsConfirm(domain: string, to: string): boolean {
    return needsConfirm({ policy: this.policy(domain), numbers: this.numbers }, to);
  }

  /** Counts a call forwarded outside. */
  takeForward(owner: RoutingOwner): Forwarding {
    return this.limits.take(owner, this.policy(owner.domain));
  }

  /** Whom a dialled string means within the domain, however a number is written. */
  inside(domain: string, dialled: string): ReturnType<DirectoryStore['resolve']> {
    const { directory } = this.#parts;
    const found = directory.resolve(domain, dialled);
    if (found !== undefined) return found;
    const read = this.numbers.read(dialled, this.policy(domain).country);
    return read === undefined ? undefined : directory.resolve(domain, read.e164);
  }

  /** What people call an owner. */
  nameOf({ domain, kind, id }: RoutingOwner): string {
    const { directory } = this.#parts;
    if (kind === 'number') return id;
    if (kind === 'user') return directory.userById(id)?.extension ?? id;
    return directory.groups(domain).find((group) => group.id === id)?.extension ?? id;
  }

  facts(owner: RoutingOwner, { caller, wall = this.#parts.clock.wall() }: RoutedCall): RoutingFacts {
    const { routing, calendars, lookUps } = this.#parts;
    const { domain } = owner;
    const called = this.nameOf(owner);
    const country = this.policy(domain).country;
    const ways = caller.outside ? this.numbers.waysToWrite(caller.number, country) : [caller.number];
    const times = new Moment(this.#zones, wall);
    const question = { caller: caller.number, called, at: new Date(wall).toISOString() };
    return {
      wall,
      caller,
      ownerName: called,
      presence: this.presence(owner),
      reachable: this.reachable(owner),
      localTime: (zone) => times.at(zone),
      callerAmong: (entries) => this.numbers.find(entries, ways, country),
      isAt: (networks, devices) => this.#isAt(owner, networks, devices),
      schedule: (name) => routing.schedule(domain, name),
      callerList: (name) => routing.callerList(domain, name),
      calendar: (name) => calendars.at(domain, name, wall),
      lookUp: (condition) => lookUps.ask(condition, question),
      isOwner: (dialled) => sameOwner(owner, this.ownerOf(domain, dialled)),
      refusal: (rule) => this.refusal(owner, rule),
    };
  }

  /** Whose rules a dialled string meets first; undefined for devices, and for what is not inside. */
  ownerOf(domain: string, dialled: string): RoutingOwner | undefined {
    const found = this.inside(domain, dialled);
    if (found?.kind === 'number') return { domain, kind: 'number', id: found.number.number };
    if (found?.kind === 'user') return { domain, kind: 'user', id: found.user.id };
    return found?.kind === 'group' ? { domain, kind: 'group', id: found.group.id } : undefined;
  }

  /** What a number leads to; undefined for other owners. */
  targetOf({ domain, kind, id }: RoutingOwner): string | undefined {
    return kind === 'number' ? this.#parts.directory.number(domain, id)?.target : undefined;
  }

  /** The phones that ring for an owner itself: those of its people, or the one that a cold route names. */
  whoRingsFor(owner: RoutingOwner): readonly Rung[] {
    return this.#behind(owner).flatMap((one) => this.#phonesOf(one));
  }

  /** The phones that ring for something dialled, without anybody's rules; or the outside number that it is. */
  whoRings(domain: string, dialled: string, confirm = false): readonly Rung[] {
    const asked = confirm ? { confirm } : {};
    const found = this.inside(domain, dialled);
    if (found?.kind === 'device') return this.#phonesOf(found.device).map((rung) => ({ ...rung, ...asked }));
    const owner = this.ownerOf(domain, dialled);
    if (owner !== undefined) return this.whoRingsFor(owner).map((rung) => ({ ...rung, ...asked }));
    const read = this.numbers.read(dialled, this.policy(domain).country);
    if (read === undefined) return [];
    const must = confirm || this.needsConfirm(domain, dialled);
    return [{ to: read.e164, ...(must ? { confirm: true } : {}) }];
  }

  #phonesOf(one: User | Device): readonly Rung[] {
    const { directory, bindings } = this.#parts;
    const user = isDevice(one) ? directory.userById(one.userId) : one;
    const cold = isDevice(one) ? one : coldDevice(this.#parts, one);
    const devices = cold === undefined ? directory.devicesOf(one.id) : [cold];
    const whose = user === undefined ? {} : { user: user.extension };
    const known = devices.map((device) => ({
      to: device.extension,
      ...whose,
      registered: bindings.ofDevice(device.id).length > 0,
    }));
    // Phones that share their user's own name and password have no device of their own.
    const shared = cold === undefined ? bindings.ofUser(one.id) : [];
    return [
      ...known,
      ...shared
        .filter(({ deviceId }) => !devices.some(({ id }) => id === deviceId))
        .map(({ aor }) => ({ to: aor, ...whose, registered: true })),
    ];
  }

  presence(owner: RoutingOwner): ReadonlySet<Presence> {
    const { profile, presence } = this.routing(owner);
    const users = this.#behind(owner).filter((one) => !isDevice(one));
    const now = new Set<Presence>(presence === undefined || presence === 'available' ? [] : [presence]);
    if (profile === 'do-not-disturb') now.add('do-not-disturb');
    if (users.length > 0 && users.every(({ id }) => this.#parts.inCall(id))) now.add('in-call');
    return now.size === 0 ? new Set<Presence>(['available']) : now;
  }

  reachable(owner: RoutingOwner): boolean {
    const { bindings } = this.#parts;
    return this.#behind(owner).some((one) =>
      isDevice(one) ? bindings.ofDevice(one.id).length > 0 : ringersOf(this.#parts, one).now().length > 0,
    );
  }

  #isAt(owner: RoutingOwner, networks: readonly string[], devices: readonly string[] | undefined): boolean {
    const { directory, bindings } = this.#parts;
    const known = networks.map(readNetwork).filter((network) => network !== undefined);
    const named = devices?.map((extension) => directory.device(owner.domain, extension)?.id);
    return this.#behind(owner)
      .flatMap((one) => (isDevice(one) ? bindings.ofDevice(one.id) : bindings.ofUser(one.id)))
      .filter(({ deviceId }) => named === undefined || named.includes(deviceId))
      .some(({ flow }) => {
        const address = readAddress(flow.address);
        return address !== undefined && known.some((network) => contains(network, address, flow.port));
      });
  }

  /** The people and phones behind an owner: a user, a group's members, those of whatever a number leads to. */
  #behind(owner: RoutingOwner, depth = 0): readonly (User | Device)[] {
    const { directory } = this.#parts;
    const { domain, id } = owner;
    if (owner.kind === 'user') return [directory.userById(id)].filter((user) => user !== undefined);
    if (owner.kind === 'group') {
      const group = directory.groups(domain).find((one) => one.id === id);
      return group === undefined ? [] : directory.membersOf(group);
    }
    const target = depth < maxNumberHops ? directory.number(domain, id)?.target : undefined;
    if (target === undefined) return [];
    const found = this.inside(domain, target);
    if (found?.kind === 'device') return [found.device];
    const next = this.ownerOf(domain, target);
    return next === undefined ? [] : this.#behind(next, depth + 1);
  }
}

const maxNumberHops = 5;
const isDevice = (one: User | Device): one is Device => 'userId' in one;

export const sameOwner = (a: RoutingOwner, b: RoutingOwner | undefined): boolean =>
  a.domain === b?.domain && a.kind === b.kind && a.id === b.id;
