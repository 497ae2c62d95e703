import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { VirtualClock } from '../../testing/index.ts';
import type { CallView, FlipView } from '../call/call-view.ts';
import type { Call } from '../call/call.ts';
import type { Side } from '../call/leg.ts';
import { FakeIncoming, phoneSdp, type FakeDialog, type FakeOutgoing } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

/**
 * How many sequences are tried: always the same ones, so that nobody's change fails by another's bad luck; with
 * `FLIP_RUNS=5000` as many, each time new ones. `FLIP_SEED` repeats what a title says.
 */
const { FLIP_RUNS, FLIP_SEED } = process.env;
const runs = Number(FLIP_RUNS ?? 150);
const seed = Number(FLIP_SEED ?? (FLIP_RUNS === undefined ? 20_261_121 : Date.now() % 2 ** 31));

const silentMs = 6000;

const devices = ['1001', '1002', '1003', '2001', '2002', '2003', '3001', '3002'] as const;
type Device = (typeof devices)[number];

const askers = ['u100', 'u200', 'u300', 'administrator'] as const;
type Asker = (typeof askers)[number];

type Act =
  | { readonly do: 'press'; readonly call: number; readonly side: Side; readonly keys: string }
  /** The nth of those that ring now. */
  | { readonly do: 'target'; readonly nth: number; readonly what: 'ring' | 'answer' | 'busy' | 'gone' }
  /** The nth of those that talk now. */
  | { readonly do: 'hang up' | 'hold' | 'resume' | 'expire' | 'speak'; readonly nth: number }
  /** Its phone falls silent for good, and answers nothing any more. */
  | { readonly do: 'die'; readonly nth: number }
  | { readonly do: 'refer'; readonly nth: number; readonly to: Device | '100' | '200' }
  /** With consultation: one of those that talk hands its call to the other end of another one. */
  | { readonly do: 'join'; readonly nth: number; readonly with: number }
  | { readonly do: 'pull'; readonly device: Device; readonly givesUp: boolean; readonly acks: boolean }
  | { readonly do: 'replace'; readonly device: Device; readonly nth: number; readonly earlyOnly: boolean }
  /** The ACK of a pull that was answered comes after all. */
  | { readonly do: 'late ack' }
  | { readonly do: 'caller gives up' }
  | {
      readonly do: 'flip';
      readonly call: number;
      readonly to: Device | 'other-devices' | '100' | '200';
      readonly by: Asker;
    }
  | { readonly do: 'cancel flip'; readonly call: number; readonly by: Asker }
  | { readonly do: 'end'; readonly call: number; readonly by: Asker }
  | { readonly do: 'register'; readonly device: Device }
  | { readonly do: 'disconnect'; readonly device: Device }
  | { readonly do: 'engine'; readonly what: 'hears all' | 'hears nothing' | 'breaks' | 'goes deaf' | 'works' }
  | { readonly do: 'pass'; readonly ms: number };

const device = fc.constantFrom(...devices);
const nth = fc.nat(5);
/** Which of the two calls. */
const call = fc.nat(1);
const side = fc.constantFrom<Side>('caller', 'callee');
const keys = fc.constantFrom(
  '*91002#',
  '*92002#',
  '*9#',
  '*9200#',
  '*9100#',
  '*9',
  '*',
  '#',
  '5',
  '1003#',
  '*94711#',
);
const asker = fc.constantFrom(...askers);
const mostly = (share: number) => fc.nat(99).map((n) => n < share);

/** What moves a call is likely, what ends it rare: else there would soon be nothing to move. */
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ do: fc.constant('press' as const), call, side, keys }) },
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant('target' as const),
      nth,
      what: fc.constantFrom('ring', 'answer', 'answer', 'answer', 'busy', 'gone'),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      device,
      givesUp: mostly(15),
      acks: mostly(80),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('flip' as const),
      call,
      to: fc.oneof(device, fc.constantFrom('other-devices' as const, '100' as const, '200' as const)),
      by: asker,
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('replace' as const), device, nth, earlyOnly: mostly(30) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('refer' as const),
      nth,
      to: fc.oneof(device, fc.constantFrom('100' as const, '200' as const)),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('join' as const), nth, with: nth }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('hold' as const, 'resume' as const), nth }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('cancel flip' as const), call, by: asker }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('late ack' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('expire' as const, 'speak' as const), nth }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('die' as const), nth }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('hang up' as const), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('caller gives up' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), call, by: asker }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('register' as const, 'disconnect' as const), device }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('engine' as const),
      what: fc.constantFrom('hears all', 'hears nothing', 'breaks', 'goes deaf', 'works', 'works'),
    }),
  },
  {
    weight: 15,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(20, 20, 200, 1600, 6000, 31_000),
    }),
  },
);

