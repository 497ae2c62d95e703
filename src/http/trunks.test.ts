import assert from 'node:assert/strict';
import { domain, settle } from '../switch/testing/world.ts';
import type { Client } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

const number = '/api/v1/numbers/%2B15550100';

describe('groups, numbers and trunks over the API', () => {
  let api: ApiWorld;
  let admin: Client;
  beforeEach(async () => {
    api = await ApiWorld.start();
    ({ admin } = api);
  });
  afterEach(() => api.close());

  const audited = async () =>
    (await admin.get('/api/v1/audit')).body.items.map((entry) => [entry['action'], entry['what']]);
  const group = { extension: '500', name: 'Support', members: ['200', '1001'] };

  it('groups are made, changed and removed; members ring in their order', async () => {
    const made = await admin.post('/api/v1/groups', { ...group, ring: 'order' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers.get('location'), '/api/v1/groups/500');
    assert.deepEqual(made.body, { ...group, ring: 'order' });
    await api.world.dial('1002', '500');
    assert.ok(api.world.wasCalled('2001') && !api.world.wasCalled('1001'), '200 rings first');
    const changed = await admin.put('/api/v1/groups/500', {
      name: 'Sales',
      members: ['100'],
      memberSeconds: 30,
    });
    assert.deepEqual(changed.body, {
      extension: '500',
      name: 'Sales',
      ring: 'all',
      members: ['100'],
      memberSeconds: 30,
    });
    assert.equal((await admin.delete('/api/v1/groups/500')).status, 204);
    assert.equal((await admin.get('/api/v1/groups/500')).status, 404);
    assert.deepEqual(await audited(), [
      ['remove', 'groups/500'],
      ['change', 'groups/500'],
      ['create', 'groups/500'],
    ]);
  });

  it('a group has members that there are, and an extension that nobody has', async () => {
    const wrong = await admin.post('/api/v1/groups', { ...group, members: ['100', '999'] });
    assert.deepEqual([wrong.status, wrong.body['title']], [422, 'The member 999 is no user or device']);
    assert.equal((await admin.post('/api/v1/groups', { ...group, extension: '100' })).status, 409);
    await admin.post('/api/v1/groups', group);
    const nested = await admin.put('/api/v1/groups/500', { name: 'x', members: ['500'] });
    assert.equal(nested.status, 422);
    assert.equal((await admin.post('/api/v1/groups', { ...group, members: 'all' })).status, 400);
  });

  it('S2-34 a number is given to somebody else in one step, from the next call on', async () => {
    await admin.post('/api/v1/trunks', { name: 'lab', host: '192.0.2.50:5060' });
    const made = await admin.post('/api/v1/numbers', { number: '+15550100', target: '100', trunk: 'lab' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers.get('location'), number);
    await api.world.dial('2001', '+15550100');
    assert.ok(api.world.wasCalled('1001'));
    const given = await admin.put(number, { target: '200' });
    assert.deepEqual([given.status, given.body], [200, { number: '+15550100', target: '200' }]);
    await api.world.dial('1001', '+15550100');
    assert.ok(api.world.wasCalled('2002'));
    const [, entry] = (await admin.get('/api/v1/audit')).body.items.toReversed().slice(1);
    assert.deepEqual(
      [entry?.['before'], entry?.['after']],
      [
        { number: '+15550100', target: '100', trunk: 'lab' },
        { number: '+15550100', target: '200' },
      ],
    );
  });

  it('a number leads to somebody who is there, and is no extension', async () => {
    assert.equal((await admin.post('/api/v1/numbers', { number: '100', target: '200' })).status, 409);
    assert.equal((await admin.post('/api/v1/numbers', { number: '+1555', target: '999' })).status, 422);
    const nowhere = { number: '+1555', target: '100', trunk: 'none' };
    assert.equal((await admin.post('/api/v1/numbers', nowhere)).status, 422);
    assert.equal((await admin.post('/api/v1/numbers', { number: 'abc', target: '100' })).status, 400);
  });

  it('nothing is given an emergency number', async () => {
    const [extension, name] = ['112', 'Room 112'];
    for (const [kind, said] of [
      ['groups', { extension, name, members: [] }],
      ['users', { extension, name }],
      ['devices', { extension, name, user: '100', password: 'a long password' }],
    ] as const)
      assert.equal((await admin.post(`/api/v1/${kind}`, said)).status, 409, kind);
  });

  const trunk = {
    name: 'carrier',
    host: 'sip.carrier.example',
    more: ['[2001:db8::1]:5070'],
    register: true,
    username: 'account',
    password: 'the secret of the account',
    country: 'DE',
    callerId: { form: 'digits', number: '+493055500' },
    inbound: { sources: ['192.0.2.0/24'], username: 'them', password: 'the secret of theirs' },
    routes: [{ pattern: '+49*', strip: 3, prepend: '0' }],
  };

  it('trunks are made and changed, say how they stand, and never a password', async () => {
    const events = await admin.events();
    const made = await admin.post('/api/v1/trunks', trunk);
    assert.equal(made.status, 201, made.text);
    await settle();
    const shown = await admin.get('/api/v1/trunks/carrier');
    const { registration, gateways, ...rest } = shown.body;
    const { password: _password, inbound, ...plain } = trunk;
    assert.deepEqual(rest, {
      ...plain,
      transport: 'udp',
      hasPassword: true,
      inbound: { sources: inbound.sources, username: 'them', hasPassword: true },
    });
    assert.equal((registration as { state: string }).state, 'registered');
    assert.deepEqual(
      (gateways as { address: string }[]).map(({ address }) => address),
      ['sip.carrier.example', '[2001:db8::1]:5070'],
    );
    const told = await events.next('trunk.changed');
    assert.equal(told.data['name'], 'carrier');
    events.close();
    const everything = [
      (await admin.get('/api/v1/trunks')).text,
      (await admin.get('/api/v1/audit')).text,
      shown.text,
      JSON.stringify(told),
    ].join();
    assert.doesNotMatch(everything, /the secret|[0-9a-f]{32}/);
    const { text } = await api.nobody.get('/metrics');
    assert.match(text, /flipswitch_trunk_registered\{domain="pbx.test",trunk="carrier"\} 1/);
    assert.match(text, /flipswitch_trunk_gateway_usable\{.*gateway="sip.carrier.example"\} 1/);
  });

  it('passwords stay while they are not mentioned, and go with null or with their user name', async () => {
    await admin.post('/api/v1/trunks', trunk);
    const inbound = { username: 'them' };
    await admin.put('/api/v1/trunks/carrier', { host: 'b.example', username: 'account', inbound });
    const kept = api.world.directory.trunk(domain, 'carrier');
    assert.equal(kept?.password, trunk.password);
    assert.equal(kept.inbound?.credentials?.username, 'them');
    assert.equal(kept.country, undefined, 'what is left out is gone');
    const renamed = { host: 'b.example', inbound: { username: 'others' } };
    assert.equal((await admin.put('/api/v1/trunks/carrier', renamed)).status, 422);
    const gone = await admin.put('/api/v1/trunks/carrier', { host: 'b.example', password: null });
    assert.deepEqual([gone.body['hasPassword'], gone.body['inbound']], [false, undefined]);
  });

  it('somebody who was faster is not overwritten (RFC 9110 §13.1.1)', async () => {
    for (const [path, said] of [
      ['/api/v1/trunks/carrier', { host: 'b.example' }],
      ['/api/v1/groups/500', { name: 'x', members: [] }],
      [number, { target: '200' }],
    ] as const) {
      await admin.post('/api/v1/trunks', trunk);
      await admin.post('/api/v1/groups', group);
      await admin.post('/api/v1/numbers', { number: '+15550100', target: '100' });
      const { headers } = await admin.get(path);
      const tag = headers.get('etag') ?? '';
      const match = { 'if-match': tag };
      assert.equal((await admin.ask('PUT', path, { body: said, headers: match })).status, 200);
      assert.equal((await admin.ask('PUT', path, { body: said, headers: match })).status, 412);
      assert.equal((await admin.ask('DELETE', path, { headers: match })).status, 412);
    }
  });

  it('long lists come in pages', async () => {
    for (const n of [3, 1, 2]) await admin.post('/api/v1/numbers', { number: `+155501${n}`, target: '100' });
    const first = await admin.get('/api/v1/numbers?limit=2');
    assert.deepEqual(
      first.body.items.map((item) => item['number']),
      ['+1555011', '+1555012'],
    );
    const next = encodeURIComponent(String(first.body['next']));
    const second = await admin.get(`/api/v1/numbers?limit=2&after=${next}`);
    assert.deepEqual(
      [second.body.items.map((item) => item['number']), second.body['next']],
      [['+1555013'], undefined],
    );
  });

  it('users, devices and registrations come in pages to who asks for a part', async () => {
    for (const [kind, key, first, last] of [
      ['users', 'extension', '100', '200'],
      ['devices', 'extension', '1001', '2003'],
    ] as const) {
      const all = (await admin.get(`/api/v1/${kind}`)).body;
      assert.equal(all['next'], undefined);
      const seen: unknown[] = [];
      for (let next: unknown = '0'; typeof next === 'string';) {
        const { body } = await admin.get(`/api/v1/${kind}?limit=1&after=${next}`);
        seen.push(...body.items.map((item) => item[key]));
        next = body['next'];
      }
      assert.equal(seen.length, all.items.length);
      assert.deepEqual([seen[0], seen.at(-1)], [first, last]);
    }
    const { body } = await admin.get('/api/v1/bindings?limit=2');
    assert.deepEqual([body.items.length, typeof body['next']], [2, 'string']);
    assert.equal((await admin.get('/api/v1/users?limit=0')).status, 400);
  });

  it('S1-26 users see and change none of it', async () => {
    await admin.post('/api/v1/trunks', trunk);
    const ada = await api.nobody.login('100');
    for (const path of ['groups', 'numbers', 'trunks', 'trunks/carrier'])
      assert.equal((await ada.get(`/api/v1/${path}`)).status, 403, path);
    assert.equal((await ada.put('/api/v1/trunks/carrier', { host: 'evil.example' })).status, 403);
    assert.equal((await ada.post('/api/v1/numbers', { number: '+1555', target: '100' })).status, 403);
  });

  it('S1-02 a user’s outside number is set, kept and taken away', async () => {
    const path = '/api/v1/users/100';
    assert.equal((await admin.put(path, { name: 'Ada', number: '+15550100' })).body['number'], '+15550100');
    assert.equal((await admin.put(path, { name: 'Ada' })).body['number'], '+15550100');
    assert.equal((await admin.put(path, { name: 'Ada', number: null })).body['number'], undefined);
    assert.equal((await admin.put(path, { name: 'Ada', number: 'x' })).status, 400);
  });
});
