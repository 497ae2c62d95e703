import { isDeepStrictEqual } from 'node:util';
import type { Random } from '../../base/index.ts';
import { DirectoryConflict } from '../../stores/index.ts';
import type { DeviceKind, DirectoryStore, Trunk, TrunkInbound, User } from '../../stores/index.ts';
import { credentialsFor } from './credentials.ts';
import { hashPin, pinMatches } from './pin.ts';

export type DeviceSeed = {
  readonly extension: string;
  readonly name: string;
  readonly kind: DeviceKind;
  readonly trusted: boolean;
  /** The digest username when it is not the extension. */
  readonly username?: string;
  readonly password: string;
};

export type UserSeed = {
  readonly extension: string;
  readonly name: string;
  /** The public number that is shown when the user calls outside. */
  readonly number?: string;
  readonly pin?: string;
  readonly callCodes?: boolean;
  readonly mayGrab?: boolean;
  readonly record?: boolean;
  readonly role?: 'user' | 'supervisor';
  /** When set, phones may register with the user's extension and this password. */
  readonly password?: string;
  readonly devices: readonly DeviceSeed[];
};

export type GroupSeed = {
  readonly extension: string;
  readonly name: string;
  readonly ring: 'all' | 'order';
  readonly members: readonly string[];
  readonly memberSeconds?: number;
};

/** A trunk, with the carrier's password as it is, and the numbers that come in there. */
export type TrunkSeed = Omit<Trunk, 'id' | 'domain' | 'inbound'> & {
  readonly inbound?: Omit<TrunkInbound, 'credentials'> & {
    readonly username?: string;
    readonly password?: string;
  };
  readonly numbers: Readonly<Record<string, string>>;
};

/** What the configuration file says about who there is. */
export type DirectorySeed = {
  readonly domain: string;
  readonly aliases: readonly string[];
  readonly users: readonly UserSeed[];
  readonly groups: readonly GroupSeed[];
  readonly trunks: readonly TrunkSeed[];
  /** They are there because the file names nobody: nobody is removed for them. */
  readonly demo?: boolean;
};

const idOf = (domain: string, extension: string) => `${extension}@${domain}`;

/** What a seed put into the directory, by id; numbers by their digits. */
export type LaidOver = {
  readonly domain: string;
  readonly users: readonly string[];
  readonly devices: readonly string[];
  readonly groups: readonly string[];
  readonly trunks: readonly string[];
  readonly numbers: readonly string[];
};

/**
 * Lays a seed over the directory: what it names is put or replaced, and what the seed before it named and it does not is
 * removed; everything else stays. A seed that names nobody and nothing, and one of demo users, removes nothing. Records that are already so are
 * not written again. Yields what `before` is the next time. Rejects with `DirectoryConflict`, naming the record, when the
 * seed contradicts itself or what is there.
 */
export async function seedDirectory(
  directory: DirectoryStore,
  seed: DirectorySeed,
  random: Random,
  before?: LaidOver,
): Promise<LaidOver> {
  const { domain, aliases } = seed;
  const removes = seed.users.length + seed.groups.length + seed.trunks.length > 0 && seed.demo !== true;
  const past = removes ? before : undefined;
  if (past !== undefined && past.domain !== domain) await leaveDomain(directory, seed, past);
  const there = directory.domains().find(({ name }) => name === domain);
  if (!isDeepStrictEqual(there?.aliases, aliases)) await directory.putDomain({ name: domain, aliases });
  refuseTwice(seed);
  if (past !== undefined) await removeMissing(directory, seed, past);
  await putAll(directory, seed, random);
  const now = laidOver(directory, seed);
  return removes || before === undefined ? now : both(before, now);
}

async function putAll(directory: DirectoryStore, seed: DirectorySeed, random: Random): Promise<void> {
  const { domain } = seed;
  for (const user of seed.users) await seedUser(directory, domain, user, random);
  for (const group of seed.groups) await seedGroup(directory, domain, group);
  for (const trunk of seed.trunks) await seedTrunk(directory, domain, trunk);
}

/** Nobody was removed, and whoever was there before still comes from a file. */
const both = (before: LaidOver, now: LaidOver): LaidOver =>
  before.domain === now.domain
    ? {
        domain: now.domain,
        users: [...new Set([...before.users, ...now.users])],
        devices: [...new Set([...before.devices, ...now.devices])],
        groups: [...new Set([...before.groups, ...now.groups])],
        trunks: [...new Set([...before.trunks, ...now.trunks])],
        numbers: [...new Set([...before.numbers, ...now.numbers])],
      }
    : before;

/** What the seed names, as it is in the directory now. */
function laidOver(directory: DirectoryStore, { domain, users, groups, trunks }: DirectorySeed): LaidOver {
  const devices = users.flatMap((user) => user.devices);
  return {
    domain,
    users: users.flatMap(({ extension }) => directory.user(domain, extension)?.id ?? []),
    devices: devices.flatMap(({ extension }) => directory.device(domain, extension)?.id ?? []),
    groups: groups.flatMap(({ extension }) => directory.group(domain, extension)?.id ?? []),
    trunks: trunks.flatMap(({ name }) => directory.trunk(domain, name)?.id ?? []),
    numbers: trunks.flatMap(({ numbers }) => Object.keys(numbers)),
  };
}

/**
 * The domain has another name now, and the old one may become an alias of it. Passwords are kept for one domain only, so
 * whoever the API made in the old one cannot come along, and keeps it alive.
 */
