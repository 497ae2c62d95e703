import { Emitter } from '../../base/index.ts';
import {
  DirectoryConflict,
  type Account,
  type Destination,
  type Device,
  type DirectoryEvents,
  type DirectoryStore,
  type Domain,
  type Group,
  type Number,
  type Trunk,
  type User,
} from '../directory-store.ts';
import { WriteThrough, type Change, type Step } from '../write-through.ts';

export type DirectoryContents = {
  readonly domains: readonly Domain[];
  readonly users: readonly User[];
  readonly devices: readonly Device[];
  readonly groups: readonly Group[];
  readonly numbers: readonly Number[];
  readonly trunks: readonly Trunk[];
};

const nobody: DirectoryContents = {
  domains: [],
  users: [],
  devices: [],
  groups: [],
  numbers: [],
  trunks: [],
};

/** A key of a domain and something in it; the separator occurs in neither. */
const key = (domain: string, name: string) => `${domain}\n${name}`;

/** The directory in memory: the default, and the cache of every other backend. */
export class MemoryDirectoryStore implements DirectoryStore {
  readonly events = new Emitter<DirectoryEvents>();
  readonly #domains = new Map<string, Domain>();
  readonly #hosts = new Map<string, Domain>();
  readonly #users = new Map<string, User>();
  readonly #devices = new Map<string, Device>();
  readonly #groups = new Map<string, Group>();
  readonly #numbers = new Map<string, Number>();
  readonly #trunks = new Map<string, Trunk>();
  /** What holds an extension: `kind:id`, so that nothing takes another's. */
  readonly #extensions = new Map<
    string,
    { readonly kind: 'user' | 'device' | 'group'; readonly id: string }
  >();
  readonly #usernames = new Map<string, { readonly kind: 'user' | 'device'; readonly id: string }>();
  readonly #devicesOf = new Map<string, Set<string>>();
  readonly #through: WriteThrough;

  constructor(known: DirectoryContents = nobody, through = new WriteThrough()) {
    this.#through = through;
    for (const domain of known.domains) this.#placeDomain(domain);
    for (const user of known.users) this.#placeUser(user);
    for (const device of known.devices) this.#placeDevice(device);
    for (const group of known.groups) this.#placeGroup(group);
    for (const number of known.numbers) this.#numbers.set(key(number.domain, number.number), number);
    for (const trunk of known.trunks) this.#trunks.set(trunk.id, trunk);
  }

  domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  domain(host: string): Domain | undefined {
    return this.#hosts.get(host.toLowerCase());
  }

  users(domain: string): readonly User[] {
    return [...this.#users.values()].filter((u) => u.domain === domain);
  }

  userCount(): number {
    return this.#users.size;
  }

  user(domain: string, extension: string): User | undefined {
    const held = this.#extensions.get(key(domain, extension));
    return held?.kind === 'user' ? this.#users.get(held.id) : undefined;
  }

  userById(id: string): User | undefined {
    return this.#users.get(id);
  }

  device(domain: string, extension: string): Device | undefined {
    const held = this.#extensions.get(key(domain, extension));
    return held?.kind === 'device' ? this.#devices.get(held.id) : undefined;
  }

  deviceById(id: string): Device | undefined {
    return this.#devices.get(id);
  }

  devicesOf(userId: string): readonly Device[] {
    return [...(this.#devicesOf.get(userId) ?? [])].flatMap((id) => this.#devices.get(id) ?? []);
  }

  account(domain: string, username: string): Account | undefined {
    const held = this.#usernames.get(key(domain, username));
    if (held === undefined) return undefined;
    const device = held.kind === 'device' ? this.#devices.get(held.id) : undefined;
    const user = this.#users.get(device?.userId ?? held.id);
    const credentials = (device ?? user)?.credentials;
    if (user === undefined || credentials === undefined) return undefined;
    return device === undefined ? { user, credentials } : { user, device, credentials };
  }

  groups(domain: string): readonly Group[] {
    return [...this.#groups.values()].filter((g) => g.domain === domain);
  }

  group(domain: string, extension: string): Group | undefined {
    const held = this.#extensions.get(key(domain, extension));
    return held?.kind === 'group' ? this.#groups.get(held.id) : undefined;
  }

  membersOf(group: Group): readonly (User | Device)[] {
    return group.members.flatMap((extension): readonly (User | Device)[] => {
      const member = this.user(group.domain, extension) ?? this.device(group.domain, extension);
      return member === undefined ? [] : [member];
    });
  }

  numbers(domain: string): readonly Number[] {
    return [...this.#numbers.values()].filter((n) => n.domain === domain);
  }

  number(domain: string, number: string): Number | undefined {
    return this.#numbers.get(key(domain, number));
  }

  trunks(domain: string): readonly Trunk[] {
    return [...this.#trunks.values()].filter((t) => t.domain === domain);
  }

  trunk(domain: string, name: string): Trunk | undefined {
    return this.trunks(domain).find((t) => t.name === name);
  }

  resolve(domain: string, dialled: string): Destination | undefined {
    const user = this.user(domain, dialled);
    if (user !== undefined) return { kind: 'user', user };
    const device = this.device(domain, dialled);
    const owner = device === undefined ? undefined : this.#users.get(device.userId);
    if (device !== undefined && owner !== undefined) return { kind: 'device', device, user: owner };
    const group = this.group(domain, dialled);
    if (group !== undefined) return { kind: 'group', group };
    const number = this.number(domain, dialled);
    return number === undefined ? undefined : { kind: 'number', number };
  }

  putDomain(domain: Domain): Promise<void> {
    return this.#through.change(() => {
      const name = domain.name.toLowerCase();
      const hosts = [name, ...domain.aliases.map((a) => a.toLowerCase())];
      for (const host of hosts) {
        const other = this.#hosts.get(host);
        if (other !== undefined && other.name !== name)
          throw new DirectoryConflict(`${host} belongs to the domain ${other.name}`);
      }
      const before = this.#domains.get(name);
      const after: Domain = { name, aliases: hosts.slice(1) };
      return this.#done([{ kind: 'domain', before, after }], () => this.#placeDomain(after));
    });
  }

  putUser(user: User): Promise<void> {
    return this.#through.change(() => {
      this.#needDomain(user.domain);
      const before = this.#users.get(user.id);
      this.#needFree(user);
      return this.#done([{ kind: 'user', before, after: user }], () => this.#placeUser(user));
    });
  }

  putDevice(device: Device): Promise<void> {
    return this.#through.change(() => {
      const owner = this.#users.get(device.userId);
      if (owner === undefined || owner.domain !== device.domain)
        throw new DirectoryConflict(
          `device ${device.extension} belongs to a user that is not in ${device.domain}`,
        );
      const before = this.#devices.get(device.id);
      this.#needFree(device);
      return this.#done([{ kind: 'device', before, after: device }], () => this.#placeDevice(device));
    });
  }

