import assert from 'node:assert/strict';
import { Emitter } from '../../base/index.ts';
import {
  MemoryAuditStore,
  MemoryDirectoryStore,
  MemoryRecordStore,
  type AuditEntry,
  type CallRecord,
  type RecordedLeg,
  type Routing,
  type RoutingPolicy,
  type Rule,
} from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import type { CallEvents, CallView } from '../call/call-view.ts';
import {
  Answers,
  CallReport,
  changesOf,
  ForwardingReport,
  RuleHits,
  ruleUse,
  scan,
  SpikeWatch,
  suggestionsFor,
  type Grouping,
  type Spike,
} from './index.ts';

const domain = 'pbx.test';
/** A Monday, 09:00 UTC. */
const monday = Date.UTC(2026, 0, 5, 9);
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

let count = 0;

const leg = (more: Partial<RecordedLeg>): RecordedLeg => ({
  id: `leg${++count}`,
  party: 'callee',
  startedAt: monday,
  ...more,
});

/** A call of the outside to 100, at the time given; its legs count from there. */
function call(at: number, legs: readonly Partial<RecordedLeg>[], more: Partial<CallRecord> = {}): CallRecord {
  const made = legs.map((one) =>
    leg({
      startedAt: at,
      ...one,
      ...(one.answeredAt === undefined ? {} : { answeredAt: at + one.answeredAt }),
      ...(one.endedAt === undefined ? {} : { endedAt: at + one.endedAt }),
    }),
  );
  const answers = made.flatMap((one) => one.answeredAt ?? []);
  return {
    id: `call${++count}`,
    domain,
    from: '+15550199',
    to: '100',
    userIds: [],
    users: [],
    startedAt: at,
    ...(answers.length === 0 ? {} : { answeredAt: Math.min(...answers) }),
    endedAt: at + minute,
    endedBy: 'caller',
    ended: { cause: 200, text: '' },
    legs: made,
    flips: [],
    decisions: [],
    ...more,
  };
}

const desk = { user: '100', device: '1001' };
const mobile = { user: '100', device: '1002' };
const bob = { user: '200', device: '2001' };

async function directoryOf(): Promise<MemoryDirectoryStore> {
  const directory = new MemoryDirectoryStore();
  await directory.putDomain({ name: domain, aliases: [] });
  for (const extension of ['100', '200'])
    await directory.putUser({ id: `u${extension}`, domain, extension, name: extension });
  await directory.putGroup({
    id: 'g500',
    domain,
    extension: '500',
    name: 'Support',
    ring: 'all',
    members: ['100', '200'],
  });
  await directory.putNumber({ domain, number: '+15550100', target: '100' });
  return directory;
}

