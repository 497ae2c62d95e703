import assert from 'node:assert/strict';
import { settle } from '../switch/testing/world.ts';
import type { Client } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

type Operation = { readonly parameters?: readonly { readonly name: string; readonly in: string }[] };
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

describe('roles of the API', () => {
  let api: ApiWorld;
  beforeEach(async () => {
    api = await ApiWorld.start();
  });
  afterEach(() => api.close());

  const operations = async () => {
    const { paths } = (await api.nobody.get('/api/v1/openapi.json')).body as unknown as { paths: Paths };
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
  };
  const filled = (path: string) => path.replaceAll('{ext}', '100').replaceAll(/\{[^}]+\}/g, 'x');
  const makeSupervisor = async (): Promise<Client> => {
    const made = await api.admin.put('/api/v1/users/200', { name: 'Ben', role: 'supervisor' });
    assert.deepEqual([made.status, made.body['role']], [200, 'supervisor']);
    return api.nobody.login('200');
  };
  const aCall = async (): Promise<string> => {
    await api.world.dial('1001', '300');
    await api.world.dial('1002', '200');
    api.world.at('2001').answer();
    await settle();
    return String((await api.admin.get('/api/v1/calls')).body.items[0]?.['id']);
  };

  it('S2-52 a supervisor’s token sees what an administrator does, everywhere', async () => {
    await aCall();
    let compared = 0;
    for (const { path, method } of await operations()) {
      if (method !== 'GET' || path.endsWith('/events') || path.endsWith('/sessions/current')) continue;
      const [seen, wanted] = [await api.supervisor.get(filled(path)), await api.admin.get(filled(path))];
      assert.equal(seen.status, wanted.status, path);
      assert.deepEqual(seen.body, wanted.body, path);
      compared++;
    }
    assert.ok(compared > 15);
    const who = await api.supervisor.get('/api/v1/sessions/current');
    assert.deepEqual(who.body, { admin: false, role: 'supervisor' });
  });

  it('S2-52 and changes nothing: every other request is refused, before it is looked at', async () => {
    let refused = 0;
    for (const { path, method } of await operations()) {
      if (method === 'GET' || path.endsWith('/sessions') || path.endsWith('/routes/explain')) continue;
      const { status } = await api.supervisor.ask(method, filled(path), { body: {} });
      assert.equal(status, 403, `${method} ${path}`);
      refused++;
    }
    assert.ok(refused > 15);
    const explained = await api.supervisor.post('/api/v1/routes/explain', { from: '200', to: '100' });
    assert.equal(explained.status, 200, 'it only asks');
  });

  it('a user who is a supervisor sees the domain, and changes what a user may', async () => {
    const ben = await makeSupervisor();
    const id = await aCall();
    assert.equal((await ben.get('/api/v1/calls')).body.items.length, 1);
    assert.equal((await ben.get('/api/v1/users')).body.items.length, 2);
    assert.equal((await ben.get('/api/v1/users/100/cold-route')).status, 200);
    assert.equal((await ben.get('/api/v1/audit')).status, 200);
    assert.deepEqual((await ben.get('/api/v1/sessions/current')).body['role'], 'supervisor');
    for (const [method, path, body] of [
      ['PUT', '/users/100/cold-route', { device: '1001' }],
      ['PUT', '/users/100', { name: 'x' }],
      ['PUT', '/users/200', { name: 'x', role: 'user' }],
      ['DELETE', '/users/100', undefined],
      ['POST', '/devices', { extension: '1009', user: '100', name: 'x', password: 'long enough' }],
    ] as const) {
      const { status } = await ben.ask(method, `/api/v1${path}`, { body });
      assert.ok(status === 403 || status === 404, `${method} ${path}: ${status}`);
    }
    assert.equal((await ben.put('/api/v1/users/200/cold-route', { device: '2001' })).status, 200);
    assert.equal((await ben.delete(`/api/v1/calls/${id}`)).status, 204, 'the own call');
  });

  it('a user who no longer is one has to log in again, and sees the own things', async () => {
    const ben = await makeSupervisor();
    await api.admin.put('/api/v1/users/200', { name: 'Ben', role: 'user' });
    assert.equal((await ben.get('/api/v1/users')).status, 401);
    const again = await api.nobody.login('200');
    assert.equal((await again.get('/api/v1/users')).body.items.length, 1);
    assert.equal((await again.get('/api/v1/audit')).status, 403);
  });

  it('who changes a user without a word of the role leaves it', async () => {
    await makeSupervisor();
    const { body } = await api.admin.put('/api/v1/users/200', { name: 'Benjamin' });
    assert.deepEqual([body['name'], body['role']], ['Benjamin', 'supervisor']);
  });
});
