import assert from 'node:assert/strict';
import { Emitter, silentLogger, systemRandom } from '../base/index.ts';
import { MemoryBindingStore, MemoryDirectoryStore } from '../stores/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { Metrics, startHttp, type Health, type HttpServer } from './index.ts';

const ready: Health = { ready: true, signaling: 'connected', media: 'alive', draining: false };

describe('http', () => {
  let server: HttpServer;
  let health = ready;
  let metrics: Metrics;
  const clock = new VirtualClock();
  const bindings = new MemoryBindingStore({
    clock,
    random: systemRandom,
    limits: { perDevice: 5, total: 100 },
  });

  before(async () => {
    metrics = new Metrics({
      directory: new MemoryDirectoryStore(),
      bindings,
      calls: () => 3,
      bannedSources: () => 0,
      signalingConnected: () => true,
      mediaAlive: () => false,
      callEvents: new Emitter(),
    });
    server = await startHttp({
      host: '127.0.0.1',
      port: 0,
      adminToken: 'the right token',
      health: () => health,
      metrics,
      bindings,
      logger: silentLogger,
    });
  });
  after(async () => {
    await server.close();
    metrics.close();
    bindings.close();
  });

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, { headers });

  it('answers /healthz with 200 when calls can be taken', async () => {
    health = ready;
    const response = await get('/healthz');
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), ready);
  });

  it('answers /healthz with 503 and the reason when they cannot', async () => {
    health = { ...ready, ready: false, media: 'unreachable' };
    const response = await get('/healthz');
    assert.equal(response.status, 503);
    assert.equal(((await response.json()) as Health).media, 'unreachable');
  });

  it('serves /metrics as Prometheus text', async () => {
    await bindings.register({
      domain: 'pbx.test',
      aor: '100',
      userId: 'u',
      deviceId: 'd',
      flow: { protocol: 'udp', address: '127.0.0.1', port: 5062 },
      path: [],
      callId: 'c',
      cseq: 1,
      contacts: [{ uri: 'sip:100@127.0.0.1:5062', q: 1, seconds: 60 }],
    });
    const response = await get('/metrics');
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    for (const line of [
      'flipswitch_calls 3',
      'flipswitch_bindings 1',
      'flipswitch_media_alive 0',
      'flipswitch_binding_changes_total{change="added",reason=""} 1',
      '# TYPE process_cpu_user_seconds_total counter',
    ])
      assert.ok(text.split('\n').includes(line), `${line} is not there:\n${text}`);
  });

  it('lets only the administrator into the API', async () => {
    assert.equal((await get('/api/v1/bindings')).status, 401);
    assert.equal((await get('/api/v1/bindings', { authorization: 'Bearer the wrong token' })).status, 401);
    const response = await get('/api/v1/bindings', { authorization: 'Bearer the right token' });
    assert.equal(response.status, 200);
    const { items } = (await response.json()) as { items: { contact: string }[] };
    assert.deepEqual(
      items.map((b) => b.contact),
      ['sip:100@127.0.0.1:5062'],
    );
  });

  it('says what is wrong as RFC 9457 problems', async () => {
    const response = await get('/nothing');
    assert.equal(response.status, 404);
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.deepEqual(await response.json(), {
      type: 'about:blank',
      title: 'There is nothing here',
      status: 404,
    });
    assert.equal(
      (await get('/api/v1/bindings')).headers.get('www-authenticate'),
      'Bearer realm="flipswitch"',
    );
  });

  it('refuses a port that is taken', async () => {
    await assert.rejects(
      startHttp({
        host: '127.0.0.1',
        port: server.port,
        adminToken: 'x',
        health: () => ready,
        metrics,
        bindings,
        logger: silentLogger,
      }),
      /EADDRINUSE/,
    );
  });
});
