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

  domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  domain(host: string): Domain | undefined {
    return this.#hosts.get(host.toLowerCase());
  }

  users(domain: string): readonly User[] {
    return [...this.#users.values()].filter((u) => u.domain === domain);
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

  async putDomain(domain: Domain): Promise<void> {
    const name = domain.name.toLowerCase();
    const hosts = [name, ...domain.aliases.map((a) => a.toLowerCase())];
    for (const host of hosts) {
      const other = this.#hosts.get(host);
      if (other !== undefined && other.name !== name)
        throw new DirectoryConflict(`${host} belongs to the domain ${other.name}`);
    }
    for (const [host, held] of this.#hosts) if (held.name === name) this.#hosts.delete(host);
    const kept: Domain = { name, aliases: hosts.slice(1) };
    this.#domains.set(name, kept);
    for (const host of hosts) this.#hosts.set(host, kept);
    this.#changed('domain', name, name);
  }

  async putUser(user: User): Promise<void> {
    this.#needDomain(user.domain);
    this.#claim(user, 'user', this.#users.get(user.id));
    this.#users.set(user.id, user);
    this.#changed('user', user.domain, user.id);
  }

  async putDevice(device: Device): Promise<void> {
    const owner = this.#users.get(device.userId);
    if (owner === undefined || owner.domain !== device.domain)
      throw new DirectoryConflict(
        `device ${device.extension} belongs to a user that is not in ${device.domain}`,
      );
    const before = this.#devices.get(device.id);
    this.#claim(device, 'device', before);
    if (before !== undefined) this.#devicesOf.get(before.userId)?.delete(device.id);
    this.#devices.set(device.id, device);
    const siblings = this.#devicesOf.get(device.userId) ?? new Set();
    this.#devicesOf.set(device.userId, siblings.add(device.id));
    this.#changed('device', device.domain, device.id);
  }

  async putGroup(group: Group): Promise<void> {
    this.#needDomain(group.domain);
    this.#claim(group, 'group', this.#groups.get(group.id));
    this.#groups.set(group.id, group);
    this.#changed('group', group.domain, group.id);
  }

  async putNumber(number: Number): Promise<void> {
    this.#needDomain(number.domain);
    if (this.#extensions.has(key(number.domain, number.number)))
      throw new DirectoryConflict(`${number.number} is an extension in ${number.domain}`);
    this.#numbers.set(key(number.domain, number.number), number);
    this.#changed('number', number.domain, number.number);
  }

  async putTrunk(trunk: Trunk): Promise<void> {
    this.#needDomain(trunk.domain);
    const other = this.trunk(trunk.domain, trunk.name);
    if (other !== undefined && other.id !== trunk.id)
      throw new DirectoryConflict(`there is a trunk ${trunk.name} in ${trunk.domain}`);
    this.#trunks.set(trunk.id, trunk);
    this.#changed('trunk', trunk.domain, trunk.id);
  }

  async removeUser(id: string): Promise<void> {
    const user = this.#users.get(id);
    if (user === undefined) return;
    for (const device of this.devicesOf(id)) this.#dropDevice(device);
    this.#devicesOf.delete(id);
    this.#release(user);
    this.#users.delete(id);
    this.#changed('user', user.domain, id, true);
  }

  async removeDevice(id: string): Promise<void> {
    const device = this.#devices.get(id);
    if (device !== undefined) this.#dropDevice(device);
  }

  async removeGroup(id: string): Promise<void> {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#release(group);
    this.#groups.delete(id);
    this.#changed('group', group.domain, id, true);
  }

  async removeNumber(domain: string, number: string): Promise<void> {
    if (this.#numbers.delete(key(domain, number))) this.#changed('number', domain, number, true);
  }

  async removeTrunk(id: string): Promise<void> {
    const trunk = this.#trunks.get(id);
    if (trunk === undefined) return;
    this.#trunks.delete(id);
    this.#changed('trunk', trunk.domain, id, true);
  }

  #changed(what: DirectoryEvents['changed']['what'], domain: string, id: string, removed = false): void {
    this.events.emit('changed', { what, domain, id, removed });
  }

  #needDomain(domain: string): void {
    if (!this.#domains.has(domain)) throw new DirectoryConflict(`there is no domain ${domain}`);
  }

  #dropDevice(device: Device): void {
    this.#release(device);
    this.#devices.delete(device.id);
    this.#devicesOf.get(device.userId)?.delete(device.id);
    this.#changed('device', device.domain, device.id, true);
  }

  /** Takes the extension and the username, or throws before anything has changed. */
  #claim(
    record: User | Device | Group,
    kind: 'user' | 'device' | 'group',
    before?: User | Device | Group,
  ): void {
    const extension = key(record.domain, record.extension);
    const holder = this.#extensions.get(extension);
    if ((holder !== undefined && holder.id !== record.id) || this.#numbers.has(extension))
      throw new DirectoryConflict(`extension ${record.extension} is taken in ${record.domain}`);
    const username = 'credentials' in record ? record.credentials?.username : undefined;
    const account = username === undefined ? undefined : this.#usernames.get(key(record.domain, username));
    if (account !== undefined && account.id !== record.id)
      throw new DirectoryConflict(`username ${username} is taken in ${record.domain}`);
    if (before !== undefined) this.#release(before);
    this.#extensions.set(extension, { kind, id: record.id });
    if (username !== undefined && kind !== 'group')
      this.#usernames.set(key(record.domain, username), { kind, id: record.id });
  }

  #release(record: User | Device | Group): void {
    this.#extensions.delete(key(record.domain, record.extension));
    if ('credentials' in record && record.credentials !== undefined)
      this.#usernames.delete(key(record.domain, record.credentials.username));
  }
}
