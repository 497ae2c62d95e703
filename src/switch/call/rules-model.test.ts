import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Action, Condition, RingResult, Rule } from '../../stores/index.ts';
import { explain } from '../routing/explain.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { settle } from '../testing/world.ts';
import { customer, mobile, Office, ownerOf, rule } from './rules-kit.test.ts';

/** Rules that nobody would write, and phones that do what they like. */
const places = [
  '100',
  '200',
  '300',
  '500',
  '1001',
  '2002',
  '+4930555100',
  mobile,
  '+493077777',
  '999',
] as const;

const results: fc.Arbitrary<RingResult> = fc.constantFrom('busy', 'no-answer', 'not-reachable', 'declined');
const condition: fc.Arbitrary<Condition> = fc.record({
  kind: fc.constant('result' as const),
  is: fc.uniqueArray(results, { minLength: 1, maxLength: 4 }),
  afterSeconds: fc.integer({ min: 1, max: 40 }),
});
const target = fc.record({
  to: fc.constantFrom(...places),
  afterSeconds: fc.constantFrom(0, 0, 3, 12),
  seconds: fc.constantFrom(2, 10, 60),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...places).map((to): Action => ({ kind: 'forward', to })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ring' as const),
      targets: fc.array(target, { minLength: 1, maxLength: 4 }),
      order: fc.constantFrom('together' as const, 'in-order' as const),
      seconds: fc.integer({ min: 1, max: 40 }),
      confirm: fc.boolean(),
    }),
  },
  fc.constant<Action>({ kind: 'mailbox', of: 'own' }),
  fc.constant<Action>({ kind: 'busy' }),
  fc.constant<Action>({ kind: 'announcement', file: 'closed.wav' }),
  fc.constant<Action>({ kind: 'stop' }),
);
const rules: fc.Arbitrary<Rule[]> = fc
  .array(fc.tuple(fc.array(condition, { maxLength: 1 }), action), { maxLength: 4 })
  .map((drafts) => drafts.map(([when, then]) => rule(when, then)));

/** What happens next: who is meant is the nth of all INVITEs that are open. */
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'ring' as const,
        'answer' as const,
        'busy' as const,
        'decline' as const,
        'fail' as const,
      ),
      nth: fc.nat(20),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('press' as const), digit: fc.constantFrom(1, 2, 7) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('hang up' as const), nth: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('register' as const, 'vanish' as const) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'cancel' as const }) },
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

const finals = { busy: 486, decline: 603, fail: 503 } as const;

async function play(office: Office, caller: FakeIncoming, events: readonly Event[]): Promise<void> {
  const dialogs: FakeDialog[] = [];
  for (const now of events) {
    const open = office.world.phones.sent.filter((o) => !o.over && o.cancelled === undefined);
    const one = 'nth' in now ? open[now.nth % Math.max(1, open.length)] : undefined;
    if (now.do === 'wait') office.clock.advance(now.seconds * 1000);
    else if (now.do === 'ring') one?.ring();
    else if (now.do === 'answer' && one !== undefined) dialogs.push(one.answer());
    else if (now.do === 'hang up') dialogs.at(now.nth % Math.max(1, dialogs.length))?.hangUp();
    else if (now.do === 'cancel') caller.cancel();
    else if (now.do === 'register') await office.world.register('1002');
    else if (now.do === 'vanish') await office.world.bindings.removeDevice('d1002');
    else if (now.do === 'press') press(office, now.digit);
    else if (now.do !== 'answer') one?.fail(finals[now.do]);
    await settle();
    atMostOneTalks(office, caller, dialogs);
  }
}

function press(office: Office, digit: number): void {
  for (const call of office.world.core.calls.all())
    for (const leg of call.legs) {
      const event = { type: 'DTMF', callid: call.id, source_tag: leg.tag, event: digit, duration: 100 };
      office.world.core.dtmfLog(Buffer.from(JSON.stringify(event)));
    }
}

/** Those that are up besides the one who has the call are being asked, and there is one who has it at most. */
function atMostOneTalks(office: Office, caller: FakeIncoming, dialogs: readonly FakeDialog[]): void {
  const [call] = office.world.core.calls.all();
  const up = dialogs.filter((dialog) => dialog.up).length;
  const asked = call?.legs.filter((leg) => leg.asked && leg.state === 'active').length ?? 0;
  const talking = call?.phase === 'talking' ? 1 : 0;
  assert.ok(up <= asked + talking, `${up} are up, ${asked} asked, ${talking} talking`);
  if (talking === 1) assert.equal(caller.final?.status, 200);
}

