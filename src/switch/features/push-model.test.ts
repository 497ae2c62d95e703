import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { VirtualClock } from '../../testing/index.ts';
import type { FlipView } from '../call/call-view.ts';
import type { Call } from '../call/call.ts';
import type { Side } from '../call/leg.ts';
import { FakeIncoming, phoneSdp, type FakeDialog, type FakeOutgoing } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

/** How many sequences are tried; `FLIP_RUNS=5000` for a long look. A failure prints the seed that repeats it. */
const runs = Number(process.env['FLIP_RUNS'] ?? 150);

const devices = ['1001', '1002', '1003', '2001', '2002', '2003'] as const;
type Device = (typeof devices)[number];

type Act =
  | { readonly do: 'press'; readonly side: Side; readonly keys: string }
  /** The nth of those that ring now. */
  | { readonly do: 'target'; readonly nth: number; readonly what: 'ring' | 'answer' | 'busy' | 'gone' }
  /** The nth of those that talk now. */
  | { readonly do: 'hang up' | 'hold' | 'resume'; readonly nth: number }
  | { readonly do: 'pull'; readonly device: Device; readonly givesUp: boolean; readonly acks: boolean }
  | { readonly do: 'flip'; readonly to: Device | 'other-devices' }
  | { readonly do: 'cancel flip' }
  | { readonly do: 'register'; readonly device: Device }
  | { readonly do: 'engine'; readonly what: 'hears all' | 'hears nothing' | 'breaks' | 'works' }
  | { readonly do: 'pass'; readonly ms: number };

const device = fc.constantFrom(...devices);
const nth = fc.nat(5);
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
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('press' as const), side, keys }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('target' as const),
      nth,
      what: fc.constantFrom('ring', 'answer', 'answer', 'busy', 'gone'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('hang up', 'hold', 'resume'), nth }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      device,
      givesUp: fc.boolean(),
      acks: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('flip' as const),
      to: fc.oneof(device, fc.constant('other-devices' as const)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel flip' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('register' as const), device }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('engine' as const),
      what: fc.constantFrom('hears all', 'hears nothing', 'breaks', 'works'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(20, 200, 1600, 6000, 31_000),
    }),
  },
);

/** One call between two users with three devices each, and all that can happen to it. */
class Story {
  readonly world: World;
  readonly call: Call;
  readonly flips = new Map<string, FlipView>();
  readonly dialogs: FakeDialog[] = [];
  readonly incoming: FakeIncoming[] = [];

  private constructor(world: World, call: Call) {
    this.world = world;
    this.call = call;
    world.core.events.on('flip', ({ flip }) => this.flips.set(flip.id, flip));
  }

  static async begin(): Promise<Story> {
    const world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    for (const other of ['1002', '1003'] as const) world.at(other).fail(487);
    await settle();
    const call = world.core.calls.all()[0];
    assert.ok(call);
    const story = new Story(world, call);
    story.dialogs.push(far.dialog, desk);
    return story;
  }

  get #admin() {
    return { domain, admin: true };
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
    if (what.do === 'press') this.#press(what.side, what.keys);
    else if (what.do === 'target')
      this.#target(this.#open[what.nth % Math.max(1, this.#open.length)], what.what);
    else if (what.do === 'pull') this.#pull(what);
    else if (what.do === 'hang up') this.#talking(what.nth)?.hangUp();
    else if (what.do === 'hold') void this.#talking(what.nth)?.change(phoneSdp(4000, '0 8 101', 'sendonly'));
    else if (what.do === 'resume') void this.#talking(what.nth)?.change(phoneSdp(4000));
    else if (what.do === 'flip')
      world.core.flipCall(
        this.call.id,
        what.to === 'other-devices' ? { to: 'other-devices' } : { device: what.to },
        this.#admin,
      );
    else if (what.do === 'cancel flip') world.core.cancelFlip(this.call.id, this.#admin);
    else if (what.do === 'register') void world.register(what.device);
    else if (what.do === 'engine') this.#engine(what.what);
  }

  #press(party: Side, text: string): void {
    for (const digit of text) {
      const event = '0123456789*#'.indexOf(digit);
      const source = this.call.party(party).leg?.tag;
      const said = {
        callid: this.call.id,
        source_tag: source,
        type: 'DTMF',
        event,
        duration: 100,
        volume: 10,
      };
      this.world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
    }
  }

  #target(open: FakeOutgoing | undefined, what: 'ring' | 'answer' | 'busy' | 'gone'): void {
    if (open === undefined) return;
    if (what === 'answer') this.dialogs.push(open.answer());
    else if (open.cancelled !== undefined) open.fail(487);
    else if (what === 'ring') open.ring();
    else open.fail(what === 'busy' ? 486 : 408);
  }

  #pull({ device: name, givesUp, acks }: Extract<Act, { do: 'pull' }>): void {
    const incoming = new FakeIncoming(this.world.endpoint(name));
    incoming.acks = acks;
    this.incoming.push(incoming);
    this.dialogs.push(incoming.dialog);
    this.world.send(incoming, '*33');
    if (givesUp) incoming.cancel();
  }

  #engine(what: Extract<Act, { do: 'engine' }>['what']): void {
    const { broken, heard } = this.world.engine;
    if (what === 'hears all') heard.add('*');
    else if (what === 'hears nothing') heard.clear();
    else if (what === 'breaks') broken.add('answer');
    else broken.clear();
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
    const { call } = this;
    for (const party of [call.caller, call.callee])
      assert.ok(party.leg === undefined || party.leg !== party.next, 'a leg is not its own successor');
    if (call.phase === 'ended') assert.equal(this.world.core.calls.size, 0);
  }

  checkAtEnd(): void {
    const { call, world, up } = this;
    const speaking = [call.caller.leg?.dialog, call.callee.leg?.dialog];
    if (call.phase === 'ended') assert.deepEqual(up, [], 'nobody is left in an empty call');
    else {
      assert.deepEqual(new Set(up), new Set(speaking), 'one active leg a party, and no other');
      assert.deepEqual([call.caller.next, call.callee.next, call.ringing], [undefined, undefined, undefined]);
    }
    assert.equal(call.operations.claimedBy, undefined, 'nothing holds the call');
    assert.equal(world.engine.live.size, world.core.calls.size, 'no media is left behind');
    for (const outgoing of world.phones.sent)
      assert.ok(outgoing.over || outgoing.cancelled, 'nobody rings for ever');
    for (const incoming of this.incoming) assert.ok(incoming.final !== undefined, 'every pull is answered');
    for (const flip of this.flips.values())
      assert.ok(flip.result === 'moved' || flip.result === 'failed', flip.result);
    for (const dialog of this.dialogs)
      assert.ok(
        dialog.up || dialog.bye_ === 'none' || dialog.bye_ !== undefined,
        'every leg ended is told why',
      );
  }

  close(): void {
    for (const call of this.world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    this.world.close();
  }
}

describe('pushes and pulls in any order', function () {
  this.timeout(600_000);

  it('S0-30 S0-64 S1-20 S3-16 one outcome: nobody in an empty call, nothing left behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(act, fc.boolean()), { maxLength: 25 }), async (acts) => {
        const story = await Story.begin();
        try {
          for (const [what, atOnce] of acts) {
            if (what.do === 'pass') await story.pass(what.ms);
            else story.act(what);
            // What is not settled crosses what comes next.
            if (!atOnce) await settle();
            story.checkAlways();
          }
          await story.end();
          story.checkAtEnd();
        } finally {
          story.close();
        }
      }),
      { numRuns: runs },
    );
  });
});