/** One call or two between three users with several devices each, and all that can happen to them. */
class Story {
  readonly world: World;
  readonly calls: Call[];
  readonly caller: FakeIncoming;
  readonly flips = new Map<string, FlipView>();
  readonly dialogs: FakeDialog[] = [];
  readonly incoming: FakeIncoming[] = [];
  readonly dead = new Set<FakeDialog>();
  readonly gone: CallView[] = [];

  private constructor(world: World, call: Call, caller: FakeIncoming) {
    this.world = world;
    this.calls = [call];
    this.caller = caller;
    this.dialogs.push(caller.dialog);
    this.incoming.push(caller);
    world.core.events.on('flip', ({ flip }) => this.flips.set(flip.id, flip));
    world.core.events.on('ended', (view) => this.gone.push(view));
  }

  /** 2001 calls 100; from the first ringing, or from when 1001 has answered. */
  static async begin(answered: boolean): Promise<Story> {
    const world = await World.create(new VirtualClock());
    await world.directory.putUser({ id: 'u300', domain, extension: '300', name: 'User 300' });
    for (const extension of ['3001', '3002']) await world.addDevice('300', extension);
    world.engine.heard.add('*');
    world.engine.heardUs = 5000;
    const caller = await world.dial('2001', '100');
    const call = world.core.calls.all()[0];
    assert.ok(call);
    const story = new Story(world, call, caller);
    if (!answered) return story;
    story.dialogs.push(world.at('1001').answer());
    for (const other of ['1002', '1003'] as const) world.at(other).fail(487);
    await settle();
    return story;
  }

  /** 1001 asks 3001 meanwhile, as who means to hand the first call over. */
  async consult(): Promise<void> {
    const { world } = this;
    const asking = await world.dial('1001', '3001');
    this.incoming.push(asking);
    this.dialogs.push(asking.dialog, world.at('3001').answer());
    await settle();
    const second = world.core.calls.all().find((one) => !this.calls.includes(one));
    assert.ok(second);
    this.calls.push(second);
  }

