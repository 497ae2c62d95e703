import { silentLogger, type Clock, type Random } from '../../base/index.ts';
import {
  MemoryBindingStore,
  MemoryColdRouteStore,
  MemoryDirectoryStore,
  MemoryRoutingStore,
  type Device,
} from '../../stores/index.ts';
import type { Endpoint } from '../call/endpoint.ts';
import { defaultSettings, type SwitchSettings } from '../call/settings.ts';
import { createCore, type Core, type CoreParts } from '../core.ts';
import { FakeEngine } from './fake-engine.ts';
import { FakeInlets } from './fake-inlets.ts';
import { FakeIncoming, FakeOutgoing, FakeSignaling, phoneSdp } from './fake-phones.ts';

export const domain = 'pbx.test';

/** A clock that a test moves. */
export type TestClock = Clock & { advance(ms: number): void };

/** Lets everything that is ready run, without moving time. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** The whole switch on virtual time: users 100 and 200 with three devices each (1001… and 2001…), all registered. */
export class World {
  readonly clock: TestClock;
  readonly phones = new FakeSignaling();
  readonly inlets: FakeInlets;
  readonly engine: FakeEngine;
  readonly directory = new MemoryDirectoryStore();
  readonly bindings: MemoryBindingStore;
  readonly coldRoutes = new MemoryColdRouteStore();
  readonly routing = new MemoryRoutingStore(this.directory);
  readonly core: Core;
  #ids = 0;

  constructor(
    clock: TestClock,
    settings: Partial<SwitchSettings> = {},
    engine = new FakeEngine(),
    more: Pick<CoreParts, 'overload' | 'mailboxes'> = {},
  ) {
    this.clock = clock;
    this.engine = engine;
    this.inlets = new FakeInlets(clock);
    const random: Random = {
      hex: (bytes) => (++this.#ids).toString(16).padStart(bytes * 2, '0'),
      unit: () => 0.5,
    };
    this.bindings = new MemoryBindingStore({ clock, random, limits: { perDevice: 10, total: 1000 } });
    this.core = createCore({
      signaling: this.phones,
      authenticate: (incoming) => ({ endpoint: (incoming as FakeIncoming).endpoint }),
      media: this.engine,
      inlets: this.inlets,
      directory: this.directory,
      bindings: this.bindings,
      coldRoutes: this.coldRoutes,
      routing: this.routing,
      settings: { domain, ...defaultSettings, ...settings },
      clock,
      random,
      log: silentLogger,
      ...more,
    });
  }

  static async create(
    clock: TestClock,
    settings: Partial<SwitchSettings> = {},
    engine = new FakeEngine(),
    more: Pick<CoreParts, 'overload' | 'mailboxes'> = {},
  ): Promise<World> {
    const world = new World(clock, settings, engine, more);
    await world.directory.putDomain({ name: domain, aliases: [] });
    for (const user of ['100', '200']) {
      await world.directory.putUser({ id: `u${user}`, domain, extension: user, name: `User ${user}` });
      for (const n of [1, 2, 3]) await world.addDevice(user, `${user.slice(0, 1)}00${n}`);
    }
    return world;
  }

  async addDevice(user: string, extension: string, more: Partial<Device> = {}): Promise<void> {
    await this.directory.putDevice({
      id: `d${extension}`,
      domain,
      userId: `u${user}`,
      extension,
      name: extension,
      kind: 'desk',
      trusted: true,
      ...more,
    });
    await this.register(extension);
  }

  async register(extension: string): Promise<void> {
    const device = this.directory.device(domain, extension);
    await this.bindings.register({
      domain,
      aor: extension,
      userId: device?.userId ?? '',
      deviceId: device?.id ?? '',
      flow: { protocol: 'udp', address: '192.0.2.9', port: Number(extension) },
      path: [],
      callId: `register-${extension}`,
      cseq: 1,
      contacts: [{ uri: `sip:${extension}@192.0.2.9:${extension}`, q: 1, seconds: 3600 }],
    });
  }

  endpoint(extension: string): Endpoint {
    const device = this.directory.device(domain, extension);
    const user = this.directory.userById(device?.userId ?? '');
    if (device === undefined || user === undefined) throw new Error(`no device ${extension}`);
    return { kind: 'device', device, user };
  }

  /** A device dials; what it gets is in the INVITE that is yielded. */
  async dial(from: string, dialled: string, body = phoneSdp(4000), headers = {}): Promise<FakeIncoming> {
    const incoming = new FakeIncoming(this.endpoint(from), body, headers);
    this.send(incoming, dialled);
    await settle();
    return incoming;
  }

  send(incoming: FakeIncoming, dialled: string): void {
    void this.core.enter(incoming, dialled);
  }

  /** The latest INVITE that was sent to a device. */
  at(extension: string): FakeOutgoing {
    const found = this.phones.sent.findLast((o) => o.invitation.route.uri.startsWith(`sip:${extension}@`));
    if (found === undefined) throw new Error(`${extension} was not called`);
    return found;
  }

  wasCalled(extension: string): boolean {
    return this.phones.sent.some((o) => o.invitation.route.uri.startsWith(`sip:${extension}@`));
  }

  /** Moves time on, in steps short enough for what waits on it. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.clock.advance(Math.min(10, left));
      await settle();
    }
  }

  close(): void {
    void this.core.close();
    this.bindings.close();
  }
}