  putGroup(group: Group): Promise<void> {
    return this.#through.change(() => {
      this.#needDomain(group.domain);
      const before = this.#groups.get(group.id);
      this.#needFree(group);
      return this.#done([{ kind: 'group', before, after: group }], () => this.#placeGroup(group));
    });
  }

  putNumber(number: Number): Promise<void> {
    return this.#through.change(() => {
      this.#needDomain(number.domain);
      const at = key(number.domain, number.number);
      if (this.#extensions.has(at))
        throw new DirectoryConflict(`${number.number} is an extension in ${number.domain}`);
      const before = this.#numbers.get(at);
      return this.#done([{ kind: 'number', before, after: number }], () => this.#numbers.set(at, number));
    });
  }

  putTrunk(trunk: Trunk): Promise<void> {
    return this.#through.change(() => {
      this.#needDomain(trunk.domain);
      const other = this.trunk(trunk.domain, trunk.name);
      if (other !== undefined && other.id !== trunk.id)
        throw new DirectoryConflict(`there is a trunk ${trunk.name} in ${trunk.domain}`);
      const before = this.#trunks.get(trunk.id);
      return this.#done([{ kind: 'trunk', before, after: trunk }], () => this.#trunks.set(trunk.id, trunk));
    });
  }

  removeDomain(name: string): Promise<void> {
    return this.#through.change(() => {
      const before = this.#domains.get(name);
      if (before === undefined) return nothing;
      const left = [this.users(name), this.groups(name), this.numbers(name), this.trunks(name)];
      if (left.some((records) => records.length > 0))
        throw new DirectoryConflict(`the domain ${name} is not empty`);
      return this.#done([{ kind: 'domain', before, after: undefined }], () => {
        for (const host of [name, ...before.aliases]) this.#hosts.delete(host);
        this.#domains.delete(name);
      });
    });
  }

  removeUser(id: string): Promise<void> {
    return this.#through.change(() => {
      const user = this.#users.get(id);
      if (user === undefined) return nothing;
      const devices = this.devicesOf(id);
      const changes: DirectoryChange[] = [
        ...devices.map((before) => ({ kind: 'device', before, after: undefined }) as const),
        { kind: 'user', before: user, after: undefined },
      ];
      return this.#done(changes, () => {
        for (const device of devices) this.#dropDevice(device);
        this.#devicesOf.delete(id);
        this.#release(user);
        this.#users.delete(id);
      });
    });
  }

  removeDevice(id: string): Promise<void> {
    return this.#through.change(() => {
      const before = this.#devices.get(id);
      if (before === undefined) return nothing;
      return this.#done([{ kind: 'device', before, after: undefined }], () => this.#dropDevice(before));
    });
  }

  removeGroup(id: string): Promise<void> {
    return this.#through.change(() => {
      const before = this.#groups.get(id);
      if (before === undefined) return nothing;
      return this.#done([{ kind: 'group', before, after: undefined }], () => {
        this.#release(before);
        this.#groups.delete(id);
      });
    });
  }

  removeNumber(domain: string, number: string): Promise<void> {
    return this.#through.change(() => {
      const before = this.#numbers.get(key(domain, number));
      if (before === undefined) return nothing;
      return this.#done([{ kind: 'number', before, after: undefined }], () =>
        this.#numbers.delete(key(domain, number)),
      );
    });
  }

  removeTrunk(id: string): Promise<void> {
    return this.#through.change(() => {
      const before = this.#trunks.get(id);
      if (before === undefined) return nothing;
      return this.#done([{ kind: 'trunk', before, after: undefined }], () => this.#trunks.delete(id));
    });
  }

  /** Changes what is there, and then tells of each change in turn. */
  #done(changes: readonly DirectoryChange[], place: () => unknown): Step<void> {
    return {
      changes,
      apply: () => {
        place();
        for (const change of changes) this.events.emit('changed', toldOf(change));
      },
    };
  }

  #placeDomain(domain: Domain): void {
    for (const [host, held] of this.#hosts) if (held.name === domain.name) this.#hosts.delete(host);
    this.#domains.set(domain.name, domain);
    for (const host of [domain.name, ...domain.aliases]) this.#hosts.set(host, domain);
  }

  #placeUser(user: User): void {
    this.#claim(user, 'user', this.#users.get(user.id));
    this.#users.set(user.id, user);
  }

  #placeDevice(device: Device): void {
    const before = this.#devices.get(device.id);
    this.#claim(device, 'device', before);
    if (before !== undefined) this.#devicesOf.get(before.userId)?.delete(device.id);
    this.#devices.set(device.id, device);
    const siblings = this.#devicesOf.get(device.userId) ?? new Set();
    this.#devicesOf.set(device.userId, siblings.add(device.id));
  }

  #placeGroup(group: Group): void {
    this.#claim(group, 'group', this.#groups.get(group.id));
    this.#groups.set(group.id, group);
  }

  #dropDevice(device: Device): void {
    this.#release(device);
    this.#devices.delete(device.id);
    this.#devicesOf.get(device.userId)?.delete(device.id);
  }

  #needDomain(domain: string): void {
    if (!this.#domains.has(domain)) throw new DirectoryConflict(`there is no domain ${domain}`);
  }

  /** The extension and the username are nobody else's. */
  #needFree(record: User | Device | Group): void {
    const extension = key(record.domain, record.extension);
    const holder = this.#extensions.get(extension);
    if ((holder !== undefined && holder.id !== record.id) || this.#numbers.has(extension))
      throw new DirectoryConflict(`extension ${record.extension} is taken in ${record.domain}`);
    const username = usernameOf(record);
    const account = username === undefined ? undefined : this.#usernames.get(key(record.domain, username));
    if (account !== undefined && account.id !== record.id)
      throw new DirectoryConflict(`username ${username} is taken in ${record.domain}`);
  }

  #claim(
    record: User | Device | Group,
    kind: 'user' | 'device' | 'group',
    before: User | Device | Group | undefined,
  ): void {
    if (before !== undefined) this.#release(before);
    this.#extensions.set(key(record.domain, record.extension), { kind, id: record.id });
    const username = usernameOf(record);
    if (username !== undefined && kind !== 'group')
      this.#usernames.set(key(record.domain, username), { kind, id: record.id });
  }

  #release(record: User | Device | Group): void {
    this.#extensions.delete(key(record.domain, record.extension));
    const username = usernameOf(record);
    if (username !== undefined) this.#usernames.delete(key(record.domain, username));
  }
}

type DirectoryChange = Extract<
  Change,
  { readonly kind: 'domain' | 'user' | 'device' | 'group' | 'number' | 'trunk' }
>;

const nothing: Step<void> = { changes: [], apply: () => undefined };

const usernameOf = (record: User | Device | Group): string | undefined =>
  'credentials' in record ? record.credentials?.username : undefined;

function toldOf({ kind, before, after }: DirectoryChange): DirectoryEvents['changed'] {
  const record = (after ?? before) as NonNullable<typeof after>;
  const removed = after === undefined;
  if ('number' in record && kind === 'number')
    return { what: kind, domain: record.domain, id: (record as Number).number, removed };
  if (kind === 'domain') {
    const { name } = record as Domain;
    return { what: kind, domain: name, id: name, removed };
  }
  const { domain, id } = record as Exclude<typeof record, Domain | Number>;
  return { what: kind, domain, id, removed };
}