describe('reports on calls', () => {
  const records = [
    call(monday, [{ ...desk, answeredAt: 4000 }, mobile]),
    call(monday + hour, [desk, mobile]),
    call(monday + day, [desk, { ...bob, answeredAt: 8000 }], { to: '500' }),
    call(monday + day + hour, [{ ...bob, answeredAt: 2000 }], { to: '200', number: '+15550100' }),
    // Nobody's phone was there.
    call(monday + 2 * day, [], { callee: '100' }),
    // Outwards: how that was answered says nothing of us.
    call(monday, [{ trunk: 'lab', number: '+4930', answeredAt: 1 }], { from: '100', to: '+4930' }),
  ];
  const report = async (by: Grouping, user?: string) => {
    const made = new CallReport({
      by,
      timeZone: 'Europe/Berlin',
      directory: await directoryOf(),
      ...(user === undefined ? {} : { user }),
    });
    for (const record of records) made.add(record);
    return made.items();
  };

  it('S2-70 missed calls, answer rate and time to answer', async () => {
    const [total, ...others] = await report('total');
    assert.deepEqual(others, []);
    assert.deepEqual(total, {
      key: 'total',
      calls: 5,
      answered: 3,
      missed: 2,
      elsewhere: 0,
      answerRate: 0.6,
      timeToAnswer: { mean: 4667, median: 4000, p95: 8000 },
    });
  });

  it('S2-70 by user: what somebody else answered is not missed', async () => {
    const [ada, other] = await report('user');
    assert.deepEqual([ada?.key, ada?.answered, ada?.missed, ada?.elsewhere], ['100', 1, 2, 1]);
    assert.deepEqual([other?.key, other?.answered, other?.missed, other?.calls], ['200', 2, 0, 2]);
    const [own, ...none] = await report('total', '100');
    assert.deepEqual(own, { ...ada, key: 'total' });
    assert.deepEqual(none, []);
  });

  it('S2-70 by group, by number', async () => {
    const [group] = await report('group');
    assert.deepEqual([group?.key, group?.calls, group?.timeToAnswer?.mean], ['500', 1, 8000]);
    const [number] = await report('number');
    assert.deepEqual([number?.key, number?.calls], ['+15550100', 1]);
  });

  it('S2-90 by hour, weekday, day and month of the place', async () => {
    const keys = async (by: Grouping) => (await report(by)).map(({ key, calls }) => `${key} ${calls}`);
    assert.deepEqual(await keys('hour'), ['10 3', '11 2']);
    assert.deepEqual(await keys('weekday'), ['Mon 2', 'Tue 2', 'Wed 1']);
    assert.deepEqual(await keys('day'), ['2026-01-05 2', '2026-01-06 2', '2026-01-07 1']);
    assert.deepEqual(await keys('month'), ['2026-01 5']);
  });

  it('a flip adds no ringing: legs that came after the answer are not counted', async () => {
    const made = new CallReport({ by: 'user', timeZone: 'UTC', directory: await directoryOf() });
    made.add(
      call(monday, [
        { ...desk, answeredAt: 1000 },
        { ...bob, startedAt: monday + 5000, answeredAt: 6000 },
      ]),
    );
    assert.deepEqual(
      made.items().map(({ key, answered, missed, elsewhere }) => [key, answered, missed, elsewhere]),
      [['100', 1, 0, 0]],
    );
  });

  it('reads all pages of a period and no more than it is told to', async () => {
    const store = new MemoryRecordStore();
    await store.add(Array.from({ length: 1234 }, (_, i) => call(monday + i * minute, [])));
    let seen = 0;
    const all = await scan(store, { domain, since: monday + minute }, () => seen++);
    assert.deepEqual([all, seen], [{ records: 1233, complete: true, oldest: monday + minute }, 1233]);
    const some = await scan(store, { domain }, () => undefined, 700);
    assert.deepEqual([some.records, some.complete], [700, false]);
    assert.equal((await scan(store, { domain: 'other.test' }, () => undefined)).records, 0);
  });
});

const rule = (id: string) => ({ id, name: `rule ${id}` });
const taken = (owner: string, id: string, at: number) => ({
  at,
  text: '',
  owner,
  rule: rule(id),
  taken: true,
});

describe('reports on forwarding', () => {
  const talked = { answeredAt: 5000, endedAt: 65_000 };
  const outside = (at: number, number: string) =>
    call(at, [desk, { trunk: 'lab', number, forwarded: 'outside', ...talked }], {
      trace: [taken('100', 'r1', at)],
    });
  const records = [
    outside(monday, '+4930'),
    outside(monday + hour, '+4930'),
    outside(monday + hour, '+4989'),
    call(
      monday,
      [
        { ...bob, forwarded: 'inside' },
        { ...bob, device: '2002', forwarded: 'inside', ...talked },
      ],
      {
        to: '+15550100',
        trace: [taken('+15550100', 'r2', monday)],
      },
    ),
    call(monday, [desk]),
  ];
  const rows = (by: 'owner' | 'destination' | 'both') => {
    const report = new ForwardingReport(by);
    for (const record of records) report.add(record);
    return report.items();
  };

  it('S2-66 S2-12 volume by number and by destination, inside and outside apart', () => {
    assert.deepEqual(rows('both'), [
      { owner: '100', to: '+4930', kind: 'outside', calls: 2, answered: 2, talkSeconds: 120 },
      { owner: '100', to: '+4989', kind: 'outside', calls: 1, answered: 1, talkSeconds: 60 },
      { owner: '+15550100', to: '200', kind: 'inside', calls: 1, answered: 1, talkSeconds: 60 },
    ]);
    assert.deepEqual(
      rows('owner').map(({ owner, kind, calls }) => [owner, kind, calls]),
      [
        ['100', 'outside', 3],
        ['+15550100', 'inside', 1],
      ],
    );
    assert.deepEqual(
      rows('destination').map(({ to, calls }) => [to, calls]),
      [
        ['+4930', 2],
        ['+4989', 1],
        ['200', 1],
      ],
    );
  });

  it('S2-91 S2-68 rules by age and last use; those of protected numbers are known', async () => {
    const hits = new RuleHits();
    for (const record of records) hits.add(record);
    const made = (id: string, to: string): Rule => ({
      ...rule(id),
      enabled: true,
      when: [],
      then: { kind: 'forward', to },
      changedAt: monday - 100 * day,
      changedBy: 'administrator',
    });
    const routings: readonly Routing[] = [
      {
        owner: { domain, kind: 'user', id: 'u100' },
        rules: [made('r1', '+4930'), made('r3', '200')],
        profiles: [],
      },
      { owner: { domain, kind: 'number', id: '+15550100' }, rules: [made('r2', '200')], profiles: [] },
    ];
    const policy = { protectedNumbers: ['+15550100'] } as unknown as RoutingPolicy;
    const options = { directory: await directoryOf(), policy, now: monday + day, lookedAt: 90 * day };
    const found = ruleUse(routings, hits, options);
    assert.deepEqual(
      found.map((one) => [one.owner, one.rule.id, one.hits, one.stale, one.protected, one.outside]),
      [
        ['100', 'r3', 0, true, false, false],
        ['+15550100', 'r2', 1, false, true, false],
        ['100', 'r1', 3, false, false, true],
      ],
    );
    assert.equal(found.at(-1)?.lastHit, monday + hour);
    assert.equal(found[0]?.ageDays, 101);
    const young = ruleUse(routings, hits, { ...options, lookedAt: 200 * day });
    assert.ok(
      young.every((one) => !one.stale),
      'younger than what was looked at',
    );
  });

  it('S2-70 changes of how calls are directed are marks, others are not', async () => {
    const audit = new MemoryAuditStore();
    const entry = (what: string, at: number): AuditEntry => ({
      id: `a${at}`,
      domain,
      at,
      who: 'administrator',
      from: '127.0.0.1',
      action: 'change',
      what,
      before: 'secret',
    });
    const whats = [
      'users/100/rules',
      'users/100',
      'policy',
      'users/100/cold-route/x',
      'sessions',
      'schedules/a',
    ];
    await audit.append(whats.map((one, i) => entry(one, i + 1)));
    assert.deepEqual(
      (await changesOf(audit, { domain }, 10)).map(({ what }) => what),
      ['schedules/a', 'users/100/cold-route/x', 'policy', 'users/100/rules'],
    );
    assert.deepEqual(await changesOf(audit, { domain, what: 'users/100' }, 1), [
      { id: 'a4', at: 4, who: 'administrator', action: 'change', what: 'users/100/cold-route/x' },
    ]);
  });
});

