import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Action, Condition, Presence, RingResult, Rule } from '../../stores/index.ts';
import { calling, factsOf, forward, routingOf, rule, walked } from './rule-kit.test.ts';
import { startWalk } from './start-walk.ts';

const noAnswer = (afterSeconds?: number): Condition => ({
  kind: 'result',
  is: ['no-answer'],
  ...(afterSeconds === undefined ? {} : { afterSeconds }),
});
const busy: Condition = { kind: 'result', is: ['busy'] };
const away: Condition = { kind: 'result', is: ['not-reachable'] };
const inCall = new Set<Presence>(['in-call']);

describe('a walk through rules', () => {
  it('without rules the owner rings, and what comes of it is the end', async () => {
    const { steps, looked } = await walked(startWalk(factsOf(), routingOf([])), () => 'declined');
    assert.deepEqual(steps, ['owner -', 'end declined']);
    assert.equal(looked.length, 1);
  });

  it('S2-13 always: forwarded at once, and the own phones stay silent', async () => {
    const { steps } = await walked(startWalk(factsOf(), routingOf([rule('a', [], forward('200'))])));
    assert.deepEqual(steps, ['a', 'end no-answer']);
  });

  it('S2-15 no answer: the owner rings for as long as the rule says', async () => {
    const { steps } = await walked(
      startWalk(factsOf(), routingOf([rule('a', [noAnswer(15)], forward('200'))])),
    );
    assert.deepEqual(steps, ['owner 15', 'a', 'end no-answer']);
  });

  it('rings as long as the rule for no answer says, though a rule for busy comes first', async () => {
    const rules = [rule('b', [busy], forward('300')), rule('a', [noAnswer(15)], forward('200'))];
    const { steps } = await walked(startWalk(factsOf(), routingOf(rules)));
    assert.deepEqual(steps, ['owner 15', 'a', 'end no-answer']);
  });

  it('S2-14 busy: who is in a call is not rung when a rule waits for that', async () => {
    const rules = [rule('a', [noAnswer(15)], forward('200')), rule('b', [busy], forward('300'))];
    const { steps } = await walked(startWalk(factsOf({ presence: inCall }), routingOf(rules)), () => 'busy');
    assert.deepEqual(steps, ['b', 'end busy']);
  });

  it('who is in a call hears a second one when no rule waits for busy', async () => {
    const rules = [rule('a', [noAnswer(15)], forward('200'))];
    const { steps } = await walked(startWalk(factsOf({ presence: inCall }), routingOf(rules)));
    assert.deepEqual(steps, ['owner 15', 'a', 'end no-answer']);
  });

  it('S2-14 busy is also a phone that says so, or a call that was declined by key', async () => {
    for (const result of ['busy', 'declined'] as const) {
      const { steps } = await walked(
        startWalk(factsOf(), routingOf([rule('b', [busy], forward('300'))])),
        () => result,
      );
      assert.deepEqual(steps, ['owner -', 'b', `end ${result}`]);
    }
    const declined: Condition = { kind: 'result', is: ['declined'] };
    const { steps } = await walked(
      startWalk(factsOf(), routingOf([rule('d', [declined], forward('300'))])),
      () => 'busy',
    );
    assert.deepEqual(steps, ['owner -', 'end busy']);
  });

  it('S2-16 not reachable: nothing rings where nothing is registered', async () => {
    const rules = [rule('a', [noAnswer(15)], forward('200')), rule('n', [away], forward('300'))];
    const { steps } = await walked(startWalk(factsOf({ reachable: false }), routingOf(rules)));
    assert.deepEqual(steps, ['n', 'end no-answer']);
  });

  it('X12 who is not there is waited for when no rule is for that', async () => {
    const rules = [rule('a', [noAnswer(15)], forward('200'))];
    const { steps } = await walked(startWalk(factsOf({ reachable: false }), routingOf(rules)));
    assert.deepEqual(steps, ['owner 15', 'a', 'end no-answer']);
  });

  it('S2-07 goes on with the next rules and the new result, each looked at once', async () => {
    const rules = [
      rule('a', [noAnswer(15)], forward('200')),
      rule('b', [noAnswer(30)], forward('300')),
      rule('c', [busy], forward('400')),
      rule('d', [noAnswer()], { kind: 'mailbox', of: 'own' }),
    ];
    const results: RingResult[] = ['no-answer', 'busy', 'no-answer', 'no-answer'];
    const { steps } = await walked(startWalk(factsOf(), routingOf(rules)), (_, i) => results[i]);
    assert.deepEqual(steps, ['owner 15', 'a', 'c', 'd', 'end no-answer']);
  });

  it('the owner rings when an action came to nothing at all and no rule is left', async () => {
    const { steps } = await walked(
      startWalk(factsOf(), routingOf([rule('a', [], forward('+49301'))])),
      (step) => (step.do === 'act' ? undefined : 'no-answer'),
    );
    assert.deepEqual(steps, ['a', 'owner -', 'end no-answer']);
  });

  it('S2-65 a forwarding to oneself changes nothing', async () => {
    const { steps, looked } = await walked(startWalk(factsOf(), routingOf([rule('a', [], forward('100'))])));
    assert.deepEqual(steps, ['owner -', 'end no-answer']);
    assert.match(looked[0]?.why ?? '', /leads to 100 itself/);
  });

  it('what the policy refuses is not done, and said', async () => {
    const facts = factsOf({ refusal: ({ id }) => (id === 'a' ? 'calls to GB are blocked' : undefined) });
    const rules = [rule('a', [], forward('+442079460018')), rule('b', [], forward('200'))];
    const { steps, looked } = await walked(startWalk(facts, routingOf(rules)));
    assert.deepEqual(steps, ['b', 'end no-answer']);
    assert.match(looked[0]?.why ?? '', /refused: calls to GB are blocked/);
  });

  it('S2-48 an administrator’s locked rules come first', async () => {
    const rules = [rule('own', [], forward('200')), rule('theirs', [], forward('300'), { locked: true })];
    const { steps } = await walked(startWalk(factsOf(), routingOf(rules)));
    assert.deepEqual(steps, ['theirs', 'own', 'end no-answer']);
  });

  it('stop: the owner rings, and no rule after it is looked at', async () => {
    const rules = [
      rule('vip', [{ kind: 'caller', numbers: ['+49301234567'] }], { kind: 'stop' }),
      rule('a', [], forward('200')),
    ];
    const vip = await walked(startWalk(factsOf(calling('030 1234567')), routingOf(rules)));
    assert.deepEqual(vip.steps, ['owner -', 'end no-answer']);
    const other = await walked(startWalk(factsOf(calling('+49309999999')), routingOf(rules)));
    assert.deepEqual(other.steps, ['a', 'end no-answer']);
  });

  it('S2-53 a rule counts while one of its profiles is active', async () => {
    const rules = [rule('a', [], forward('200'), { profiles: ['travel'] })];
    const travel = routingOf(rules, { profile: 'travel' });
    assert.deepEqual((await walked(startWalk(factsOf(), travel))).steps, ['a', 'end no-answer']);
    for (const routing of [routingOf(rules), routingOf(rules, { profile: 'office' })]) {
      const { steps, looked } = await walked(startWalk(factsOf(), routing));
      assert.deepEqual(steps, ['owner -', 'end no-answer']);
      assert.match(looked[0]?.why ?? '', /for profile travel; active is (none|office)/);
    }
  });

  it('S2-53 do not disturb: the own phones stay silent, and busy rules are taken', async () => {
    const facts = factsOf({ presence: new Set<Presence>(['do-not-disturb']) });
    assert.deepEqual((await walked(startWalk(facts, routingOf([])))).steps, ['end busy']);
    const rules = [rule('a', [noAnswer(10)], forward('200')), rule('b', [busy], forward('300'))];
    assert.deepEqual((await walked(startWalk(facts, routingOf(rules)))).steps, ['b', 'end no-answer']);
  });

  it('a rule that is switched off is passed, and said to be', async () => {
    const { looked } = await walked(
      startWalk(factsOf(), routingOf([rule('a', [], forward('200'), { enabled: false })])),
    );
    assert.equal(looked[0]?.why, 'switched off');
  });

  it('a look-up is asked once, last, and only when all the rest holds', async () => {
    let asked = 0;
    const facts = factsOf({
      lookUp: async () => {
        asked++;
        return 'vip';
      },
    });
    const lookUp: Condition = {
      kind: 'look-up',
      url: 'http://crm',
      timeoutMs: 100,
      is: ['vip'],
      fallback: false,
    };
    const rules = [
      rule('a', [lookUp, { kind: 'presence', is: ['meeting'] }], forward('200')),
      rule('b', [lookUp, noAnswer(5)], forward('300')),
    ];
    const { steps } = await walked(startWalk(facts, routingOf(rules)));
    assert.deepEqual(steps, ['owner 5', 'b', 'end no-answer']);
    assert.equal(asked, 1);
  });

  const conditions = fc.oneof(
    fc.constantFrom<Condition>(noAnswer(5), noAnswer(), busy, away, {
      kind: 'result',
      is: ['declined', 'busy'],
    }),
    fc.constantFrom<Condition>({ kind: 'presence', is: ['in-call'] }, { kind: 'caller', numbers: ['200'] }),
    fc.constantFrom<Condition>({ kind: 'not', condition: busy }, { kind: 'caller', anonymous: true }),
  );
  const actions = fc.constantFrom<Action>(forward('200'), forward('100'), { kind: 'stop' }, { kind: 'busy' });
  const rules = fc
    .array(
      fc.record({
        when: fc.array(conditions, { maxLength: 3 }),
        action: actions,
        enabled: fc.boolean(),
        locked: fc.boolean(),
        profiles: fc.option(fc.constantFrom(['office'], ['travel']), { nil: undefined }),
      }),
      { maxLength: 30 },
    )
    .map((list) =>
      list.map(({ profiles, when, action, ...more }, i): Rule =>
        rule(`r${i}`, when, action, { ...more, ...(profiles === undefined ? {} : { profiles }) }),
      ),
    );
  const results = fc.infiniteStream(
    fc.constantFrom<RingResult | undefined>('busy', 'no-answer', 'not-reachable', 'declined', undefined),
  );

  it('whatever the rules and the results: it ends, takes each rule once at most, and says why of each', async () => {
    await fc.assert(
      fc.asyncProperty(
        rules,
        results,
        fc.boolean(),
        fc.constantFrom<Presence>('available', 'in-call', 'do-not-disturb'),
        async (rules, results, reachable, presence) => {
          const facts = factsOf({ reachable, presence: new Set([presence]) });
          const routing = routingOf(rules, { profile: 'office' });
          const { steps, looked } = await walked(startWalk(facts, routing), () => results.next().value);
          assert.ok(steps.length <= rules.length + 2);
          assert.ok(steps.filter((step) => step.startsWith('owner')).length <= 1);
          const said = looked.flatMap(({ rule }) => (rule === undefined ? [] : [rule.id]));
          assert.equal(new Set(said).size, said.length);
          const stopped = looked.some(({ rule: at, taken }) =>
            rules.some(({ id, then }) => taken && id === at?.id && then.kind === 'stop'),
          );
          if (!stopped) assert.deepEqual([...said].sort(), rules.map(({ id }) => id).sort());
          const taken = looked.flatMap((one) => (one.taken && one.rule !== undefined ? [one.rule.id] : []));
          const acted = steps.filter((step) => step.startsWith('r'));
          for (const id of acted) assert.ok(taken.includes(id));
          for (const { why } of looked) assert.ok(why.length > 0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
