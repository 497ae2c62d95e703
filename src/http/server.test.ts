import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { DoubtfulOutcome, StoreUnavailable } from '../stores/index.ts';
import { adminToken, ApiWorld } from './fixture.test.ts';

describe('http', () => {
  let api: ApiWorld;
  beforeEach(async () => {
    api = await ApiWorld.start();
  });
  afterEach(() => api.close());

  it('answers /healthz with 200 when calls can be taken', async () => {
    const { status, body } = await api.nobody.get('/healthz');
    assert.equal(status, 200);
    assert.deepEqual(body, api.state.health);
  });

  it('answers /healthz with 503 and the reason when they cannot', async () => {
    api.state.health = { ...api.state.health, ready: false, media: 'unreachable' };
    const { status, body } = await api.nobody.get('/healthz');
    assert.equal(status, 503);
    assert.equal(body['media'], 'unreachable');
  });

  it('S1-27 a database that does not do its work is told as 503, and nothing has changed', async () => {
    const { directory } = api.world;
    const put = directory.putUser.bind(directory);
    for (const [error, detail] of [
      [new StoreUnavailable('disk full'), /Nothing was changed/],
      [new DoubtfulOutcome('connection lost', async () => false, undefined), /may have been saved/],
    ] as const) {
      directory.putUser = () => Promise.reject(error);
      const { status, body, headers } = await api.admin.post('/api/v1/users', {
        extension: '300',
        name: 'x',
      });
      assert.deepEqual([status, headers.get('retry-after')], [503, '5']);
      assert.equal(headers.get('content-type'), 'application/problem+json');
      assert.match(String(body['detail']), detail);
      assert.doesNotMatch(JSON.stringify(body), /disk|connection lost/);
    }
    api.world.coldRoutes.set = () => Promise.reject(new StoreUnavailable('disk full'));
    const cold = await api.admin.put('/api/v1/users/100/cold-route', { device: '1001' });
    assert.equal(cold.status, 503);
    directory.putUser = put;
    assert.equal((await api.admin.post('/api/v1/users', { extension: '300', name: 'x' })).status, 201);
  });

  it('serves /metrics as Prometheus text', async () => {
    const far = await api.world.dial('2001', '100');
    api.world.at('1001').answer();
    await api.world.pass(3000);
    far.dialog.hangUp();
    api.world.core.events.emit('refused', { because: 'overload' });
    const { headers, text } = await api.nobody.get('/metrics');
    assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    for (const line of [
      'flipswitch_calls 0',
      'flipswitch_bindings 6',
      'flipswitch_media_alive 0',
      'flipswitch_records_unwritten 0',
      'flipswitch_store_writable 1',
      'flipswitch_calls_started_total 1',
      'flipswitch_calls_refused_total{because="overload"} 1',
      'flipswitch_invites_shed_total 7',
      'flipswitch_registers_refused_total 8',
      'flipswitch_calls_ended_total{result="answered"} 1',
      'flipswitch_call_talk_seconds_bucket{le="5"} 1',
      '# TYPE process_cpu_user_seconds_total counter',
    ])
      assert.ok(text.split('\n').includes(line), `${line} is not there:\n${text}`);
  });

  it('looks at no call and no user for /metrics: it costs the same with ten thousand of them', async () => {
    await api.world.dial('2001', '100');
    const [call] = api.world.core.calls.all();
    assert.ok(call !== undefined);
    const { directory } = api.world;
    const [view, users] = [call.view.bind(call), directory.users.bind(directory)];
    const looked: string[] = [];
    call.view = () => {
      looked.push('call');
      return view();
    };
    directory.users = (of) => {
      looked.push('users');
      return users(of);
    };
    const { status, text } = await api.nobody.get('/metrics');
    assert.equal(status, 200);
    assert.match(text, /^flipswitch_calls 1$/m);
    assert.match(text, /^flipswitch_users 2$/m);
    assert.deepEqual(looked, []);
  });

  it('lets nobody into the API without a valid token', async () => {
    const bare = await api.nobody.get('/api/v1/calls');
    assert.equal(bare.status, 401);
    assert.equal(bare.headers.get('www-authenticate'), 'Bearer realm="flipswitch"');
    const wrong = await api.nobody.get('/api/v1/calls', { headers: { authorization: 'Bearer wrong' } });
    assert.equal(wrong.status, 401);
    assert.equal((await api.admin.get('/api/v1/calls')).status, 200);
  });

  it('makes who tries many tokens wait, with the right one too', async () => {
    for (let i = 0; i < 30; i++)
      await api.nobody.get('/api/v1/calls', { headers: { authorization: `Bearer guess-${i}` } });
    const { status, headers } = await api.admin.get('/api/v1/calls');
    assert.equal(status, 429);
    assert.equal(headers.get('retry-after'), '300');
    api.clock.advance(300_000);
    assert.equal((await api.admin.get('/api/v1/calls')).status, 200);
  });

  it('says what is wrong as RFC 9457 problems', async () => {
    for (const [answer, status, title] of [
      [await api.nobody.get('/nothing'), 404, 'There is nothing here'],
      [await api.admin.get('/api/v1/nothing'), 404, 'There is nothing here'],
      [await api.admin.get('/api/v1/calls/none'), 404, 'No such call'],
      [await api.admin.get('/api/v1/calls/%E0%A4%A'), 400, undefined],
      [await api.admin.get(`/api/v1/calls/${'x'.repeat(300)}`), 414, undefined],
      [await api.admin.post('/api/v1/users', '{"extension": '), 400, undefined],
      [await api.admin.post('/api/v1/users', '{"__proto__": {"admin": true}}'), 400, undefined],
    ] as const) {
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, answer.text);
      assert.equal(answer.status, status);
      assert.equal(answer.body['status'], status);
      assert.equal(answer.body['type'], 'about:blank');
      if (title !== undefined) assert.equal(answer.body['title'], title);
    }
  });

  it('names the parts of a request that are wrong', async () => {
    const { status, body } = await api.admin.post('/api/v1/users', { extension: '3 0', name: 'x' });
    assert.equal(status, 400);
    assert.equal((body['errors'] as { path: string }[])[0]?.path, '/extension');
    const unknown = await api.admin.post('/api/v1/users', { extension: '300', name: 'x', admin: true });
    assert.match(unknown.text, /must not have/);
  });

  it('refuses bodies that are too long or no JSON', async () => {
    const long = await api.admin.post('/api/v1/users', { extension: '300', name: 'x'.repeat(100_000) });
    assert.equal(long.status, 413);
    const form = await api.admin.ask('POST', '/api/v1/users', {
      body: 'extension=300',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.equal(form.status, 415);
  });

  it('takes a DELETE that says it is JSON and has no body', async () => {
    const { status } = await api.admin.delete('/api/v1/users/100/cold-route', {
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(status, 204);
  });

  it('keeps browsers of other places out: CORS is off, and answers are nobody’s page', async () => {
    const { headers } = await api.admin.get('/api/v1/calls', { headers: { origin: 'https://evil.test' } });
    assert.equal(headers.get('access-control-allow-origin'), null);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-frame-options'), 'DENY');
    assert.equal(headers.get('cache-control'), 'no-store');
    const preflight = await api.nobody.ask('OPTIONS', '/api/v1/calls', {
      headers: { origin: 'https://evil.test', 'access-control-request-method': 'DELETE' },
    });
    assert.equal(preflight.status, 404);
  });

  it('describes itself at /api/v1/openapi.json, to everybody', async () => {
    const { status, body } = await api.nobody.get('/api/v1/openapi.json');
    assert.equal(status, 200);
    assert.equal(body['openapi'], '3.1.0');
    const paths = body['paths'] as Record<string, Record<string, object>>;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    for (const operation of [
      'post /api/v1/sessions',
      'get /api/v1/calls',
      'post /api/v1/calls/{id}/flip',
      'delete /api/v1/calls/{id}/flips/{flipId}',
      'delete /api/v1/calls/{id}',
      'put /api/v1/users/{ext}/cold-route',
      'get /api/v1/users/{ext}/devices',
      'put /api/v1/devices/{ext}',
      'get /api/v1/bindings',
      'get /api/v1/records',
      'get /api/v1/audit',
      'get /api/v1/events',
    ])
      assert.ok(operations.includes(operation), `${operation} is not among ${operations.join(', ')}`);
    const { schemas } = body['components'] as { schemas: Record<string, object> };
    assert.ok('Call' in schemas && 'Problem' in schemas);
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]*)"/g)].map((m) => m[1] ?? '');
    assert.ok(references.length > 0);
    for (const reference of references)
      assert.ok(reference.replace('#/components/schemas/', '') in schemas, reference);
  });

  it('is told whole in docs/http.md', async () => {
    const page = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8');
    const { paths } = (await api.nobody.get('/api/v1/openapi.json')).body;
    for (const path of Object.keys(paths as object))
      assert.ok(page.includes(path.replace('/api/v1', '')), `${path} is not in docs/http.md`);
    const metrics = [...(await api.nobody.get('/metrics')).text.matchAll(/^# TYPE flipswitch_(\w+)/gm)];
    for (const [, name = ''] of metrics)
      assert.ok(
        page.includes(name) || page.includes(`\`${name.replace(/^flip/, '')}`),
        `${name} is not in docs/http.md`,
      );
  });

  it('S2-52 limits what one address may ask', async () => {
    const few = await ApiWorld.start({ requestsPerSecond: 1, requestBurst: 3 });
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await few.admin.get('/api/v1/calls')).status);
      assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
      few.clock.advance(1000);
      assert.equal((await few.admin.get('/api/v1/calls')).status, 200);
    } finally {
      await few.close();
    }
  });

  it('refuses a port that is taken', async () => {
    const { port } = api.server;
    await assert.rejects(ApiWorld.start({}, port), /EADDRINUSE/);
  });

  it('refuses a token with more behind it', async () => {
    const status = await new Promise((done) => {
      const req = request({ port: api.server.port, host: '127.0.0.1', method: 'GET', path: '/api/v1/calls' });
      req.setHeader('authorization', `Bearer ${adminToken} and more`);
      req.on('response', (res) => {
        res.resume();
        done(res.statusCode);
      });
      req.end();
    });
    assert.equal(status, 401);
  });
});
