import assert from 'node:assert/strict';
import type {
  Action,
  Condition,
  RingResult,
  Routing,
  RoutingOwner,
  RoutingPolicy,
  Rule,
  Trunk,
} from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { FakeIncoming, phoneSdp, type FakeOutgoing } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';
import { defaultSettings, type SwitchSettings } from './settings.ts';

export const lab: Trunk = {
  id: 't1',
  domain,
  name: 'lab',
  host: '203.0.113.5',
  transport: 'udp',
  register: false,
  callerId: { number: '+49305550', form: 'e164', in: ['from', 'p-asserted-identity'], foreign: true },
};

export const customer = '+493012345';
export const mobile = '+491701234567';

export const forward = (to: string, more: Partial<Extract<Action, { kind: 'forward' }>> = {}): Action => ({
  kind: 'forward',
  to,
  ...more,
});

export const ring = (
  targets: readonly (string | { to: string; afterSeconds?: number; seconds?: number })[],
  more: Partial<Extract<Action, { kind: 'ring' }>> = {},
): Action => ({
  kind: 'ring',
  targets: targets.map((to) => (typeof to === 'string' ? { to } : to)),
  order: 'together',
  seconds: 20,
  ...more,
});

export const after = (...is: RingResult[]): Condition => ({ kind: 'result', is });
export const unanswered = (afterSeconds: number): Condition => ({
  kind: 'result',
  is: ['no-answer'],
  afterSeconds,
});

let ids = 0;
export const rule = (when: readonly Condition[], then: Action, more: Partial<Rule> = {}): Rule => {
  const id = `r${++ids}`;
  return { id, name: `rule ${id}`, enabled: true, when, then, changedAt: 0, changedBy: '100', ...more };
};

export const ownerOf = (kind: RoutingOwner['kind'], id: string): RoutingOwner => ({ domain, kind, id });

/** A domain with a trunk and a number, users 100 and 200 with three phones each, and rules. */
export class Office {
  readonly world: World;
  readonly clock: VirtualClock;
  #told = 0;

  private constructor(world: World, clock: VirtualClock) {
    this.world = world;
    this.clock = clock;
  }

  static async open(
    options: { readonly settings?: Partial<SwitchSettings>; readonly epoch?: number } = {},
  ): Promise<Office> {
    const clock = new VirtualClock(options.epoch);
    const world = await World.create(clock, options.settings);
    world.engine.heard.add('*');
    await world.directory.putTrunk(lab);
    await world.directory.putNumber({ domain, number: '+4930555100', target: '100' });
    const office = new Office(world, clock);
    await office.policy({});
    return office;
  }

  /** Ends every call and holds that nothing is left behind. */
  async close(): Promise<void> {
    for (const call of this.world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    await settle();
    assert.equal(this.world.core.calls.size, 0);
    assert.equal(this.world.engine.live.size, 0);
    this.world.close();
  }

  async addUser(extension: string, ...devices: string[]): Promise<void> {
    await this.world.directory.putUser({
      id: `u${extension}`,
      domain,
      extension,
      name: `User ${extension}`,
    });
    for (const device of devices) await this.world.addDevice(extension, device);
  }

  async rules(extension: string, rules: readonly Rule[], more: Partial<Routing> = {}): Promise<void> {
    await this.ownerRules(ownerOf('user', `u${extension}`), rules, more);
  }

  async ownerRules(owner: RoutingOwner, rules: readonly Rule[], more: Partial<Routing> = {}): Promise<void> {
    await this.world.routing.putRouting({ owner, rules, profiles: [], ...more });
  }

  async policy(more: Partial<RoutingPolicy>): Promise<void> {
    await this.world.routing.putPolicy({
      domain,
      mayForwardOutside: 'all',
      country: 'DE',
      countries: 'all',
      blockedPrefixes: [],
      exceptions: [],
      protectedNumbers: [],
      confirmMobiles: false,
      mainNumber: '+49305550',
      concurrentForwards: 5,
      forwardsPerHour: 60,
      suppressInCall: false,
      ...more,
    });
  }

  /** A customer calls over the trunk. */
  async customer(dialled = '+4930555100', headers = {}, number = customer): Promise<FakeIncoming> {
    const endpoint = { kind: 'trunk', trunk: lab, number, name: 'Customer' } as const;
    const incoming = new FakeIncoming(endpoint, phoneSdp(4000), headers);
    this.world.send(incoming, dialled);
    await settle();
    return incoming;
  }

  /** Who has been called since the last time it was asked, in the order of the INVITEs. */
  called(): string[] {
    const called = this.sent.slice(this.#told);
    this.#told = this.sent.length;
    return called;
  }

  /** Who has been called so far, whether or not it was asked before. */
  get sent(): string[] {
    return this.world.phones.sent.map(
      ({ invitation }) => /^sip:([^@]*)@/.exec(invitation.route.uri)?.[1] ?? '',
    );
  }

  at(extension: string): FakeOutgoing {
    return this.world.at(extension);
  }

  /** Every phone that was called and not cancelled says that it rings. */
  ringing(): void {
    for (const outgoing of this.world.phones.sent)
      if (!outgoing.over && outgoing.cancelled === undefined) outgoing.ring();
  }

  /** Moves time on, with everybody ringing as soon as they are called. */
  async pass(seconds: number): Promise<void> {
    for (let left = seconds * 1000; left > 0; left -= 250) {
      this.ringing();
      this.clock.advance(Math.min(250, left));
      await settle();
    }
    this.ringing();
  }

  decisions(): string {
    return (this.world.core.calls.all()[0]?.decisions ?? []).join('\n');
  }
}

export const routingSettings = (more: Partial<SwitchSettings['routing']>): Partial<SwitchSettings> => ({
  routing: { ...defaultSettings.routing, ...more },
});
