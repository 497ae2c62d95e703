import assert from 'node:assert/strict';
import type { CallRecord } from '../stores/index.ts';
import { domain, settle } from '../switch/testing/world.ts';
import type { Client } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

const users = '/api/v1/users';
const devices = '/api/v1/devices';

describe('the API', () => {
  let api: ApiWorld;
  let admin: Client;
  let ada: Client;
  beforeEach(async () => {
    api = await ApiWorld.start();
    ({ admin } = api);
    ada = await api.nobody.login('100');
  });
  afterEach(() => api.close());

  const audited = async () =>
    (await admin.get('/api/v1/audit')).body.items.map((entry) => [
      entry['action'],
      entry['what'],
      entry['who'],
    ]);

  describe('sessions', () => {
    it('S3-05 begin with extension and PIN, say who one is, and end', async () => {
      const { status, body } = await api.nobody.post('/api/v1/sessions', { extension: '100', pin: '1000' });
      assert.equal(status, 201);
      assert.deepEqual([body['user'], body['name'], body['admin']], ['100', 'User 100', false]);
      assert.match(String(body['token']), /^[0-9a-f]{64}$/);
      const me = (await ada.get('/api/v1/sessions/current')).body;
      assert.deepEqual([me['user'], me['admin'], 'token' in me], ['100', false, false]);
      assert.equal((await ada.delete('/api/v1/sessions/current')).status, 204);
      assert.equal((await ada.get('/api/v1/sessions/current')).status, 401);
    });

    it('refuse a wrong PIN and an unknown extension in the same words', async () => {
      const wrong = await api.nobody.post('/api/v1/sessions', { extension: '100', pin: '9999' });
      const unknown = await api.nobody.post('/api/v1/sessions', { extension: '999', pin: '9999' });
      assert.equal(wrong.status, 401);
      assert.equal(wrong.text, unknown.text);
    });

    it('S2-52 make who guesses wait, whatever extension it guesses for', async () => {
      for (let i = 0; i < 10; i++)
        await api.nobody.post('/api/v1/sessions', { extension: `30${i}`, pin: '0000' });
      const right = await api.nobody.post('/api/v1/sessions', { extension: '100', pin: '1000' });
      assert.equal(right.status, 429);
      assert.ok(Number(right.headers.get('retry-after')) > 0);
      api.clock.advance(300_000);
      assert.equal(
        (await api.nobody.post('/api/v1/sessions', { extension: '100', pin: '1000' })).status,
        201,
      );
    });

    it('end by themselves, when the PIN is changed, and with the user', async () => {
      const ben = await api.nobody.login('200');
      await admin.put(`${users}/100`, { name: 'Ada', pin: '4711' });
      assert.equal((await ada.get('/api/v1/calls')).status, 401);
      assert.equal((await ben.get('/api/v1/calls')).status, 200);
      await admin.delete(`${users}/200`);
      assert.equal((await ben.get('/api/v1/calls')).status, 401);
      const again = await api.nobody.login('100', '4711');
      api.clock.advance(12 * 3_600_000);
      assert.equal((await again.get('/api/v1/calls')).status, 401);
    });

    it('of one user are bounded: the oldest ends', async () => {
      for (let i = 0; i < 20; i++) await api.nobody.login('100');
      assert.equal((await ada.get('/api/v1/calls')).status, 401);
    });
  });

  describe('users', () => {
    it('are made, changed and removed, and every change is in the audit log', async () => {
      const made = await admin.post(users, { extension: '300', name: 'Cleo', pin: '3000' });
      assert.equal(made.status, 201);
      assert.equal(made.headers.get('location'), '/api/v1/users/300');
      assert.deepEqual(made.body, {
        extension: '300',
        name: 'Cleo',
        callCodes: true,
        mayGrab: false,
        record: false,
        role: 'user',
        hasPin: true,
        hasPassword: false,
        devices: [],
      });
      const changed = await admin.put(`${users}/300`, { name: 'Cleopatra', callCodes: false });
      assert.deepEqual([changed.body['name'], changed.body['hasPin']], ['Cleopatra', true]);
      assert.equal((await admin.put(`${users}/300`, { name: 'C', pin: null })).body['hasPin'], false);
      assert.equal((await admin.delete(`${users}/300`)).status, 204);
      assert.equal((await admin.get(`${users}/300`)).status, 404);
      assert.deepEqual((await audited()).slice(0, 4), [
        ['remove', 'users/300', 'administrator'],
        ['change', 'users/300', 'administrator'],
        ['change', 'users/300', 'administrator'],
        ['create', 'users/300', 'administrator'],
      ]);
    });

    it('S2-48 an administrator says who may take others’ calls and whose calls are recorded; a user does not', async () => {
      const said = await admin.put(`${users}/100`, { name: 'Ada', mayGrab: true, record: true });
      assert.deepEqual([said.body['mayGrab'], said.body['record']], [true, true]);
      const renamed = await admin.put(`${users}/100`, { name: 'Ada L.' });
      assert.deepEqual(
        [renamed.body['mayGrab'], renamed.body['record']],
        [true, true],
        'not said, not changed',
      );
      const off = await admin.put(`${users}/100`, { name: 'Ada', mayGrab: false, record: false });
      assert.deepEqual([off.body['mayGrab'], off.body['record']], [false, false]);
      assert.equal((await ada.put(`${users}/100`, { name: 'Ada', mayGrab: true })).status, 403);
      assert.equal((await ada.get(`${users}/100`)).body['mayGrab'], false);
    });

    it('S2-52 the audit log has old and new, from where, and no secret', async () => {
      await admin.put(`${users}/100`, { name: 'Ada L.', pin: '123456', password: 'of the phones' });
      const { body, text } = await admin.get('/api/v1/audit?what=users/100&limit=1');
      const [entry] = body.items as { before: object; after: object; from: string; at: number }[];
      assert.match(JSON.stringify(entry?.before), /User 100/);
      assert.deepEqual(entry?.after, {
        ...entry?.before,
        name: 'Ada L.',
        hasPassword: true,
        pin: 'changed',
        password: 'changed',
      });
      assert.equal(entry?.from, '127.0.0.1');
      assert.doesNotMatch(text, /123456|of the phones|scrypt/);
    });

    it('S2-52 the audit log cannot be changed by the API, and users do not see it', async () => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
        assert.equal((await admin.ask(method, '/api/v1/audit')).status, 404);
      assert.equal((await ada.get('/api/v1/audit')).status, 403);
    });

    it('are not changed by who has seen an older state (If-Match, RFC 9110 §13.1.1)', async () => {
      const { headers } = await admin.get(`${users}/100`);
      const etag = headers.get('etag') ?? '';
      const ifMatch = { headers: { 'if-match': etag } };
      const first = await admin.put(`${users}/100`, { name: 'One' }, ifMatch);
      assert.equal(first.status, 200);
      assert.notEqual(first.headers.get('etag'), etag);
      assert.equal((await admin.put(`${users}/100`, { name: 'Two' }, ifMatch)).status, 412);
      assert.equal((await admin.delete(`${users}/100`, ifMatch)).status, 412);
      assert.equal((await admin.get(`${users}/100`)).body['name'], 'One');
      const now = { headers: { 'if-match': `"other", ${first.headers.get('etag')}` } };
      assert.equal((await admin.put(`${users}/100`, { name: 'Three' }, now)).status, 200);
    });

    it('cannot take an extension that is taken', async () => {
      for (const extension of ['100', '1001'])
        assert.equal((await admin.post(users, { extension, name: 'x' })).status, 409);
    });

    it('see themselves alone and change nothing', async () => {
      assert.deepEqual(
        (await ada.get(users)).body.items.map((u) => u['extension']),
        ['100'],
      );
      assert.equal((await ada.get(`${users}/100`)).status, 200);
      assert.equal((await ada.get(`${users}/200`)).status, 404);
      assert.equal((await ada.put(`${users}/100`, { name: 'Queen' })).status, 403);
      assert.equal((await ada.post(users, { extension: '300', name: 'x' })).status, 403);
      assert.equal((await ada.delete(`${users}/100`)).status, 403);
    });
  });

  describe('devices', () => {
    it('are made, changed and removed; no answer has a secret', async () => {
      const made = await admin.post(devices, {
        extension: '1009',
        user: '100',
        name: 'Tablet',
        kind: 'mobile',
        password: 'very secret',
      });
      assert.equal(made.status, 201);
      assert.deepEqual(made.body, {
        extension: '1009',
        user: '100',
        name: 'Tablet',
        kind: 'mobile',
        trusted: true,
        username: '1009',
        registered: false,
      });
      assert.notEqual(api.world.directory.account(domain, '1009'), undefined);
      const changed = await admin.put(`${devices}/1009`, { name: 'Old tablet', trusted: false });
      assert.deepEqual(
        [changed.body['name'], changed.body['trusted'], changed.body['kind']],
        ['Old tablet', false, 'mobile'],
      );
      assert.equal((await admin.delete(`${devices}/1009`)).status, 204);
      assert.equal(api.world.directory.account(domain, '1009'), undefined);
      const everything = [made, changed, await admin.get('/api/v1/audit')]
        .map((answer) => answer.text)
        .join();
      assert.doesNotMatch(everything, /very secret|md5|sha256/);
    });

    it('that are removed or get a new password are no longer registered', async () => {
      await admin.delete(`${devices}/1001`);
      await admin.put(`${devices}/1002`, { name: 'Mobile', password: 'a new secret' });
      const { items } = (await admin.get('/api/v1/bindings')).body;
      assert.deepEqual(new Set(items.map((b) => b['device'])), new Set(['1003', '2001', '2002', '2003']));
    });

    it('need an owner, a free extension and a free user name', async () => {
      const device = { user: '100', name: 'x', password: 'long enough' };
      assert.equal((await admin.post(devices, { ...device, extension: '1009', user: '999' })).status, 422);
      assert.equal((await admin.post(devices, { ...device, extension: '1001' })).status, 409);
      assert.equal((await admin.post(devices, { ...device, extension: '1009' })).status, 201);
      assert.equal(
        (await admin.post(devices, { ...device, extension: '1010', username: '1009' })).status,
        409,
      );
    });

    it('S1-05 S1-26 a user’s targets are the own devices alone, with whether they are registered', async () => {
      await api.world.bindings.removeDevice('d1003');
      const { items } = (await ada.get(`${users}/100/devices`)).body;
      assert.deepEqual(
        items.map((d) => [d['extension'], d['registered']]),
        [
          ['1001', true],
          ['1002', true],
          ['1003', false],
        ],
      );
      assert.equal((await ada.get(`${users}/200/devices`)).status, 404);
      assert.deepEqual((await ada.get(devices)).body.items.length, 3);
      assert.equal((await ada.get(`${devices}/2001`)).status, 404);
      assert.equal((await ada.put(`${devices}/1001`, { name: 'x' })).status, 403);
    });
  });

  it('registrations: a user sees the own ones, an administrator forgets one', async () => {
    const own = (await ada.get('/api/v1/bindings')).body.items;
    assert.deepEqual(
      own.map((b) => b['user']),
      ['100', '100', '100'],
    );
    const id = own[0]?.['id'] as string;
    assert.equal((await ada.delete(`/api/v1/bindings/${id}`)).status, 403);
    assert.equal((await admin.delete(`/api/v1/bindings/${id}`)).status, 204);
    assert.equal((await admin.delete(`/api/v1/bindings/${id}`)).status, 404);
    assert.equal((await ada.get('/api/v1/bindings')).body.items.length, 2);
  });

  describe('cold routes', () => {
    const path = `${users}/100/cold-route`;

    it('S0-36 S2-48 are set, seen and taken back by their user, and written down', async () => {
      assert.deepEqual((await ada.get(path)).body, { device: null });
      const set = await ada.put(path, { device: '1002' });
      assert.deepEqual([set.status, set.body['device'], set.body['setBy']], [200, '1002', 'user 100']);
      assert.equal((await ada.get(path)).body['device'], '1002');
      await api.world.dial('2001', '100');
      assert.ok(api.world.wasCalled('1002') && !api.world.wasCalled('1001'));
      assert.equal((await ada.delete(path)).status, 204);
      assert.deepEqual((await ada.get(path)).body, { device: null });
      const { items } = (await admin.get('/api/v1/audit?what=users/100/cold-route')).body;
      assert.deepEqual(
        items.map((e) => [e['who'], e['before'], e['after']]),
        [
          ['user 100', { device: '1002' }, { device: null }],
          ['user 100', { device: null }, { device: '1002' }],
        ],
      );
    });

    it('are nobody else’s business, and lead to own devices only', async () => {
      assert.equal((await ada.put(path, { device: '2001' })).status, 403);
      assert.equal((await ada.put(path, { device: '999' })).status, 404);
      for (const answer of [
        await ada.get(`${users}/200/cold-route`),
        await ada.put(`${users}/200/cold-route`, { device: '2001' }),
        await ada.delete(`${users}/200/cold-route`),
      ])
        assert.equal(answer.status, 404);
    });

    it('that a phone sets by code are written down as that phone’s', async () => {
      await api.world.dial('1002', '*50');
      await api.world.pass(2000);
      const { items } = (await admin.get('/api/v1/audit?what=users/100')).body;
      assert.deepEqual(
        items.map((e) => [e['who'], e['from'], e['after']]),
        [['device 1002', 'phone', { device: '1002' }]],
      );
    });

    it('S2-52 that a phone takes back by code is that phone’s doing; that went with its device, nobody’s', async () => {
      await api.world.dial('1002', '*50');
      await api.world.pass(2000);
      await api.world.dial('1001', '*51');
      await api.world.pass(2000);
      await api.world.dial('1003', '*50');
      await api.world.pass(2000);
      assert.equal((await admin.delete('/api/v1/devices/1003')).status, 204);
      const { items } = (await admin.get('/api/v1/audit?what=users/100/cold-route')).body;
      assert.deepEqual(
        items.map((e) => [e['who'], e['from'], e['before'], e['after']]),
        [
          ['switch', 'removal of the device', { device: '1003' }, {}],
          ['device 1003', 'phone', {}, { device: '1003' }],
          ['device 1001', 'phone', { device: '1002' }, {}],
          ['device 1002', 'phone', {}, { device: '1002' }],
        ],
      );
    });
  });

  describe('calls', () => {
    const talking = async () => {
      const far = await api.world.dial('2001', '100');
      const desk = api.world.at('1001').answer();
      await settle();
      const [call] = (await ada.get('/api/v1/calls')).body.items;
      return { far, desk, id: call?.['id'] as string };
    };

    it('S3-04 S3-05 a user sees the own calls, without the other side’s devices', async () => {
      const { id } = await talking();
      const { body } = await ada.get(`/api/v1/calls/${id}`);
      assert.deepEqual(
        [body['state'], body['from'], body['to'], body['users']],
        ['talking', '200', '100', ['200', '100']],
      );
      const legs = body['legs'] as { user: string; device?: string }[];
      assert.deepEqual(
        legs.map((leg) => [leg.user, leg.device]),
        [
          ['200', undefined],
          ['100', '1001'],
          ['100', '1002'],
          ['100', '1003'],
        ],
      );
      const all = (await admin.get(`/api/v1/calls/${id}`)).body['legs'] as { device?: string }[];
      assert.equal(all[0]?.device, '2001');
    });

    it('nobody sees, moves or ends a call of others', async () => {
      await admin.post(users, { extension: '300', name: 'Cleo', pin: '3000' });
      const cleo = await api.nobody.login('300', '3000');
      const { id, far } = await talking();
      assert.deepEqual((await cleo.get('/api/v1/calls')).body.items, []);
      for (const answer of [
        await cleo.get(`/api/v1/calls/${id}`),
        await cleo.delete(`/api/v1/calls/${id}`),
        await cleo.post(`/api/v1/calls/${id}/flip`, { to: 'other-devices' }),
        await cleo.delete(`/api/v1/calls/${id}/flip`),
      ])
        assert.equal(answer.status, 404);
      assert.ok(far.dialog.up);
    });

    it('S1-24 S1-26 a flip goes to own devices only, says why not, and is asked for in one of three ways', async () => {
      const { id } = await talking();
      const flip = (body: unknown) => ada.post(`/api/v1/calls/${id}/flip`, body);
      assert.deepEqual(
        [(await flip({ device: '2002' })).status, (await flip({ device: '999' })).status],
        [403, 404],
      );
      for (const wrong of [
        {},
        { device: '1002', to: 'other-devices' },
        { to: 'everybody' },
        { device: 1002 },
        [],
      ])
        assert.equal((await flip(wrong)).status, 400, JSON.stringify(wrong));
    });

    it('S1-65 a flip is answered at once, can be looked at, and moves the call', async () => {
      const { id, far, desk } = await talking();
      const begun = await ada.post(`/api/v1/calls/${id}/flip`, { device: '1002' });
      assert.equal(begun.status, 202);
      assert.deepEqual(
        [begun.body['kind'], begun.body['result'], begun.body['call'], begun.body['by']],
        ['push', 'ringing', id, 'user 100'],
      );
      const location = begun.headers.get('location') ?? '';
      assert.equal(location, `/api/v1/calls/${id}/flips/${String(begun.body['id'])}`);
      await settle();
      api.world.at('1002').answer();
      await settle();
      assert.equal((await ada.get(location)).body['result'], 'moved');
      assert.ok(far.dialog.up && !desk.up);
      assert.deepEqual(far.dialog.reinvites, []);
      assert.equal((await ada.delete(location)).status, 409);
      const ben = await api.nobody.login('200');
      assert.equal((await ben.get(location)).status, 404, 'the far party is shown no flip');
    });

    it('S0-64 DELETE gives a flip up, and the two talk on', async () => {
      const { id, far, desk } = await talking();
      const begun = await ada.post(`/api/v1/calls/${id}/flip`, { to: 'other-devices' });
      assert.equal(begun.status, 202);
      await settle();
      assert.equal((await ada.post(`/api/v1/calls/${id}/flip`, { device: '1002' })).status, 409);
      assert.equal((await ada.delete(begun.headers.get('location') ?? '')).status, 204);
      await settle();
      assert.equal((await ada.delete(`/api/v1/calls/${id}/flip`)).status, 409);
      assert.ok(far.dialog.up && desk.up);
      assert.ok(api.world.at('1002').cancelled !== undefined);
    });

    it('DELETE ends a call', async () => {
      const { id, far } = await talking();
      assert.equal((await ada.delete(`/api/v1/calls/${id}`)).status, 204);
      assert.ok(!far.dialog.up);
      assert.equal((await ada.get(`/api/v1/calls/${id}`)).status, 404);
      assert.deepEqual((await audited())[0], ['end', `calls/${id}`, 'user 100']);
    });
  });

  describe('records', () => {
    const record = (id: string, more: Partial<CallRecord> = {}): CallRecord => ({
      id,
      domain,
      from: '+15550100',
      to: '100',
      user: '100',
      callee: '100',
      userIds: ['u100'],
      users: ['100'],
      startedAt: 1000,
      answeredAt: 2000,
      endedAt: 9000,
      endedBy: 'caller',
      ended: { cause: 200, text: 'Call ended' },
      legs: [
        { id: 'l1', party: 'caller', trunk: 'lab', startedAt: 1000, answeredAt: 2000 },
        {
          id: 'l2',
          party: 'callee',
          user: '100',
          device: '1001',
          startedAt: 1000,
          answeredAt: 2000,
          quality: { packets: 400, lost: 1, mos: 4.3 },
        },
      ],
      flips: [],
      decisions: ['user 100'],
      ...more,
    });

    it('S1-27 S2-71 are listed page by page, the own ones for a user, with devices, quality and decisions', async () => {
      await api.records.add([
        record('a'),
        record('b', { userIds: ['u200'], startedAt: 2000 }),
        record('c', { startedAt: 3000 }),
      ]);
      const first = (await admin.get('/api/v1/records?limit=2')).body;
      assert.deepEqual(
        first.items.map((r) => r['id']),
        ['c', 'b'],
      );
      const second = (await admin.get(`/api/v1/records?limit=2&after=${String(first['next'])}`)).body;
      assert.deepEqual(
        second.items.map((r) => r['id']),
        ['a'],
      );
      assert.equal(second['next'], undefined);
      const own = (await ada.get('/api/v1/records')).body.items;
      assert.deepEqual(
        own.map((r) => r['id']),
        ['c', 'a'],
      );
      const legs = own[0]?.['legs'] as { device?: string; quality?: object }[];
      assert.deepEqual([legs[1]?.device, legs[1]?.quality], ['1001', { packets: 400, lost: 1, mos: 4.3 }]);
      assert.deepEqual(own[0]?.['decisions'], ['user 100']);
      assert.doesNotMatch(JSON.stringify(own), /u100|pbx\.test/);
    });

    it('of others are not there', async () => {
      await api.records.add([record('b', { userIds: ['u200'] })]);
      assert.equal((await ada.get('/api/v1/records/b')).status, 404);
      assert.deepEqual((await ada.get('/api/v1/records?user=200')).body.items, []);
      assert.equal((await admin.get('/api/v1/records/b')).status, 200);
      assert.equal((await admin.get('/api/v1/records?user=200')).body.items.length, 1);
      assert.deepEqual((await admin.get('/api/v1/records?user=999')).body.items, []);
    });

    it('are found by number, answer and time; a wrong question is refused', async () => {
      await api.records.add([record('a'), record('b', { from: '200', startedAt: 5000 })]);
      const ids = async (query: string) =>
        (await admin.get(`/api/v1/records?${query}`)).body.items.map((r) => r['id']);
      assert.deepEqual(await ids('number=%2B15550100'), ['a']);
      assert.deepEqual(await ids('answered=false'), []);
      assert.deepEqual(await ids('since=5000'), ['b']);
      for (const query of ['limit=0', 'limit=x', 'since=yesterday', 'nonsense=1'])
        assert.equal((await admin.get(`/api/v1/records?${query}`)).status, 400, query);
    });

    it('are exported as a table in which nothing is a formula (RFC 4180)', async () => {
      await api.records.add([record('a'), record('b', { from: '=cmd()|"x"', startedAt: 10 })]);
      const { headers, text } = await admin.get('/api/v1/records?format=csv');
      assert.equal(headers.get('content-type'), 'text/csv; charset=utf-8');
      const [title, first, second] = text.split('\r\n');
      assert.match(title ?? '', /^id,started,answered,ended,seconds,from,to,user/);
      assert.match(
        first ?? '',
        /^a,1970-01-01T00:00:01.000Z,1970-01-01T00:00:02.000Z,1970-01-01T00:00:09.000Z,7,\+15550100,100,100/,
      );
      assert.match(second ?? '', /,"'=cmd\(\)\|""x""",/);
    });
  });
});
