import type { Emitter } from '../base/index.ts';
import type { Credentials } from './credentials.ts';
import type { Trunk } from './trunk.ts';

export type { Credentials } from './credentials.ts';
export type { Trunk } from './trunk.ts';

/** A SIP domain: the tenant boundary. `aliases` are other host names that phones may use for it. */
export type Domain = { readonly name: string; readonly aliases: readonly string[] };

/** A person or a room: one extension, any number of devices. */
export type User = {
  readonly id: string;
  readonly domain: string;
  readonly extension: string;
  readonly name: string;
  /** The public number that is shown when the user calls outside. */
  readonly number?: string;
  /** Set when phones may register with the user's own username and password. */
  readonly credentials?: Credentials;
  /** The PIN for mailbox and console, as `hashPin` writes it. */
  readonly pin?: string;
  /** `false`: keys pressed in a call all go to the other side; no code is looked for. */
  readonly callCodes?: boolean;
  /** `true`: may take calls of other users by the `grab` code. */
  readonly mayGrab?: boolean;
  /** `true`: every call of the user is recorded. */
  readonly record?: boolean;
  /** Sees everything in the domain through the API. */
  readonly role?: 'supervisor';
};

export type DeviceKind = 'desk' | 'mobile' | 'desktop' | 'browser' | 'gateway' | 'other';

/** One phone or app of a user. Its own extension is unique in the domain, as a user's is. */
export type Device = {
  readonly id: string;
  readonly domain: string;
  readonly userId: string;
  readonly extension: string;
  readonly name: string;
  readonly kind: DeviceKind;
  /** Whether the device may take over and direct calls (flips, cold routes). */
  readonly trusted: boolean;
  /** Absent for a phone that registered with its user's credentials and is known by its contact alone. */
  readonly credentials?: Credentials;
};

/** A ring group (`all` at once) or hunt group (`order`); members are extensions of the same domain. */
export type Group = {
  readonly id: string;
  readonly domain: string;
  readonly extension: string;
  readonly name: string;
  readonly ring: 'all' | 'order';
  readonly members: readonly string[];
  /** How long one member rings in an `order` group; the configuration's ring time when absent. */
  readonly memberSeconds?: number;
};

/** A public number that leads to an extension of the domain. */
export type Number = {
  readonly domain: string;
  readonly number: string;
  readonly target: string;
  /** The trunk it comes in on; any trunk of the domain when absent. */
  readonly trunk?: string;
};

/** The account behind a SIP username: a device's, or a user's own (then `device` is absent). */
export type Account = { readonly user: User; readonly device?: Device; readonly credentials: Credentials };

/** What an extension or a number stands for. */
export type Destination =
  | { readonly kind: 'user'; readonly user: User }
  | { readonly kind: 'device'; readonly device: Device; readonly user: User }
  | { readonly kind: 'group'; readonly group: Group }
  | { readonly kind: 'number'; readonly number: Number };

export type DirectoryEvents = {
  /** Something was added, replaced or removed; `id` is an id, or a number's digits. */
  changed: {
    readonly what: 'domain' | 'user' | 'device' | 'group' | 'number' | 'trunk';
    readonly domain: string;
    readonly id: string;
    readonly removed: boolean;
  };
};

/** An extension, username or alias is taken by something else, or what a record points to is not there. */
export class DirectoryConflict extends Error {
  override readonly name = 'DirectoryConflict';
}

/**
 * Who and what there is. Look-ups are synchronous: every backend keeps the directory in memory, because calls go on
 * when a database does not. Changes are promises that resolve once they are durable, and reject with
 * `DirectoryConflict` when they contradict what is there. Removing a user removes the user's devices.
 */
export interface DirectoryStore {
  readonly events: Emitter<DirectoryEvents>;
  domains(): readonly Domain[];
  /** By name or alias, in any case. */
  domain(host: string): Domain | undefined;
  users(domain: string): readonly User[];
  /** Users of all domains; counted, not listed. */
  userCount(): number;
  user(domain: string, extension: string): User | undefined;
  userById(id: string): User | undefined;
  device(domain: string, extension: string): Device | undefined;
  deviceById(id: string): Device | undefined;
  devicesOf(userId: string): readonly Device[];
  /** The account that a digest username names. */
  account(domain: string, username: string): Account | undefined;
  groups(domain: string): readonly Group[];
  group(domain: string, extension: string): Group | undefined;
  /** The members of a group that exist, in its order. */
  membersOf(group: Group): readonly (User | Device)[];
  numbers(domain: string): readonly Number[];
  number(domain: string, number: string): Number | undefined;
  trunks(domain: string): readonly Trunk[];
  trunk(domain: string, name: string): Trunk | undefined;
  /** User, device, group or number, whichever has that extension; they cannot collide. */
  resolve(domain: string, dialled: string): Destination | undefined;

  putDomain(domain: Domain): Promise<void>;
  putUser(user: User): Promise<void>;
  putDevice(device: Device): Promise<void>;
  putGroup(group: Group): Promise<void>;
  putNumber(number: Number): Promise<void>;
  putTrunk(trunk: Trunk): Promise<void>;
  /** Refused as long as there is anybody or anything in it. */
  removeDomain(name: string): Promise<void>;
  removeUser(id: string): Promise<void>;
  removeDevice(id: string): Promise<void>;
  removeGroup(id: string): Promise<void>;
  removeNumber(domain: string, number: string): Promise<void>;
  removeTrunk(id: string): Promise<void>;
}