  #call(which: number): Call {
    const call = this.calls[which % this.calls.length];
    assert.ok(call);
    return call;
  }

  /** INVITEs that ring, or that were cancelled and are not answered yet. */
  get #open(): readonly FakeOutgoing[] {
    return this.world.phones.sent.filter(({ over }) => !over);
  }

  #talking(nthOne: number): FakeDialog | undefined {
    const { up } = this;
    return up[nthOne % Math.max(1, up.length)];
  }

  act(what: Act): void {
    const { world } = this;
    if (what.do === 'press') this.#press(this.#call(what.call), what.side, what.keys);
    else if (what.do === 'target')
      this.#target(this.#open[what.nth % Math.max(1, this.#open.length)], what.what);
    else if (what.do === 'pull') this.#dial(what.device, '*33', what);
    else if (what.do === 'replace') this.#replace(what);
    else if (what.do === 'join') this.#join(this.#talking(what.nth), this.#talking(what.with));
    else if (what.do === 'late ack') for (const incoming of this.incoming) incoming.ack();
    else if (what.do === 'caller gives up') this.caller.cancel();
    else if (what.do === 'flip' || what.do === 'cancel flip' || what.do === 'end') this.#byApi(what);
    else if (what.do === 'register') void world.register(what.device);
    else if (what.do === 'disconnect') this.#disconnect(what.device);
    else if (what.do === 'engine') this.#engine(what.what);
    else if (what.do !== 'pass') this.#phone(what);
  }

  /** What a phone that talks does of itself. */
  #phone(what: Extract<Act, { readonly nth: number }>): void {
    const dialog = this.#talking(what.nth);
    if (dialog === undefined || this.dead.has(dialog)) return;
    if (what.do === 'hang up') dialog.hangUp();
    else if (what.do === 'hold') void dialog.change(phoneSdp(4000, '0 8 101', 'sendonly'));
    else if (what.do === 'resume') void dialog.change(phoneSdp(4000));
    else if (what.do === 'expire') dialog.hangUp({ cause: 200, text: 'Session timer expired' });
    else if (what.do === 'speak') this.#tell(dialog, 'MEDIA_RESUMED');
    else if (what.do === 'refer') void dialog.send('REFER', '', { 'Refer-To': `<sip:${what.to}@pbx.test>` });
    else if (what.do === 'die') {
      this.dead.add(dialog);
      dialog.answersWith = 0;
      // The media engine says so when nothing has come for a while: longer than any hand-over takes.
      this.world.clock.after(silentMs, () => this.#tell(dialog, 'MEDIA_TIMEOUT'));
    }
  }

  #log(call: Call, said: object): void {
    this.world.core.dtmfLog(Buffer.from(JSON.stringify({ callid: call.id, ...said })));
  }

  #tell(dialog: FakeDialog, type: string): void {
    for (const call of this.calls)
      for (const leg of call.legs)
        if (leg.dialog === dialog && leg.state === 'active')
          this.#log(call, { source_tag: leg.tag, type, media: 1 });
  }

  /** REFER with Replaces (RFC 5589 §7). */
  #join(from: FakeDialog | undefined, to: FakeDialog | undefined): void {
    if (from === undefined || to === undefined || this.dead.has(from)) return;
    const { callId, localTag, remoteTag } = to;
    const replaces = encodeURIComponent(`${callId};to-tag=${localTag};from-tag=${remoteTag}`);
    void from.send('REFER', '', { 'Refer-To': `<sip:300@pbx.test?Replaces=${replaces}>` });
  }

  #press(call: Call, party: Side, text: string): void {
    const { leg } = call.party(party);
    if (leg?.dialog === undefined || this.dead.has(leg.dialog as FakeDialog)) return;
    for (const digit of text) {
      const event = '0123456789*#'.indexOf(digit);
      this.#log(call, { source_tag: leg.tag, type: 'DTMF', event, duration: 100, volume: 10 });
    }
  }

  #target(open: FakeOutgoing | undefined, what: 'ring' | 'answer' | 'busy' | 'gone'): void {
    if (open === undefined) return;
    if (what === 'answer') this.dialogs.push(open.answer());
    else if (open.cancelled !== undefined) open.fail(487);
    else if (what === 'ring') open.ring();
    else open.fail(what === 'busy' ? 486 : 408);
  }

  #dial(name: Device, code: string, how: { givesUp: boolean; acks: boolean }, headers = {}): void {
    const incoming = new FakeIncoming(this.world.endpoint(name), phoneSdp(4000), headers);
    incoming.acks = how.acks;
    this.incoming.push(incoming);
    this.dialogs.push(incoming.dialog);
    this.world.send(incoming, code);
    if (how.givesUp) incoming.cancel();
  }

  /** An INVITE that names one of the dialogs that there are, confirmed or early. */
  #replace({ device: name, nth: which, earlyOnly }: Extract<Act, { do: 'replace' }>): void {
    const ids = [...this.up, ...this.#open.map(({ early }) => early)];
    const id = ids[which % Math.max(1, ids.length)];
    if (id === undefined) return;
    const { callId, localTag, remoteTag } = id;
    const value = `${callId};to-tag=${localTag};from-tag=${remoteTag}${earlyOnly ? ';early-only' : ''}`;
    this.#dial(name, '100', { givesUp: false, acks: true }, { Replaces: value });
  }

  #byApi(what: Extract<Act, { do: 'flip' | 'cancel flip' | 'end' }>): void {
    const { core } = this.world;
    const { id } = this.#call(what.call);
    const who =
      what.by === 'administrator' ? { domain, admin: true } : { domain, admin: false, userId: what.by };
    if (what.do === 'end') core.endCall(id, who);
    else if (what.do === 'cancel flip') core.cancelFlip(id, who);
    else if (what.to === 'other-devices') core.flipCall(id, { to: what.to }, who);
    else if (what.to.length === 3) core.flipCall(id, { extension: what.to }, who);
    else core.flipCall(id, { device: what.to }, who);
  }

  /** The connection of a phone ends: what rings or waits there is lost, a phone that talks is asked for. */
  #disconnect(name: Device): void {
    for (const { id } of this.world.bindings.ofDevice(`d${name}`))
      void this.world.bindings.remove(id, 'flow closed');
  }

  #engine(what: Extract<Act, { do: 'engine' }>['what']): void {
    const { broken, heard } = this.world.engine;
    if (what === 'hears all') heard.add('*');
    else if (what === 'hears nothing') heard.clear();
    else if (what === 'works') broken.clear();
    else broken.add(what === 'breaks' ? 'answer' : 'query');
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.world.clock.advance(Math.min(50, left));
      await settle();
    }
  }

  /** Dialogs that are up on the phones' side: an INVITE without a 200 has none. */
  get up(): FakeDialog[] {
    const unanswered = new Set(this.incoming.filter((i) => i.final?.status !== 200).map((i) => i.dialog));
    return this.dialogs.filter((dialog) => dialog.up && !unanswered.has(dialog));
  }

  /** Nothing is under way any more: whatever rings gives up, and every timer has run. */
  async end(): Promise<void> {
    this.world.engine.broken.clear();
    for (let i = 0; i < 3; i++) {
      for (const open of this.#open) this.#target(open, 'gone');
      await this.pass(35_000);
    }
  }

  checkAlways(): void {
    for (const call of this.calls) {
      for (const party of [call.caller, call.callee])
        assert.ok(party.leg === undefined || party.leg !== party.next, 'a leg is not its own successor');
      assert.ok(this.gone.filter(({ id }) => id === call.id).length <= 1, 'a call ends once');
      if (call.phase === 'ended') assert.equal(this.world.core.calls.get(call.id), undefined);
    }
  }

  checkAtEnd(): void {
    const { world, up } = this;
    const alive = this.calls.filter(({ phase }) => phase !== 'ended');
    const speaking = alive.flatMap((call) => [call.caller.leg?.dialog, call.callee.leg?.dialog]);
    assert.deepEqual(new Set(up), new Set(speaking), 'one active leg a party, and nobody in an empty call');
    assert.equal(speaking.length, new Set(speaking).size, 'nobody is in two calls at once');
    assert.ok(!up.some((dialog) => this.dead.has(dialog)), 'nobody talks with a dead phone for ever');
    for (const call of alive) {
      assert.equal(call.phase, 'talking', 'it does not ring for ever');
      assert.deepEqual([call.caller.next, call.callee.next, call.ringing], [undefined, undefined, undefined]);
      assert.ok(!call.caller.lost && !call.callee.lost, 'a rescue has come to its end');
    }
    for (const call of this.calls)
      assert.equal(call.operations.claimedBy, undefined, 'nothing holds the call');
    assert.equal(world.core.calls.size, alive.length);
    assert.equal(world.engine.live.size, alive.length, 'no media is left behind');
    this.#everybodyIsTold();
  }

  #everybodyIsTold(): void {
    for (const outgoing of this.world.phones.sent) {
      assert.ok(outgoing.over || outgoing.cancelled, 'nobody rings for ever');
      assert.notEqual(outgoing.cancelled?.text, '', 'a phone that stops ringing is told why');
    }
    for (const { final } of this.incoming)
      assert.ok(final !== undefined && final.reason !== '', 'every INVITE is answered, and says why');
    for (const flip of this.flips.values())
      assert.ok(
        flip.result === 'moved' || (flip.result === 'failed' && flip.reason !== ''),
        `flip ${flip.kind}: ${flip.result}`,
      );
    for (const dialog of this.dialogs)
      if (!dialog.up && dialog.bye_ !== 'none')
        assert.ok((dialog.bye_?.text ?? '') !== '', 'every leg ended is told why');
    for (const leg of this.gone.flatMap(({ legs }) => legs))
      assert.equal(leg.state, 'ended', 'the record knows of no leg that goes on');
  }

  /** What is left when the call is over: registrations, and nothing else. */
  async close(): Promise<void> {
    for (const call of this.world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    await this.pass(6000);
    const { clock, bindings } = this.world;
    bindings.close();
    return assert.equal((clock as VirtualClock).pending, 0, 'no timer is left behind');
  }
}

