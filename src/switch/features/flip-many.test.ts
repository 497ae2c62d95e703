import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { Call } from '../call/call.ts';
import { defaultSettings } from '../call/settings.ts';
import { moved } from '../call/swap.ts';
import { FakeIncoming, type FakeDialog } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

const pairs = 50;

/** One call of many: a user with two devices, who talks with another one who has two. */
class Pair {
  readonly world: World;
  readonly user: string;
  readonly other: string;
  readonly devices: readonly [string, string];
  readonly others: readonly [string, string];
  /** What speaks for each side now, as its phone holds it. */
  near!: FakeDialog;
  far!: FakeDialog;
  call!: Call;

  constructor(world: World, n: number) {
    this.world = world;
    this.user = String(4000 + n);
    this.other = String(5000 + n);
    this.devices = [String(40_000 + 2 * n), String(40_001 + 2 * n)];
    this.others = [String(50_000 + 2 * n), String(50_001 + 2 * n)];
  }

  async join(): Promise<void> {
    const { world } = this;
    for (const [user, devices] of [
      [this.user, this.devices],
      [this.other, this.others],
    ] as const) {
      await world.directory.putUser({ id: `u${user}`, domain, extension: user, name: `User ${user}` });
      for (const device of devices) await world.addDevice(user, device);
    }
  }

  /** An INVITE that is sent without waiting for what comes of it. */
  dials(device: string, code: string): FakeIncoming {
    const incoming = new FakeIncoming(this.world.endpoint(device));
    this.world.send(incoming, code);
    return incoming;
  }

  presses(digit: string): void {
    const event = '0123456789*#'.indexOf(digit);
    const source_tag = this.call.callee.leg?.tag;
    const said = { callid: this.call.id, source_tag, type: 'DTMF', event, duration: 120, volume: 10 };
    this.world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
  }

  speaks(side: 'caller' | 'callee'): string | undefined {
    const endpoint = this.call.party(side).leg?.endpoint;
    return endpoint?.kind === 'device' ? endpoint.device.extension : undefined;
  }

  get flips() {
    return this.call.flips.map(({ kind, party, from, to, result }) => ({ kind, party, from, to, result }));
  }
}

