import assert from 'node:assert/strict';
import { Emitter, systemRandom } from '../base/index.ts';
import type { CallRecord } from '../stores/index.ts';
import type { Spike } from '../switch/reports/index.ts';
import { settle, World } from '../switch/testing/world.ts';
import { VirtualClock } from '../testing/index.ts';
import { concerns, EventLog, type LoggedEvent } from './event-log.ts';
import { ApiWorld } from './fixture.test.ts';
import { Turns } from './turns.ts';

const day = 86_400_000;

describe('reports in the API', () => {
  let api: ApiWorld;
  beforeEach(async () => {
    api = await ApiWorld.start();
  });
  afterEach(() => api.close());

  /** A call from 200 to 100 that rang 1001 and 1002, some days ago. */
  const called = (daysAgo: number, answered: boolean, n = 0): CallRecord => {
    const startedAt = api.clock.wall() - daysAgo * day + n * 1000;
    const leg = { party: 'callee', user: '100', startedAt } as const;
    const answer = answered ? { answeredAt: startedAt + 3000 } : {};
    return {
      id: `c${daysAgo}-${n}`,
      domain: 'pbx.test',
      from: '200',
      to: '100',
      callee: '100',
      userIds: ['u100', 'u200'],
      users: ['100', '200'],
      startedAt,
      ...answer,
      endedAt: startedAt + 60_000,
      endedBy: 'caller',
      ended: { cause: 200, text: '' },
      legs: [
        { id: 'a', ...leg, device: '1001', ...answer },
        { id: 'b', ...leg, device: '1002' },
      ],
      flips: [],
      decisions: [],
      trace: [{ at: startedAt, text: '', owner: '100', rule: { id: 'r', name: 'r' }, taken: true }],
    };
  };
  const get = (path: string, who = api.admin) => who.get(`/api/v1/reports/${path}`);

  it('S2-70 figures of everybody for an administrator, of the own calls for a user', async () => {
    await api.records.add([called(1, true), called(2, false), called(40, true)]);
    const { status, body } = await get('calls');
    assert.equal(status, 200);
    assert.deepEqual(body['basis'], { records: 2, complete: true, oldest: called(2, false).startedAt });
    assert.deepEqual(body.items, [
      {
        key: 'total',
        calls: 2,
        answered: 1,
        missed: 1,
        elsewhere: 0,
        answerRate: 0.5,
        timeToAnswer: { mean: 3000, median: 3000, p95: 3000 },
      },
    ]);
    const [ada, bob] = [await api.nobody.login('100'), await api.nobody.login('200')];
    assert.deepEqual((await get('calls', ada)).body.items, body.items);
    assert.deepEqual((await get('calls', bob)).body.items, [], 'he called, and missed nothing');
    assert.equal((await get('calls?user=100', bob)).status, 404);
    assert.deepEqual((await get('calls?user=100&by=day')).body.items.length, 2);
    assert.equal((await get('calls?timeZone=Nowhere')).status, 400);
    assert.equal((await get('calls?by=colour')).status, 400);
    assert.equal((await get('calls', api.nobody)).status, 401);
  });

  it('S2-70 S2-71 a change is a mark, and the figures of as long before and after can be compared', async () => {
    const ada = await api.nobody.login('100');
    const rule = { name: 'Off', when: [], then: { kind: 'busy' } };
    assert.equal((await api.admin.post('/api/v1/users/100/rules', rule)).status, 201);
    await settle();
    const changes = await get('changes?what=users/100');
    const [change] = changes.body.items;
    assert.deepEqual(
      [change?.['what'], change?.['who'], change?.['at']],
      ['users/100/rules', 'administrator', api.clock.wall()],
    );
    assert.equal((await get('changes', ada)).status, 403);
    api.clock.advance(3 * day);
    await api.records.add([called(4, false), called(5, false), called(1, true), called(2, false)]);
    const compared = await get(`before-and-after?at=${String(change?.['at'])}&days=3`);
    const sides = compared.body as unknown as Record<string, { items: { answerRate: number }[] }>;
    assert.deepEqual([sides['before']?.items[0]?.answerRate, sides['after']?.items[0]?.answerRate], [0, 0.5]);
    assert.equal((await get('before-and-after')).status, 400);
  });

  it('S2-91 S2-69 rules by their use; a user sees the own ones', async () => {
    const post = (path: string) =>
      api.admin.post(`/api/v1/${path}/rules`, { name: 'Off', when: [], then: { kind: 'busy' } });
    const made = (await post('users/100')).body;
    await post('users/200');
    api.clock.advance(100 * day);
    const record = called(1, true);
    const rule = { id: String(made['id']), name: 'Off' };
    const trace = [{ at: record.startedAt, text: '', owner: '100', rule, taken: true }];
    await api.records.add([{ ...record, trace }]);
    const rows = async (path: string, who = api.admin) =>
      (await get(path, who)).body.items.map(({ owner, hits, stale, lastHit }) => [
        owner,
        hits,
        stale,
        lastHit,
      ]);
    const [used, unused] = [
      ['100', 1, false, record.startedAt],
      ['200', 0, true, undefined],
    ];
    assert.deepEqual(await rows('rules'), [unused, used]);
    assert.deepEqual(await rows('rules?stale=true'), [unused]);
    assert.deepEqual(await rows('rules?protected=true'), []);
    assert.deepEqual(await rows('rules', await api.nobody.login('100')), [used]);
  });

  it('S2-66 S2-67 what is forwarded where, for who sees the whole domain', async () => {
    const record = called(1, true);
    const legs = record.legs.map((leg) => ({ ...leg, forwarded: 'inside' as const }));
    await api.records.add([{ ...record, legs }]);
    assert.deepEqual((await get('forwarding')).body.items, [
      { owner: '100', to: '100', kind: 'inside', calls: 1, answered: 1, talkSeconds: 57 },
    ]);
    assert.equal((await get('forwarding', await api.nobody.login('100'))).status, 403);
  });

  it('S2-12 the table of records tells forwarding inside, which is free, from outside', async () => {
    const forwarded = (id: string, kind?: 'inside' | 'outside'): CallRecord => {
      const record = called(1, true);
      const [first, ...others] = record.legs;
      const named = kind === undefined ? {} : { forwarded: kind };
      return { ...record, id, legs: [{ ...first, ...named } as (typeof record.legs)[number], ...others] };
    };
    await api.records.add([forwarded('a'), forwarded('b', 'inside'), forwarded('c', 'outside')]);
    const { text } = await api.admin.get('/api/v1/records?format=csv');
    const [titles = '', ...lines] = text.trim().split('\r\n');
    const column = titles.split(',').indexOf('forwarded');
    const told = lines.map((line) => line.split(',')).map((cells) => `${cells[0]} ${cells[column]}`);
    assert.deepEqual(told.toSorted(), ['a ', 'b inside', 'c outside']);
  });

  it('S2-79 S2-81 S2-82 a suggestion is offered, never applied, and can be taken as it is', async () => {
    const ada = await api.nobody.login('100');
    // Twelve Mondays at nine.
    await api.records.add(Array.from({ length: 12 }, (_, n) => called(7, true, n)));
    const answers = await get('answers', ada);
    assert.equal(answers.status, 200);
    const { body } = await get('suggestions?timeZone=UTC', ada);
    const [first] = body.items as unknown as [
      { kind: string; rule: object; schedule: { name: string }; statistics: object },
    ];
    assert.equal(first.kind, 'device first');
    assert.deepEqual(first.statistics, {
      days: 'working days',
      from: 8,
      to: 12,
      calls: 12,
      answered: 12,
      supporting: 12,
    });
    assert.deepEqual((await ada.get('/api/v1/users/100/rules')).body.items, [], 'nothing is made by itself');
    const { name, ...schedule } = first.schedule;
    const put = await api.admin.put(`/api/v1/schedules/${encodeURIComponent(name)}`, schedule);
    assert.ok(put.status < 300, put.text);
    const taken = await ada.post('/api/v1/users/100/rules', first.rule);
    assert.equal(taken.status, 201, taken.text);
    assert.equal((await get('suggestions')).status, 400, 'an administrator has no calls');
    assert.equal((await get('suggestions?user=100')).body.items.length, 1);
    assert.equal((await get('suggestions?user=999')).status, 404);
  });
});