type Beginning = 'talking' | 'ringing' | 'consulting';

const story = (acts: readonly (readonly [Act, boolean])[], from: Beginning) => async () => {
  const told = await Story.begin(from !== 'ringing');
  if (from === 'consulting') await told.consult();
  try {
    for (const [what, atOnce] of acts) {
      if (what.do === 'pass') await told.pass(what.ms);
      else told.act(what);
      // What is not settled crosses what comes next.
      if (!atOnce) await settle();
      told.checkAlways();
    }
    await told.end();
    told.checkAtEnd();
  } finally {
    await told.close();
  }
};

describe('pushes, pulls, losses and hang-ups in any order', function () {
  this.timeout(3_600_000);
  const acts = fc.array(fc.tuple(act, fc.boolean()), { minLength: 4, maxLength: 25, size: 'max' });

  for (const [from, beginning, share] of [
    ['a call that talks', 'talking', 0.5],
    ['a call that rings', 'ringing', 0.2],
    ['a call and a question to somebody else', 'consulting', 0.3],
  ] as const)
    it(`S0-30 S0-64 S1-20 S3-16 from ${from} (seed ${seed}): one outcome, nobody in an empty call, nothing left behind`, async () => {
      await fc.assert(
        fc.asyncProperty(acts, (what) => story(what, beginning)()),
        { numRuns: Math.ceil(runs * share), seed },
      );
    });
});