describe('spikes in outside forwarding', () => {
  let clock: VirtualClock;
  let events: Emitter<CallEvents>;
  let watch: SpikeWatch;
  let spikes: Spike[];
  beforeEach(() => {
    clock = new VirtualClock(monday);
    events = new Emitter();
    watch = new SpikeWatch({ events, clock });
    spikes = [];
    watch.events.on('spike', (spike) => spikes.push(spike));
  });
  afterEach(() => {
    watch.close();
    for (const event of ['started', 'changed', 'ended'] as const)
      assert.equal(events.listenerCount(event), 0);
  });

  const view = (number: string): CallView => {
    const { legs, ...rest } = call(clock.wall(), [{ trunk: 'lab', number, forwarded: 'outside' }], {
      trace: [taken('100', 'r1', clock.wall())],
    });
    const seen = legs.map((one) => ({ ...one, state: 'ringing' as const }));
    return { ...rest, state: 'ringing', users: [], legs: seen, flips: [], trace: rest.trace ?? [] };
  };
  const forward = (times: number, number = '+4930') => {
    for (let i = 0; i < times; i++) {
      const seen = view(number);
      events.emit('changed', seen);
      events.emit('answered', seen);
      events.emit('ended', seen);
      clock.advance(1000);
    }
  };

  it('S2-67 far more than ever in the week before is told at once, for the owner and the domain, and once an hour', () => {
    forward(10);
    assert.deepEqual(spikes, [], 'a few are nothing');
    forward(5, '+8821');
    const told = { domain, calls: 11, usual: 0, destinations: ['+4930', '+8821'] };
    assert.deepEqual(spikes, [told, { ...told, owner: '100' }]);
    clock.advance(hour);
    forward(11);
    assert.equal(spikes.length, 4);
  });

  it('S2-67 what is usual is no spike, also when it was learned from records', () => {
    for (let back = 2; back < 100; back++)
      for (let i = 0; i < 6; i++) {
        const at = monday - back * hour;
        watch.learn(
          call(at, [{ number: '+4930', forwarded: 'outside' }], { trace: [taken('100', 'r1', at)] }),
        );
      }
    forward(24);
    assert.deepEqual(spikes, []);
    forward(1);
    assert.deepEqual(
      spikes.map(({ calls, usual }) => [calls, usual]),
      [
        [25, 6],
        [25, 6],
      ],
    );
  });

  it('inside is no matter of money', () => {
    for (let i = 0; i < 50; i++) {
      const seen = view('+4930');
      events.emit('changed', { ...seen, legs: seen.legs.map((one) => ({ ...one, forwarded: 'inside' })) });
    }
    assert.deepEqual(spikes, []);
  });
});