describe('S0-74 fifty pairs flip at once and do not touch each other', () => {
  let world: World;
  let all: Pair[];
  beforeEach(async () => {
    const limits = { ...defaultSettings.limits, callsPerSecond: 10_000, callBurst: 10_000 };
    world = await World.create(new VirtualClock(), { limits });
    world.engine.heard.add('*');
    all = Array.from({ length: pairs }, (_, n) => new Pair(world, n));
    for (const pair of all) await pair.join();
    const callers = all.map((pair) => pair.dials(pair.others[0], pair.user));
    await settle();
    for (const [i, pair] of all.entries()) {
      pair.near = world.at(pair.devices[0]).answer();
      pair.far = (callers[i] as FakeIncoming).dialog;
    }
    await settle();
    for (const pair of all) {
      const call = world.core.calls.all().find(({ caller }) => caller.leg?.dialog === pair.far);
      assert.ok(call);
      pair.call = call;
    }
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    assert.equal(world.engine.live.size, 0);
    world.close();
  });

  /** Each call is where it should be, and neither it nor its media has anything of another one. */
  const apart = () => {
    assert.equal(world.core.calls.size, pairs);
    const dialogs = new Set<unknown>();
    const callOf = new Map<unknown, unknown>();
    for (const pair of all) {
      const { call, near, far } = pair;
      assert.deepEqual([call.phase, near.up, far.up], ['talking', true, true]);
      assert.deepEqual([call.callee.leg?.dialog, call.caller.leg?.dialog], [near, far]);
      assert.deepEqual([...call.users()].toSorted(), [`u${pair.user}`, `u${pair.other}`]);
      assert.equal(call.operations.claimedBy, undefined);
      for (const dialog of [near, far]) {
        assert.deepEqual([dialog.reinvites, dialog.requests], [[], []]);
        dialogs.add(dialog);
      }
      for (const { tag } of call.legs) callOf.set(tag, call.id);
    }
    assert.equal(dialogs.size, 2 * pairs);
    for (const { name, fields } of world.engine.commands)
      for (const tag of [fields['from-tag'], fields['to-tag']])
        if (tag !== undefined) assert.equal(callOf.get(tag) ?? fields['call-id'], fields['call-id'], name);
  };
  const handedOn = (old: FakeDialog) => assert.deepEqual([old.up, old.bye_], [false, moved]);

  it('all pull, all push back key by key, and then both sides move at the same time', async () => {
    apart();
    const pulls = all.map((pair) => pair.dials(pair.devices[1], '*33'));
    await settle();
    for (const [i, pair] of all.entries()) {
      const { dialog, final } = pulls[i] as FakeIncoming;
      assert.equal(final?.status, 200);
      assert.match(final.headers?.['P-Asserted-Identity'] ?? '', new RegExp(`sip:${pair.other}@`));
      handedOn(pair.near);
      pair.near = dialog;
    }
    apart();

    const olds: FakeDialog[] = [];
    for (let i = 0; i < '*9#'.length + 5; i++)
      for (const pair of all) pair.presses(`*9${pair.devices[0]}#`[i] ?? '');
    await settle();
    for (const pair of all) {
      assert.ok(pair.near.up);
      olds.push(pair.near);
      pair.near = world.at(pair.devices[0]).answer();
    }
    await settle();
    olds.forEach(handedOn);
    apart();

    const others = all.map((pair) => pair.dials(pair.others[1], '*33'));
    await settle();
    for (const [i, pair] of all.entries()) {
      handedOn(pair.far);
      pair.far = (others[i] as FakeIncoming).dialog;
    }
    apart();
    for (const pair of all) {
      assert.deepEqual(pair.flips, [
        { kind: 'pull', party: 'callee', from: pair.devices[0], to: pair.devices[1], result: 'moved' },
        { kind: 'push', party: 'callee', from: pair.devices[1], to: pair.devices[0], result: 'moved' },
        { kind: 'pull', party: 'caller', from: pair.others[0], to: pair.others[1], result: 'moved' },
      ]);
      assert.deepEqual([pair.speaks('callee'), pair.speaks('caller')], [pair.devices[0], pair.others[1]]);
    }
    assert.deepEqual(
      world.engine.commands.filter(({ name }) => name === 'play DTMF'),
      [],
    );
  });

  it('each in its own way: pulled, pushed, cancelled, hung up, by API, all in one instant; what one does changes nothing for the others', async () => {
    const olds = all.map((pair) => pair.near);
    const pulls: (FakeIncoming | undefined)[] = all.map((pair, n) => {
      const way = n % 5;
      if (way === 0) return pair.dials(pair.devices[1], '*33');
      if (way === 1 || way === 2) for (const digit of `*9${pair.devices[1]}#`) pair.presses(digit);
      if (way === 3)
        world.core.flipCall(
          pair.call.id,
          { device: pair.devices[1] },
          { domain, admin: false, userId: `u${pair.user}` },
        );
      if (way === 4) pair.far.hangUp();
      return undefined;
    });
    await settle();
    for (const [n, pair] of all.entries()) {
      if (n % 5 === 1) pair.presses('*');
      if (n % 5 === 2 || n % 5 === 3) pair.near = world.at(pair.devices[1]).answer();
      if (n % 5 === 0) pair.near = (pulls[n] as FakeIncoming).dialog;
    }
    await settle();
    for (const [n, pair] of all.entries()) {
      const old = olds[n] as FakeDialog;
      if (n % 5 === 4) {
        assert.deepEqual([pair.call.phase, old.up], ['ended', false]);
        continue;
      }
      const stays = n % 5 === 1;
      assert.deepEqual([pair.call.phase, old.up, pair.near.up, pair.far.up], ['talking', stays, true, true]);
      if (!stays) handedOn(old);
      assert.equal(pair.call.callee.leg?.dialog, pair.near);
      assert.equal(pair.speaks('callee'), pair.devices[stays ? 0 : 1]);
      assert.deepEqual([pair.flips.length, pair.flips[0]?.result], [1, stays ? 'failed' : 'moved']);
    }
    assert.equal(world.core.calls.size, (pairs / 5) * 4);
  });
});
