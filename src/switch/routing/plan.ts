import type { Binding, Destination, Device, DirectoryStore, Group, User } from '../../stores/index.ts';
import type { Endpoint, Identity } from '../call/endpoint.ts';
import type { Target } from '../call/ring.ts';
import type { SwitchSettings } from '../call/settings.ts';
import type { InviteFailure, Refusal } from '../call/signaling.ts';
import { deviceById } from '../directory/index.ts';
import { onePerPhone, routeTo, uriParts } from '../registrar/index.ts';
import type { OutsideAsk } from '../trunks/outside-routes.ts';
import { goesOn, type Trunks } from '../trunks/trunks.ts';
import { coldDevice, ringersOf, type ColdParts } from './cold.ts';

/** One round of ringing: whoever it names, for so long. */
export type Stage = {
  readonly seconds: number;
  readonly declineEndsAll: boolean;
  /** Rings although nobody is there yet: who registers in time still gets the call (X12). */
  readonly patient: boolean;
  targets(): readonly Target[];
  /** The target that a device is which registers while it rings; none when it is not meant. */
  late(binding: Binding): Target | undefined;
  /** Whether the next round rings after this one failed so; always where it is left out. */
  readonly goesOn?: (failure: InviteFailure) => boolean;
};

/** Where a call rings, and why. */
export type RingPlan = {
  readonly callee: Identity;
  /** Users whose call it is. */
  readonly meantFor: readonly string[];
  readonly stages: readonly Stage[];
  readonly decision: string;
};

/** What a dialled string is: somebody or something of the directory, or a number of the telephone network. */
export type Place = Destination | ({ readonly kind: 'outside' } & OutsideAsk);

export type PlanParts = ColdParts & {
  readonly settings: SwitchSettings;
  readonly trunks: Trunks;
};

type Ringing = {
  /** The device that calls does not ring itself. */
  readonly caller: Endpoint | undefined;
  /** A call that is there already goes to another device of its user: not a new one, which cold routes direct. */
  readonly flip?: boolean;
  /** Members of groups who do not want to be disturbed. */
  readonly silent?: (user: User) => boolean;
};

const unknown: Refusal = { status: 404, reason: 'No such extension or number' };
const incomplete: Refusal = { status: 484, reason: 'Number incomplete' };
const maxNumberHops = 5;

export const isRefusal = (found: object): found is Refusal => 'status' in found;

/** What a dialled string leads to for this caller, or why it leads nowhere. */
export function placeOf(
  parts: PlanParts,
  call: { readonly domain: string; readonly dialled: string; readonly caller: Endpoint | undefined },
): Place | Refusal {
  const { domain, dialled, caller } = call;
  if (dialled === '') return incomplete;
  const emergency = caller?.kind === 'device' && parts.trunks.isEmergency(dialled);
  const destination = emergency ? undefined : parts.directory.resolve(domain, dialled);
  if (destination !== undefined) return destination;
  // Never from one trunk to another, unless somebody's forwarding says so.
  return caller?.kind === 'device' ? { kind: 'outside', domain, number: dialled } : unknown;
}

/** Whom a public number stands for in the end; the place itself where it is no number. */
export function behind(parts: PlanParts, place: Place, caller: Endpoint | undefined): Place | Refusal {
  let at = place;
  for (let hop = 0; hop < maxNumberHops; hop++) {
    if (at.kind !== 'number') return at;
    const { domain, target } = at.number;
    const next = placeOf(parts, { domain, dialled: target, caller });
    if (isRefusal(next)) return next;
    at = next;
  }
  return unknown;
}

/** Where a dialled string leads within a domain, for this caller; or why it leads nowhere. No rules are asked. */
export function planFor(
  parts: PlanParts,
  call: Ringing & { readonly domain: string; readonly dialled: string },
): RingPlan | Refusal {
  const place = placeOf(parts, call);
  const end = isRefusal(place) ? place : behind(parts, place, call.caller);
  return isRefusal(end) ? end : ringPlan(parts, end, call);
}

/** How a place rings when no rule has anything to say. */
export function ringPlan(parts: PlanParts, place: Place, ringing: Ringing): RingPlan | Refusal {
  if (place.kind === 'user') return ofUser(parts, place.user, ringing);
  if (place.kind === 'device') return ofDevice(parts, place.device, place.user, ringing);
  if (place.kind === 'group') return ofGroup(parts, place.group, ringing);
  return place.kind === 'outside' ? outside(parts, place) : unknown;
}

const identity = (domain: string, number: string, name: string): Identity => ({
  domain,
  number,
  name,
  withheld: false,
});

/** Rings bindings that `meant` picks, now and while it rings; never the device that calls. */
function stage(
  parts: PlanParts,
  now: () => readonly Binding[],
  meant: (binding: Binding) => boolean,
  options: {
    readonly caller: Endpoint | undefined;
    readonly seconds: number;
    readonly declineEndsAll: boolean;
    readonly patient?: boolean;
  },
): Stage {
  const target = (binding: Binding): Target | undefined => {
    const endpoint = endpointOf(parts.directory, binding);
    const { caller } = options;
    if (endpoint === undefined) return undefined;
    if (caller?.kind === 'device' && caller.device.id === endpoint.device.id) return undefined;
    return { endpoint, route: routeTo(binding), ...reminderOf(parts, endpoint) };
  };
  return {
    seconds: options.seconds,
    declineEndsAll: options.declineEndsAll,
    patient: options.patient ?? false,
    targets: () => onePerPhone(now()).flatMap((binding) => target(binding) ?? []),
    late: (binding) => (meant(binding) ? target(binding) : undefined),
  };
}