describe('the event of a spike', () => {
  it('S2-67 is on the event stream of who sees the domain, and of no user', async () => {
    const world = await World.create(new VirtualClock());
    const spikes = new Emitter<{ spike: Spike }>();
    const { directory, bindings, coldRoutes, core } = world;
    const parts = { directory, bindings, coldRoutes, calls: core.events, domain: 'pbx.test' };
    const log = new EventLog({ ...parts, random: systemRandom, spikes });
    const logged: LoggedEvent[] = [];
    log.keep(true);
    log.events.on('logged', (event) => logged.push(event));
    spikes.emit('spike', { domain: 'pbx.test', calls: 11, usual: 2, destinations: ['+4930'] });
    const [event, ...others] = logged;
    assert.ok(event !== undefined && others.length === 0);
    const admin = { domain: 'pbx.test', admin: true };
    assert.deepEqual(
      [event.name, event.data(admin)],
      ['forwarding.spike', { calls: 11, usual: 2, destinations: ['+4930'] }],
    );
    assert.ok(concerns(event, admin));
    assert.ok(!concerns(event, { domain: 'pbx.test', userId: 'u100', admin: false }));
    log.close();
    spikes.emit('spike', { domain: 'pbx.test', calls: 11, usual: 2, destinations: [] });
    assert.equal(logged.length, 1);
    world.close();
  });
});

describe('turns', () => {
  it('work is done one after the other, also behind one that failed, and too many are refused', async () => {
    const turns = new Turns();
    const seen: number[] = [];
    const waits: (() => void)[] = [];
    const work = (n: number) =>
      turns.take(async () => {
        seen.push(n);
        await new Promise<void>((done) => waits.push(done));
        if (n === 0) throw new Error('failed');
        return n;
      });
    const all = Array.from({ length: 9 }, (_, n) => work(n).catch((error: Error) => error.message));
    for (let n = 0; n < 8; n++) {
      await settle();
      assert.deepEqual(
        seen,
        Array.from({ length: n + 1 }, (_, i) => i),
      );
      waits[n]?.();
    }
    assert.deepEqual(await Promise.all(all), ['failed', 1, 2, 3, 4, 5, 6, 7, 'Too many reports at once']);
  });
});