describe('rules, whatever they are and whatever phones do', () => {
  it('S2-89 one answer for the caller within the time, one who has the call, nothing left behind', async function () {
    this.timeout(60_000);
    const runs = Number(process.env['RULES_RUNS'] ?? 60);
    const setting = fc.record({ a: rules, b: rules, group: rules, number: rules });
    await fc.assert(
      fc.asyncProperty(setting, fc.array(event, { maxLength: 30 }), async (set, events) => {
        const office = await Office.open({ settings: { routing } });
        await office.addUser('300', '3001');
        await office.world.directory.putGroup({
          id: 'g500',
          domain: 'pbx.test',
          extension: '500',
          name: 'Support',
          ring: 'order',
          members: ['200', '300'],
        });
        await office.rules('100', set.a);
        await office.rules('200', set.b);
        await office.ownerRules(ownerOf('group', 'g500'), set.group);
        await office.ownerRules(ownerOf('number', '+4930555100'), set.number);
        await settle();
        const caller = await office.customer();
        await play(office, caller, events);
        // Whoever is asked at the very end still has the time to answer.
        for (let left = 180 + 60; left > 0 && !caller.answered; left -= 10) {
          office.clock.advance(10_000);
          await settle();
        }
        assert.ok(caller.answered, 'the caller is told something');
        assert.ok(caller.progresses.filter((status) => status === 180).length <= 1);
        for (const sent of office.world.phones.sent)
          assert.ok(sent.over || sent.cancelled !== undefined, `${sent.invitation.route.uri} rings for ever`);
        await office.close();
        assert.equal(office.world.core.calls.size, 0);
      }),
      { numRuns: runs },
    );
  });
});

describe('what is explained is what happens', () => {
  /** Nobody answers, and everybody rings: by explanation, and in a call. */
  const together: fc.Arbitrary<Action> = fc.oneof(
    fc.constantFrom(...places).map((to): Action => ({ kind: 'forward', to })),
    fc.record({
      kind: fc.constant('ring' as const),
      targets: fc.uniqueArray(
        fc.constantFrom(...places).map((to) => ({ to })),
        { minLength: 1, maxLength: 3, selector: ({ to }) => to },
      ),
      order: fc.constant('together' as const),
      seconds: fc.constant(2),
    }),
    fc.constant<Action>({ kind: 'stop' }),
  );
  const few: fc.Arbitrary<Rule[]> = fc
    .array(fc.tuple(fc.array(condition, { maxLength: 1 }), together), { maxLength: 3 })
    .map((drafts) => drafts.map(([when, then]) => rule(when, then)));

  it('S2-71 the same phones, in the same order', async function () {
    this.timeout(60_000);
    const runs = Number(process.env['RULES_RUNS'] ?? 40);
    await fc.assert(
      fc.asyncProperty(fc.record({ a: few, b: few, number: few }), async (set) => {
        const office = await Office.open({
          settings: { routing: { ...routing, maxSteps: 100, maxSeconds: 3600 } },
        });
        await office.addUser('300', '3001');
        const group = { id: 'g500', domain: 'pbx.test', extension: '500', name: 'Support' };
        await office.world.directory.putGroup({ ...group, ring: 'all', members: ['200', '300'] });
        await office.rules('100', set.a);
        await office.rules('200', set.b);
        await office.ownerRules(ownerOf('number', '+4930555100'), set.number);
        await settle();
        const supposed = {
          domain: 'pbx.test',
          to: '+4930555100',
          caller: { number: customer, anonymous: false, outside: true },
          results: [],
        };
        const explained = (await explain(office.world.core.rules, supposed, 60))
          .map(({ rings = [] }) => new Set(rings.map(({ to }) => to)))
          .filter((rung) => rung.size > 0);
        let rung: readonly Set<string>[] = [];
        office.world.core.events.on('ended', ({ trace }) => {
          rung = trace.flatMap((entry) => (entry.rang === undefined ? [] : [new Set(entry.rang)]));
        });
        const caller = await office.customer();
        for (let left = 1800; left > 0 && !caller.answered; left--) {
          office.ringing();
          office.clock.advance(1000);
          await settle();
        }
        assert.ok(caller.answered);
        assert.deepEqual(rung, explained);
        await office.close();
      }),
      { numRuns: runs },
    );
  });
});

const routing = { maxSteps: 16, maxSeconds: 180, mailboxFallback: '300', announcements: '/announcements' };
