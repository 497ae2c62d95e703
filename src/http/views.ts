import type { AuditEntry, Binding, CallRecord, Device, DirectoryStore, User } from '../stores/index.ts';
import { deviceById } from '../switch/directory/index.ts';
import type { Asker, CallView, FlipView, LegView } from '../switch/index.ts';

/** A leg as the API shows it: people and devices by their extensions. */
type ApiLeg = Omit<LegView, 'userId' | 'deviceId'> & { readonly user?: string };
type ApiCall = Omit<CallView, 'domain' | 'legs'> & { readonly legs: readonly ApiLeg[] };

/** A call for who asks: another party's devices, and what it does with them, are nobody else's business. */
export function callFor(directory: DirectoryStore, view: CallView, asker: Asker): ApiCall {
  const { domain: _domain, users, legs, flips, decisions, trace, ...rest } = view;
  const extension = (id: string) => directory.userById(id)?.extension ?? id;
  const mine = (party: 'caller' | 'callee') =>
    asker.admin || legs.some((leg) => leg.party === party && leg.userId === asker.userId);
  return {
    ...rest,
    users: users.map(extension),
    legs: legs.map((leg) => legFor(leg, leg.userId === undefined ? undefined : extension(leg.userId), asker)),
    flips: flips.filter((flip) => mine(flip.party)),
    decisions: mine('callee') ? decisions : [],
    trace: mine('callee') ? trace : [],
  };
}

function legFor(leg: LegView, user: string | undefined, asker: Asker): ApiLeg {
  const { userId, deviceId: _deviceId, device, number, ...rest } = leg;
  const own = asker.admin || userId === asker.userId;
  return {
    ...rest,
    ...(user === undefined ? {} : { user }),
    ...(device === undefined || !own ? {} : { device }),
    ...(number === undefined || !own ? {} : { number }),
  };
}

export const flipFor = (call: string, flip: FlipView): FlipView & { readonly call: string } => ({
  call,
  ...flip,
});

/** A record for who asks, by the same rule. */
export function recordFor(record: CallRecord, asker: Asker, directory: DirectoryStore): object {
  const { domain: _domain, userIds: _userIds, ...rest } = record;
  if (asker.admin) return rest;
  const own = asker.userId === undefined ? undefined : directory.userById(asker.userId)?.extension;
  const mine = (party: 'caller' | 'callee') =>
    record.legs.some((leg) => leg.party === party && leg.user === own);
  return {
    ...rest,
    legs: record.legs.map(({ device, number: _number, ...leg }) =>
      leg.user === own && device !== undefined ? { ...leg, device } : leg,
    ),
    flips: record.flips.filter((flip) => mine(flip.party)),
    decisions: mine('callee') ? record.decisions : [],
    trace: mine('callee') ? (record.trace ?? []) : [],
  };
}

export const auditFor = ({ domain: _domain, ...entry }: AuditEntry): object => entry;

/** Never a password or PIN, nor what is kept of them. */
export const userFor = (user: User, devices: readonly Device[]): object => ({
  extension: user.extension,
  name: user.name,
  ...(user.number === undefined ? {} : { number: user.number }),
  callCodes: user.callCodes ?? true,
  mayGrab: user.mayGrab ?? false,
  record: user.record ?? false,
  role: user.role ?? 'user',
  hasPin: user.pin !== undefined,
  hasPassword: user.credentials !== undefined,
  devices: devices.map((device) => device.extension),
});

export const deviceFor = (device: Device, owner: User | undefined, bindings: readonly Binding[]): object => ({
  extension: device.extension,
  user: owner?.extension ?? '',
  name: device.name,
  kind: device.kind,
  trusted: device.trusted,
  ...(device.credentials === undefined ? {} : { username: device.credentials.username }),
  registered: bindings.length > 0,
});

export function bindingFor(directory: DirectoryStore, binding: Binding): object {
  const { id, aor, contact, instance, q, userAgent, registeredAt, refreshedAt, expiresAt } = binding;
  const device = deviceById(directory, binding.deviceId);
  return {
    id,
    user: directory.userById(binding.userId)?.extension ?? '',
    device: device?.extension ?? aor,
    aor,
    contact,
    flow: binding.flow,
    ...(instance === undefined ? {} : { instance }),
    ...(userAgent === undefined ? {} : { userAgent }),
    q,
    registeredAt,
    refreshedAt,
    expiresAt,
  };
}
