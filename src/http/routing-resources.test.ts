import assert from 'node:assert/strict';
import { domain, settle } from '../switch/testing/world.ts';
import type { Client } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

const rules = '/api/v1/users/100/rules';

describe('what rules refer to, by the API', () => {
  let api: ApiWorld;
  let admin: Client;
  let ada: Client;
  beforeEach(async () => {
    api = await ApiWorld.start();
    ({ admin } = api);
    ada = await api.nobody.login('100');
  });
  afterEach(() => api.close());

  const refused = async (answer: Promise<{ status: number; body: Record<string, unknown> }>) => {
    const { status, body } = await answer;
    return `${status} ${String(body['title'])}`;
  };

  it('schedules are made, changed and removed by administrators, and seen by users', async () => {
    const path = '/api/v1/schedules/office';
    const said = {
      timeZone: 'Europe/Berlin',
      weekly: [{ days: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }],
    };
    const made = await admin.put(path, said);
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(made.body, { name: 'office', ...said, holidays: [], dates: [] });
    const tag = made.headers.get('etag') ?? '';
    const changed = await admin.put(
      path,
      { ...said, holidays: ['2026-12-25'] },
      { headers: { 'if-match': tag } },
    );
    assert.equal(changed.status, 200);
    assert.equal((await admin.put(path, said, { headers: { 'if-match': tag } })).status, 412);
    assert.equal(
      (await admin.put('/api/v1/schedules/new', said, { headers: { 'if-match': '*' } })).status,
      412,
    );
    assert.deepEqual((await ada.get(path)).body['holidays'], ['2026-12-25']);
    assert.equal((await ada.put(path, said)).status, 403);
    assert.equal((await ada.delete(path)).status, 403);
    assert.equal((await ada.get('/api/v1/schedules')).body.items.length, 1);
    assert.match(await refused(admin.put(path, { timeZone: 'Europe/Nowhere' })), /422 There is no time zone/);
    for (const wrong of [{}, { timeZone: 'UTC', weekly: [{ days: [8], from: '09:00', to: '17:00' }] }])
      assert.equal((await admin.put(path, wrong)).status, 400);
    assert.equal((await admin.delete(path)).status, 204);
    assert.equal((await admin.get(path)).status, 404);
    const audit = (await admin.get('/api/v1/audit?what=schedules')).body.items.map(
      (entry) => entry['action'],
    );
    assert.deepEqual(audit, ['remove', 'change', 'create']);
  });

  it('what a rule uses is not removed', async () => {
    await admin.put('/api/v1/schedules/office', { timeZone: 'UTC' });
    const when = [{ kind: 'not', condition: { kind: 'time', schedule: 'office', open: true } }];
    await ada.post(rules, { name: 'closed', when, then: { kind: 'busy' } });
    assert.match(await refused(admin.delete('/api/v1/schedules/office')), /409 Rule "closed" of 100 uses it/);
  });

  it('users see of caller lists and calendars that they are there', async () => {
    const list = await admin.put('/api/v1/caller-lists/vip', { numbers: ['+49301234567', '+4940*'] });
    assert.equal(list.status, 201, list.text);
    assert.deepEqual((await ada.get('/api/v1/caller-lists')).body.items, [{ name: 'vip' }]);
    assert.deepEqual((await ada.get('/api/v1/caller-lists/vip')).body, { name: 'vip' });
    const seen = (await admin.get('/api/v1/caller-lists/vip')).body['numbers'];
    assert.deepEqual(seen, ['+49301234567', '+4940*']);
    const calendar = admin.put('/api/v1/calendars/ada', { url: 'https://calendar.test/key.ics' });
    assert.match(await refused(calendar), /422 The configuration does not allow calendars/);
  });

  it('S2-73 a calendar is a file by its name or an address; whether it is read is the configuration’s word', async () => {
    const put = (url: string) => refused(admin.put('/api/v1/calendars/ada', { url }));
    for (const url of ['file:ada.ics', 'http://calendar.test/a.ics', 'https://calendar.test/a.ics'])
      assert.match(await put(url), /422 The configuration does not allow/, url);
    for (const url of ['file:/etc/passwd', 'file:../ada.ics', 'ftp://calendar.test/a.ics', 'ada.ics', ''])
      assert.match(await put(url), /^400 /, url);
  });

  it('S2-61 a country that there is none of is refused: numbers could not be read there', async () => {
    for (const wrong of [{ country: 'XX' }, { countries: ['DE', 'ZZ'] }])
      assert.match(await refused(admin.put('/api/v1/policy', wrong)), /^400 /);
    assert.equal((await admin.put('/api/v1/policy', { country: 'DE', countries: ['DE', 'AT'] })).status, 200);
  });

  it('S2-46 S2-52 S2-61 S2-63 the policy is an administrator’s, and what is not said of it stays', async () => {
    assert.equal((await ada.get('/api/v1/policy')).status, 403);
    assert.equal((await ada.put('/api/v1/policy', { countries: 'all' })).status, 403);
    const before = await admin.get('/api/v1/policy');
    assert.deepEqual([before.body['countries'], before.body['confirmMobiles']], ['home', true]);
    const put = await admin.put('/api/v1/policy', {
      country: 'DE',
      countries: ['DE', 'AT'],
      protectedNumbers: ['100'],
      mayForwardOutside: [],
    });
    assert.equal(put.status, 200, put.text);
    assert.deepEqual(put.body['countries'], ['DE', 'AT']);
    assert.equal(put.body['forwardsPerHour'], 60);
    const rule = { name: 'out', then: { kind: 'forward', to: '+49301234567' } };
    assert.match(await refused(ada.post(rules, rule)), /422 .*100 is protected/);
    await admin.put('/api/v1/policy', { protectedNumbers: [] });
    assert.match(await refused(ada.post(rules, rule)), /422 .*100 may not forward outside/);
    assert.equal((await admin.post(rules, { ...rule, locked: true })).status, 201);
    const stale = { headers: { 'if-match': before.headers.get('etag') ?? '' } };
    assert.equal((await admin.put('/api/v1/policy', { countries: 'all' }, stale)).status, 412);
    for (const wrong of [{ countries: 'some' }, { country: 'Germany' }, { blockedPrefixes: ['0900'] }])
      assert.equal((await admin.put('/api/v1/policy', wrong)).status, 400);
    assert.equal((await admin.get('/api/v1/audit?what=policy')).body.items.length, 2);
  });

  it('S2-53 a profile is switched by one change', async () => {
    const path = '/api/v1/users/100/profile';
    const common = ['office', 'travel', 'do-not-disturb'];
    assert.deepEqual((await ada.get(path)).body, { profile: null, profiles: common });
    assert.deepEqual((await ada.put(path, { profile: 'travel' })).body, {
      profile: 'travel',
      profiles: common,
    });
    const own = await ada.put(path, { profile: 'garden', profiles: ['garden'] });
    assert.deepEqual(own.body, { profile: 'garden', profiles: ['garden', ...common] });
    assert.match(await refused(ada.put(path, { profile: 'moon' })), /422 There is no profile moon/);
    assert.match(await refused(ada.put(path, { profile: 'garden', profiles: [] })), /422/);
    assert.equal((await ada.put('/api/v1/users/200/profile', { profile: 'travel' })).status, 404);
    await ada.put(path, { profile: 'do-not-disturb' });
    assert.deepEqual((await ada.get('/api/v1/users/100/presence')).body['now'], ['do-not-disturb']);
    assert.equal((await ada.put(path, { profile: null })).body['profile'], null);
    const [latest] = (await admin.get('/api/v1/audit?what=users/100/profile')).body.items;
    assert.equal(latest?.['who'], 'user 100');
    assert.deepEqual(latest?.['before'], { profile: 'do-not-disturb', profiles: ['garden', ...common] });
  });

  it('S2-52 S2-53 a profile dialled at a phone is written down as that user’s', async () => {
    await ada.put('/api/v1/users/100/profile', { profile: 'office' });
    await api.world.dial('1001', '*602');
    await settle();
    const path = '/api/v1/users/100/profile';
    assert.equal((await ada.get(path)).body['profile'], 'travel');
    const { items } = (await admin.get('/api/v1/audit?what=users/100/profile')).body;
    assert.deepEqual(
      items.map((entry) => [entry['who'], entry['from'] === 'phone', entry['before'], entry['after']]),
      [
        [
          'user 100',
          true,
          { profile: 'office', presence: 'available' },
          { profile: 'travel', presence: 'available' },
        ],
        [
          'user 100',
          false,
          { profile: null, profiles: ['office', 'travel', 'do-not-disturb'] },
          { profile: 'office', profiles: ['office', 'travel', 'do-not-disturb'] },
        ],
      ],
    );
  });

  it('S2-72 presence is what the user says, and the call that is seen', async () => {
    const path = '/api/v1/users/100/presence';
    assert.deepEqual((await ada.get(path)).body, { presence: 'available', now: ['available'] });
    await api.world.dial('1001', '200');
    assert.deepEqual((await ada.put(path, { presence: 'meeting' })).body, {
      presence: 'meeting',
      now: ['meeting', 'in-call'],
    });
    // Who is called is not in a call yet.
    assert.deepEqual((await admin.get('/api/v1/users/200/presence')).body['now'], ['available']);
    assert.equal((await ada.put(path, { presence: 'in-call' })).status, 400);
    assert.equal((await ada.put('/api/v1/users/200/presence', { presence: 'meeting' })).status, 404);
  });

  it('S2-46 templates become rules: in place of all but locked ones, or behind them', async () => {
    const path = `${rules}/from-template`;
    const names = (body: { items: readonly Record<string, unknown>[] }) =>
      body.items.map((one) => one['name']);
    await admin.post(rules, { name: 'locked', locked: true, then: { kind: 'stop' }, enabled: false });
    await ada.post(rules, { name: 'old', then: { kind: 'busy' } });
    const first = await ada.post(path, { template: 'default' });
    assert.deepEqual(names(first.body), ['locked', 'old', 'Mailbox']);
    const executive = { template: 'executive', assistant: '200', team: '200', seconds: 12, replace: true };
    const second = await ada.post(path, executive);
    assert.deepEqual(names(second.body), ['locked', 'Assistant', 'In person', 'Team', 'Mailbox']);
    const rotation = {
      template: 'on-call-rotation',
      people: ['100', '200'],
      start: '2026-03-02',
      timeZone: 'UTC',
    };
    assert.equal((await ada.post(path, rotation)).status, 400);
    const third = await ada.post(path, { ...rotation, escalation: '200', replace: true });
    assert.equal(third.body.items.length, 6);
    const sun = { template: 'follow-the-sun', teams: [{ to: '200', schedule: 'asia' }], otherwise: '200' };
    assert.match(await refused(ada.post(path, sun)), /422 .*no schedule asia/);
    assert.equal((await ada.post(path, { template: 'none' })).status, 400);
  });

  it('S2-57 S2-58 S2-59 S2-60 the failover tree of a number is drawn', async () => {
    await api.world.directory.putGroup({
      id: 'g500',
      domain,
      extension: '500',
      name: 'x',
      ring: 'all',
      members: ['100'],
    });
    await api.world.directory.putNumber({ domain, number: '+15550100', target: '500' });
    const result = { kind: 'result', is: ['no-answer'], afterSeconds: 20 };
    const backup = { name: 'Back "up"', when: [result], then: { kind: 'forward', to: '200' } };
    const { status } = await admin.post('/api/v1/groups/500/rules', backup);
    assert.equal(status, 201);
    const last = { name: 'Service', then: { kind: 'forward', to: '+12025550123' } };
    await admin.post('/api/v1/users/200/rules', last);
    const { body } = await admin.get('/api/v1/numbers/%2B15550100/rules/tree');
    assert.deepEqual(String(body['mermaid']).trim().split('\n'), [
      'flowchart TD',
      '  number__43_15550100(["+15550100"])',
      '  number__43_15550100 --> number__43_15550100_0["goes on to 500"]',
      '  number__43_15550100_0 -.-> group_g500',
      '  group_g500(["500"])',
      '  group_g500 --> group_g500_0{"Back #quot;up#quot;: no-answer after 20 s"}',
      '  group_g500_0 -- yes --> group_g500_0_then["forward to 200"]',
      '  group_g500_0_then -.-> user_u200',
      '  group_g500_0_then -- not answered --> group_g500_1',
      '  group_g500_0 -- no --> group_g500_1["500 rings, if nobody has"]',
      '  user_u200(["200"])',
      '  user_u200 --> user_u200_0{"Service: always"}',
      '  user_u200_0 -- always --> user_u200_0_then["forward to +12025550123"]',
      '  user_u200_0_then -- not answered --> user_u200_1["200 rings, if nobody has"]',
    ]);
    assert.equal((await ada.get(`${rules}/tree`)).status, 403);
  });
});
