import assert from 'node:assert/strict';
import type { Binding, RoutingOwner } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { domain, settle, World } from '../testing/world.ts';
import { CallRouting, noCalendars, noLookUps, profilesOf } from './call-routing.ts';
import { forward, rule, walked } from './rule-kit.test.ts';

const ada: RoutingOwner = { domain, kind: 'user', id: 'u100' };
const support: RoutingOwner = { domain, kind: 'group', id: 'g500' };
const number: RoutingOwner = { domain, kind: 'number', id: '+15550100' };
const outside = { number: '+12025550123', anonymous: false, outside: true };

describe('rules in the live switch', () => {
  let world: World;
  let rules: CallRouting;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    ({ rules } = world.core);
    const { directory } = world;
    await directory.putGroup({
      id: 'g500',
      domain,
      extension: '500',
      name: 'Support',
      ring: 'all',
      members: ['100', '2001'],
    });
    await directory.putNumber({ domain, number: '+15550100', target: '500' });
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  const gone = async (bindings: readonly Binding[]) => {
    for (const { id } of bindings) await world.bindings.remove(id, 'expired');
  };

  it('S2-04 S2-30 an extension and a number lead to whose rules are met first, however it is written', () => {
    assert.deepEqual(rules.ownerOf(domain, '100'), ada);
    assert.deepEqual(rules.ownerOf(domain, '500'), support);
    for (const written of ['+15550100', '+1 555 0100'])
      assert.deepEqual(rules.ownerOf(domain, written), number);
    assert.equal(rules.ownerOf(domain, '1001'), undefined);
    assert.equal(rules.ownerOf(domain, '999'), undefined);
    assert.deepEqual(
      [ada, support, number].map((one) => rules.nameOf(one)),
      ['100', '500', '+15550100'],
    );
  });

  it('S2-16 not reachable is who has no phone there: a user, a group, a number', async () => {
    for (const owner of [ada, support, number]) assert.equal(rules.reachable(owner), true);
    await gone(world.bindings.ofUser('u100'));
    assert.deepEqual(
      [ada, support, number].map((one) => rules.reachable(one)),
      [false, true, true],
    );
    await gone(world.bindings.ofUser('u200'));
    assert.deepEqual(
      [ada, support, number].map((one) => rules.reachable(one)),
      [false, false, false],
    );
  });

  it('X12 with a cold route, reachable is the one device that it names', async () => {
    await world.coldRoutes.set({ userId: 'u100', deviceId: 'd1001', setAt: 0, setBy: '1001' });
    assert.equal(rules.reachable(ada), true);
    await gone(world.bindings.ofDevice('d1001'));
    assert.equal(rules.reachable(ada), false);
  });

  it('S2-05 S2-14 S2-72 in a call is who talks or calls; not who is being called', async () => {
    const now = () => [...rules.presence(ada)].join(' ');
    assert.equal(now(), 'available');
    await world.dial('2001', '100');
    assert.equal(now(), 'available');
    world.at('1001').answer();
    await settle();
    assert.equal(now(), 'in-call');
    assert.deepEqual([...rules.presence({ ...ada, id: 'u200' })], ['in-call']);
    await rules.change(ada, (routing) => ({ ...routing, presence: 'meeting', profile: 'do-not-disturb' }));
    assert.equal(now(), 'meeting do-not-disturb in-call');
  });

  it('walks real facts: policy, own number, presence', async () => {
    await rules.change(ada, (routing) => ({
      ...routing,
      rules: [
        rule('abroad', [], forward('+442079460018')),
        rule('self', [], forward('100')),
        rule('anybody', [{ kind: 'caller', outside: true, numbers: ['(202) 555-0123'] }], forward('200')),
      ],
    }));
    const { steps, looked } = await walked(rules.walk(ada, { caller: outside }));
    assert.deepEqual(steps, ['anybody', 'end no-answer']);
    assert.match(looked[0]?.why ?? '', /calls abroad \(GB\) are blocked/);
    assert.match(looked[1]?.why ?? '', /leads to 100 itself/);
  });

  it('S2-64 while engaged nothing is forwarded outside, if the policy says so; saving is another matter', async () => {
    const home = rule('home', [], forward('+12025550123'));
    await world.routing.putPolicy({ ...rules.policy(domain), suppressInCall: true });
    assert.equal(rules.refusal(ada, home), undefined);
    await rules.change(ada, (routing) => ({ ...routing, presence: 'meeting' }));
    assert.match(rules.refusal(ada, home) ?? '', /100 is engaged/);
    assert.equal(rules.refusal(ada, home, true), undefined);
    assert.equal(rules.check(ada, home), undefined);
  });

  it('S2-63 who a protected number leads to forwards it as little as the number does', async () => {
    const home = rule('home', [], forward('+12025550123'));
    const protect = (...protectedNumbers: string[]) =>
      world.routing.putPolicy({ ...rules.policy(domain), protectedNumbers });
    await protect('+1 555 0100');
    for (const owner of [number, support]) assert.match(rules.refusal(owner, home) ?? '', /is protected/);
    assert.equal(rules.refusal(support, { ...home, locked: true }), undefined);
    assert.equal(rules.refusal(ada, home), undefined);
    await protect('500');
    assert.match(rules.refusal(support, home) ?? '', /500 is protected/);
    assert.equal(rules.refusal(number, home), undefined);
    await world.directory.putNumber({ domain, number: '+15550100', target: '100' });
    await protect('+15550100');
    assert.match(rules.refusal(ada, home) ?? '', /100 is protected/);
  });

  it('S2-74 location: from which network a phone is registered', () => {
    const facts = rules.facts(ada, { caller: outside });
    const isAt = (networks: readonly string[], devices: readonly string[] | undefined) =>
      facts.isAt(networks, devices);
    // All of them are at 192.0.2.9.
    assert.equal(isAt(['10.0.0.0/8', '192.0.2.0/24'], undefined), true);
    assert.equal(isAt(['192.0.2.9'], ['1002']), true);
    assert.equal(isAt(['192.0.2.0/24'], ['2001', '999']), false);
    assert.equal(isAt(['192.0.3.0/24', '2001:db8::/32'], undefined), false);
    assert.equal(rules.facts(support, { caller: outside }).isAt(['192.0.2.0/24'], ['2001']), true);
    const office = { kind: 'location', networks: ['192.0.2.0/33'] } as const;
    assert.equal(
      rules.check(ada, rule('a', [office], forward('200'))),
      '192.0.2.0/33 is no address and no network',
    );
  });

  it('a calendar and a look-up are asked for their domain, time and call', async () => {
    const asked: unknown[] = [];
    const wall = Date.parse('2026-03-03T19:00:00Z');
    const { directory, bindings, coldRoutes, routing, clock } = world;
    const own = new CallRouting({
      directory,
      bindings,
      coldRoutes,
      routing,
      clock,
      ringSeconds: 60,
      inCall: () => false,
      calendars: {
        ...noCalendars,
        at: (...question) => {
          asked.push(question);
          return new Set(['busy'] as const);
        },
      },
      lookUps: {
        ...noLookUps,
        ask: async (_condition, question) => {
          asked.push(question);
          return 'vip';
        },
      },
    });
    await rules.change(ada, (routing) => ({
      ...routing,
      rules: [
        rule(
          'a',
          [
            { kind: 'look-up', url: 'https://crm.test/', timeoutMs: 100, is: ['vip'], fallback: false },
            { kind: 'calendar', calendar: 'ada', is: 'busy' },
          ],
          forward('200'),
        ),
      ],
    }));
    const { steps } = await walked(own.walk(ada, { caller: outside, wall }));
    assert.deepEqual(steps, ['a', 'end no-answer']);
    assert.deepEqual(asked, [
      [domain, 'ada', wall],
      { caller: '+12025550123', called: '100', at: '2026-03-03T19:00:00.000Z' },
    ]);
  });

  it('changes of one owner wait for each other, and one that fails leaves the others alone', async () => {
    const add = (id: string) =>
      rules.change(ada, (routing) => ({
        ...routing,
        rules: [...routing.rules, rule(id, [], forward('200'))],
      }));
    const failing = rules.change(ada, () => {
      throw new Error('no');
    });
    await Promise.all([add('a'), assert.rejects(failing, /no/), add('b'), add('c')]);
    assert.deepEqual(
      rules.routing(ada).rules.map(({ id }) => id),
      ['a', 'b', 'c'],
    );
  });

  it('S2-53 everybody has three profiles, behind the own ones', () => {
    assert.deepEqual(profilesOf({ profiles: [] }), ['office', 'travel', 'do-not-disturb']);
    assert.deepEqual(profilesOf({ profiles: ['garden', 'travel'] }), [
      'garden',
      'travel',
      'office',
      'do-not-disturb',
    ]);
  });

  it('S2-71 who would ring: phones with whether they are there, a cold route’s alone, an outside number', async () => {
    assert.deepEqual(
      rules.whoRings(domain, '500').map(({ to, user, registered }) => [to, user, registered]),
      [
        ['1001', '100', true],
        ['1002', '100', true],
        ['1003', '100', true],
        ['2001', '200', true],
      ],
    );
    await world.coldRoutes.set({ userId: 'u100', deviceId: 'd1002', setAt: 0, setBy: '1002' });
    assert.deepEqual(rules.whoRings(domain, '100'), [{ to: '1002', user: '100', registered: true }]);
    assert.deepEqual(rules.whoRings(domain, '202-555-0123'), [{ to: '+12025550123', confirm: true }]);
    assert.deepEqual(rules.whoRings(domain, '999'), []);
  });
});