/** S0-71: a phone that rings alone says so, each time, to whom it concerns. */
function reminderOf(parts: PlanParts, { user, device }: { readonly user: User; readonly device: Device }) {
  const note = parts.settings.features.coldRoute.reminder;
  return note !== '' && coldDevice(parts, user)?.id === device.id ? { note } : {};
}

export function endpointOf(
  directory: DirectoryStore,
  binding: Binding,
): Extract<Endpoint, { kind: 'device' }> | undefined {
  const device = deviceById(directory, binding.deviceId, binding.userAgent);
  const user = directory.userById(binding.userId);
  return device === undefined || user === undefined ? undefined : { kind: 'device', user, device, binding };
}

function ofUser(parts: PlanParts, user: User, { caller, flip = false }: Ringing): RingPlan {
  const own = caller?.kind === 'device' && caller.user.id === user.id;
  const { cold, now, meant } = ringersOf(parts, user, flip && own);
  return {
    callee: identity(user.domain, user.extension, user.name),
    meantFor: [user.id],
    decision:
      cold === undefined
        ? `all devices of ${user.extension}`
        : `cold route of ${user.extension}: device ${cold.extension} alone`,
    stages: [
      stage(parts, now, meant, {
        caller,
        seconds: parts.settings.ring.seconds,
        declineEndsAll: true,
        patient: cold !== undefined,
      }),
    ],
  };
}

function ofDevice(parts: PlanParts, device: Device, user: User, { caller }: Ringing): RingPlan {
  const { bindings, settings } = parts;
  return {
    callee: identity(user.domain, device.extension, user.name),
    meantFor: [user.id],
    decision: `device ${device.extension}`,
    stages: [
      stage(
        parts,
        () => bindings.ofDevice(device.id),
        (binding) => binding.deviceId === device.id,
        { caller, seconds: settings.ring.seconds, declineEndsAll: true },
      ),
    ],
  };
}

function ofGroup(parts: PlanParts, group: Group, { caller, silent }: Ringing): RingPlan {
  const { directory, bindings, settings } = parts;
  const members = directory
    .membersOf(group)
    .filter((member) => 'userId' in member || silent?.(member) !== true);
  const users = new Map(
    members.flatMap((member) => ('userId' in member ? [] : [[member.id, ringersOf(parts, member)]])),
  );
  const isMember = (member: User | Device, binding: Binding) =>
    users.get(member.id)?.meant(binding) ?? binding.deviceId === member.id;
  const of = (member: User | Device) => users.get(member.id)?.now() ?? bindings.ofDevice(member.id);
  const memberSeconds = group.memberSeconds ?? settings.ring.memberSeconds;
  const stages =
    group.ring === 'all'
      ? [
          stage(
            parts,
            () => members.flatMap((member) => of(member)),
            (binding) => members.some((member) => isMember(member, binding)),
            { caller, seconds: settings.ring.seconds, declineEndsAll: false },
          ),
        ]
      : members.map((member) =>
          stage(
            parts,
            () => of(member),
            (binding) => isMember(member, binding),
            { caller, seconds: memberSeconds, declineEndsAll: true },
          ),
        );
  return {
    callee: identity(group.domain, group.extension, group.name),
    meantFor: members.map((member) => ('userId' in member ? member.userId : member.id)),
    decision: `group ${group.extension}, ${group.ring === 'all' ? 'all at once' : 'in order'}`,
    stages,
  };
}

/** A number of the telephone network: each gateway that leads there rings after the one before has failed. */
function outside(parts: PlanParts, ask: Extract<Place, { kind: 'outside' }>): RingPlan | Refusal {
  const targets = parts.trunks.outsideRoutes(ask);
  if (targets.length === 0) return unknown;
  const names = new Set(
    targets.flatMap(({ endpoint }) => (endpoint.kind === 'trunk' ? [endpoint.trunk.name] : [])),
  );
  return {
    callee: identity(ask.domain, ask.number, ''),
    meantFor: [],
    decision: `outside number over trunk ${[...names].join(', then ')}`,
    stages: targets.map((target) => ({
      seconds: parts.settings.ring.seconds,
      declineEndsAll: true,
      patient: false,
      targets: () => [target],
      late: () => undefined,
      goesOn,
    })),
  };
}

/** Where a phone's redirect leads: to extensions of the domain, and nowhere else. */
export function redirectTargets(parts: PlanParts, domain: string, contacts: readonly string[]): Target[] {
  return contacts.flatMap((contact) => {
    const { user = '', host = '' } = uriParts(contact) ?? {};
    if (parts.directory.domain(host)?.name !== domain) return [];
    const destination = parts.directory.resolve(domain, user);
    if (destination?.kind !== 'user' && destination?.kind !== 'device') return [];
    const bound =
      destination.kind === 'user'
        ? ringersOf(parts, destination.user).now()
        : parts.bindings.ofDevice(destination.device.id);
    return bound.flatMap((binding) => {
      const endpoint = endpointOf(parts.directory, binding);
      return endpoint === undefined ? [] : [{ endpoint, route: routeTo(binding) }];
    });
  });
}