describe('suggestions', () => {
  const user = { extension: '100', devices: ['1001', '1002'], timeZone: 'UTC' };
  const learned = (records: readonly CallRecord[]): Answers => {
    const answers = new Answers('100', 'UTC');
    for (const record of records) answers.add(record);
    return answers;
  };
  /** Working days at nine o'clock, so many calls each. */
  const mornings = (times: number, make: (at: number) => CallRecord) =>
    Array.from({ length: times }, (_, i) => make(monday + Math.floor(i / 5) * 7 * day + (i % 5) * day));

  it('S2-79 learns which device is answered when', () => {
    const answers = learned([
      ...mornings(9, (at) => call(at, [{ ...desk, answeredAt: 1000 }, mobile])),
      ...mornings(3, (at) => call(at, [desk, { ...mobile, answeredAt: 1000 }])),
      ...mornings(2, (at) => call(at + 6 * hour, [desk, { ...mobile, answeredAt: 1000 }])),
    ]);
    const morning = answers.blocks().find((b) => b.days === 'working days' && b.from === 8);
    assert.deepEqual(morning, {
      days: 'working days',
      from: 8,
      to: 12,
      calls: 12,
      answered: 12,
      devices: [
        { device: '1001', answered: 9 },
        { device: '1002', answered: 3 },
      ],
      instead: [],
    });
    // Nine of twelve are not enough.
    assert.deepEqual(suggestionsFor(answers, user), []);
  });

  it('S2-82 offers the rule that follows, with the schedule that it needs and the figures that it rests on', () => {
    const answers = learned(mornings(12, (at) => call(at, [{ ...desk, answeredAt: 1000 }, mobile])));
    const [first, ...others] = suggestionsFor(answers, user);
    assert.deepEqual(
      others.map(({ kind }) => kind),
      [],
    );
    assert.deepEqual(first?.rule.when, [{ kind: 'time', schedule: 'working days 08-12', open: true }]);
    assert.deepEqual(first?.rule.then, {
      kind: 'ring',
      order: 'together',
      seconds: 30,
      targets: [{ to: '1001' }, { to: '1002', afterSeconds: 10 }],
    });
    assert.deepEqual(first?.schedule, {
      name: 'working days 08-12',
      timeZone: 'UTC',
      weekly: [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '12:00' }],
      holidays: [],
      dates: [],
    });
    assert.deepEqual(first?.statistics, {
      days: 'working days',
      from: 8,
      to: 12,
      calls: 12,
      answered: 12,
      supporting: 12,
    });
  });

  it('S2-80 predicts when it is no use to ring: there is who answers instead, or the mailbox', () => {
    const missed = mornings(10, (at) => call(at, [desk, mobile], { from: `+1555${at}` }));
    const byBob = mornings(9, (at) =>
      call(at + 5 * hour, [desk, { ...bob, forwarded: 'inside', answeredAt: 9000 }], {
        from: `+1556${at}`,
        callee: '200',
      }),
    );
    const late = mornings(2, (at) => call(at + 5 * hour, [{ ...desk, answeredAt: 1000 }]));
    assert.deepEqual(
      suggestionsFor(learned([...missed, ...byBob, ...late]), user).map(({ kind, rule: { then } }) => [
        kind,
        then,
      ]),
      [
        ['straight to mailbox', { kind: 'mailbox', of: 'own' }],
        ['straight to others', { kind: 'forward', to: '200' }],
      ],
    );
  });

  it('S2-81 a caller who ends up with somebody else each time might go there at once', () => {
    const transferred = [0, 1, 2, 3].map((i) =>
      call(monday + i * day, [{ ...desk, answeredAt: 1000 }], { callee: '200' }),
    );
    const [only, ...others] = suggestionsFor(learned(transferred), user);
    assert.deepEqual(others, []);
    assert.deepEqual(only?.rule, {
      name: '+15550199 to 200',
      when: [{ kind: 'caller', numbers: ['+15550199'] }],
      then: { kind: 'forward', to: '200' },
    });
    assert.deepEqual(only?.statistics, { calls: 4, answered: 4, supporting: 4 });
  });

  it('says nothing without evidence', () => {
    assert.deepEqual(suggestionsFor(learned([]), user), []);
    assert.deepEqual(suggestionsFor(learned(mornings(9, (at) => call(at, [desk, mobile]))), user), []);
  });
});
