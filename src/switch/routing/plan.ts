import type { Binding, Device, DirectoryStore, Group, User } from '../../stores/index.ts';
import type { Endpoint, Identity } from '../call/endpoint.ts';
import type { Target } from '../call/ring.ts';
import type { SwitchSettings } from '../call/settings.ts';
import type { Refusal } from '../call/signaling.ts';
import { deviceById } from '../directory/index.ts';
import { onePerPhone, routeTo, uriParts } from '../registrar/index.ts';
import { isOutsideNumber, routeOverTrunk } from '../trunks/trunks.ts';
import { ringersOf, type ColdParts } from './cold.ts';

/** One round of ringing: whoever it names, for so long. */
export type Stage = {
  readonly seconds: number;
  readonly declineEndsAll: boolean;
  /** Rings although nobody is there yet: who registers in time still gets the call (X12). */
  readonly patient: boolean;
  targets(): readonly Target[];
  /** The target that a device is which registers while it rings; none when it is not meant. */
  late(binding: Binding): Target | undefined;
};

/** Where a call rings, and why. */
export type RingPlan = {
  readonly callee: Identity;
  /** Users whose call it is. */
  readonly meantFor: readonly string[];
  readonly stages: readonly Stage[];
  readonly decision: string;
};

export type PlanParts = ColdParts & { readonly settings: SwitchSettings };

const unknown: Refusal = { status: 404, reason: 'No such extension or number' };
const incomplete: Refusal = { status: 484, reason: 'Number incomplete' };
const maxNumberHops = 5;

export const isRefusal = (plan: RingPlan | Refusal): plan is Refusal => 'status' in plan;

/** Where a dialled string leads within a domain, for this caller; or why it leads nowhere. */
export function planFor(
  parts: PlanParts,
  call: {
    readonly domain: string;
    readonly dialled: string;
    readonly caller: Endpoint | undefined;
    /** A call that is there already goes to another device of its user: not a new one, which cold routes direct. */
    readonly flip?: boolean;
  },
): RingPlan | Refusal {
  const { domain, caller } = call;
  if (call.dialled === '') return incomplete;
  let dialled = call.dialled;
  for (let hop = 0; hop < maxNumberHops; hop++) {
    const destination = parts.directory.resolve(domain, dialled);
    if (destination === undefined) return outside(parts, domain, dialled, caller);
    if (destination.kind === 'number') dialled = destination.number.target;
    else if (destination.kind === 'user') return ofUser(parts, destination.user, caller, call.flip);
    else if (destination.kind === 'device')
      return ofDevice(parts, destination.device, destination.user, caller);
    else return ofGroup(parts, destination.group, caller);
  }
  return unknown;
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
    return { endpoint, route: routeTo(binding) };
  };
  return {
    seconds: options.seconds,
    declineEndsAll: options.declineEndsAll,
    patient: options.patient ?? false,
    targets: () => onePerPhone(now()).flatMap((binding) => target(binding) ?? []),
    late: (binding) => (meant(binding) ? target(binding) : undefined),
  };
}

export function endpointOf(
  directory: DirectoryStore,
  binding: Binding,
): Extract<Endpoint, { kind: 'device' }> | undefined {
  const device = deviceById(directory, binding.deviceId, binding.userAgent);
  const user = directory.userById(binding.userId);
  return device === undefined || user === undefined ? undefined : { kind: 'device', user, device, binding };
}

function ofUser(parts: PlanParts, user: User, caller: Endpoint | undefined, flip = false): RingPlan {
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

function ofDevice(parts: PlanParts, device: Device, user: User, caller: Endpoint | undefined): RingPlan {
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

function ofGroup(parts: PlanParts, group: Group, caller: Endpoint | undefined): RingPlan {
  const { directory, bindings, settings } = parts;
  const members = directory.membersOf(group);
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

/** A number of the telephone network, for the domain's own callers; never from one trunk to another. */
function outside(
  parts: PlanParts,
  domain: string,
  number: string,
  caller: Endpoint | undefined,
): RingPlan | Refusal {
  const trunk = parts.directory.trunks(domain)[0];
  if (trunk === undefined || caller?.kind !== 'device' || !isOutsideNumber(number)) return unknown;
  const target: Target = {
    endpoint: { kind: 'trunk', trunk, number, name: '' },
    route: routeOverTrunk(trunk, number),
  };
  return {
    callee: identity(domain, number, ''),
    meantFor: [],
    decision: `outside number over trunk ${trunk.name}`,
    stages: [
      {
        seconds: parts.settings.ring.seconds,
        declineEndsAll: true,
        patient: false,
        targets: () => [target],
        late: () => undefined,
      },
    ],
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