async function leaveDomain(directory: DirectoryStore, seed: DirectorySeed, before: LaidOver): Promise<void> {
  await removeMissing(directory, seed, before);
  const { domain } = before;
  const left =
    directory.users(domain).length +
    directory.groups(domain).length +
    directory.numbers(domain).length +
    directory.trunks(domain).length;
  if (left === 0) await directory.removeDomain(domain);
}

/** Who is gone from the file must not go on registering. */
async function removeMissing(
  directory: DirectoryStore,
  seed: DirectorySeed,
  before: LaidOver,
): Promise<void> {
  const now = laidOver(directory, seed);
  const same = now.domain === before.domain;
  const gone = (what: 'users' | 'devices' | 'groups' | 'trunks' | 'numbers') => {
    const named = new Set(same ? now[what] : []);
    return before[what].filter((id) => !named.has(id));
  };
  for (const number of gone('numbers')) await directory.removeNumber(before.domain, number);
  for (const id of gone('trunks')) await directory.removeTrunk(id);
  for (const id of gone('groups')) await directory.removeGroup(id);
  for (const id of gone('devices')) await directory.removeDevice(id);
  for (const id of gone('users')) await directory.removeUser(id);
}

/** Two entries of one file with one extension would silently become one. */
function refuseTwice(seed: DirectorySeed): void {
  const seen = new Set<string>();
  const extensions = [
    ...seed.users.flatMap((user) => [user, ...user.devices]).map((record) => record.extension),
    ...seed.groups.map((group) => group.extension),
  ];
  for (const extension of extensions) {
    if (seen.has(extension))
      throw new DirectoryConflict(
        `extension ${extension} is given twice; user, device and group extensions must differ`,
      );
    seen.add(extension);
  }
}

async function seedUser(
  directory: DirectoryStore,
  domain: string,
  seed: UserSeed,
  random: Random,
): Promise<void> {
  const id = directory.user(domain, seed.extension)?.id ?? idOf(domain, seed.extension);
  const before = directory.userById(id);
  const { role: _role, ...kept } = before ?? {};
  const user: User = {
    ...kept,
    id,
    domain,
    extension: seed.extension,
    name: seed.name,
    ...(seed.number === undefined ? {} : { number: seed.number }),
    ...(seed.password === undefined
      ? {}
      : { credentials: credentialsFor(seed.extension, domain, seed.password) }),
    ...rightsOf(seed),
    ...(seed.pin === undefined ? {} : { pin: keptPin(before?.pin, seed.pin, random) }),
  };
  if (!isDeepStrictEqual(before, user)) await directory.putUser(user);
  for (const device of seed.devices) await seedDevice(directory, { domain, userId: id }, device);
}

/** What the user may do is as the file says, and as if it said the usual where it says nothing. */
const rightsOf = ({ callCodes = true, mayGrab = false, record = false, role = 'user' }: UserSeed) => ({
  callCodes,
  mayGrab,
  record,
  ...(role === 'user' ? {} : { role }),
});

/** A PIN that still matches keeps its hash, so that a restart changes nothing. */
function keptPin(hash: string | undefined, pin: string, random: Random): string {
  return hash !== undefined && pinMatches(hash, pin) ? hash : hashPin(pin, random);
}

async function seedDevice(
  directory: DirectoryStore,
  owner: { readonly domain: string; readonly userId: string },
  seed: DeviceSeed,
): Promise<void> {
  const { domain, userId } = owner;
  const { extension, name, kind, trusted } = seed;
  const before = directory.device(domain, extension);
  const id = before?.id ?? idOf(domain, extension);
  const credentials = credentialsFor(seed.username ?? extension, domain, seed.password);
  const device = { id, domain, userId, extension, name, kind, trusted, credentials };
  if (!isDeepStrictEqual(before, device)) await directory.putDevice(device);
}

async function seedGroup(directory: DirectoryStore, domain: string, seed: GroupSeed): Promise<void> {
  for (const member of seed.members) {
    const kind = directory.resolve(domain, member)?.kind;
    if (kind !== 'user' && kind !== 'device')
      throw new DirectoryConflict(
        `group ${seed.extension} has the member ${member}, which is no user or device`,
      );
  }
  const before = directory.group(domain, seed.extension);
  const group = { id: before?.id ?? idOf(domain, seed.extension), domain, ...seed };
  if (!isDeepStrictEqual(before, group)) await directory.putGroup(group);
}

/** Of what a carrier has to know, only what it can be checked by is kept. */
export function keptInbound(domain: string, seed: NonNullable<TrunkSeed['inbound']>): TrunkInbound {
  const { username, password, ...rest } = seed;
  return username === undefined || password === undefined
    ? rest
    : { ...rest, credentials: credentialsFor(username, domain, password) };
}

async function seedTrunk(directory: DirectoryStore, domain: string, seed: TrunkSeed): Promise<void> {
  const { numbers, inbound, ...fields } = seed;
  const before = directory.trunk(domain, seed.name);
  const trunk: Trunk = {
    id: before?.id ?? `${seed.name}@${domain}`,
    domain,
    ...fields,
    ...(inbound === undefined ? {} : { inbound: keptInbound(domain, inbound) }),
  };
  if (!isDeepStrictEqual(before, trunk)) await directory.putTrunk(trunk);
  for (const [number, target] of Object.entries(numbers)) {
    if (directory.resolve(domain, target) === undefined)
      throw new DirectoryConflict(`trunk ${seed.name} sends ${number} to ${target}, which is no extension`);
    const record = { domain, number, target, trunk: seed.name };
    if (!isDeepStrictEqual(directory.number(domain, number), record)) await directory.putNumber(record);
  }
}
