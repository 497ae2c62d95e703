import assert from 'node:assert/strict';
import type { SrfClient, SrfRequest, SrfResponse } from './call/srf-types.ts';
import { registrarFixture, request, type Ask } from './registrar/fixture.test.ts';
import { otherRequests } from './requests.ts';

describe('requests outside dialogs', () => {
  const handlers = new Map<string, (req: SrfRequest, res: SrfResponse) => void>();
  let f: Awaited<ReturnType<typeof registrarFixture>>;
  beforeEach(async () => {
    f = await registrarFixture();
    const srf = {
      use: (method: string, handler: (req: SrfRequest, res: SrfResponse) => void) =>
        handlers.set(method, handler),
    };
    const { directory, bindings, authenticator } = f;
    otherRequests(srf as unknown as SrfClient, { directory, bindings, authenticator, domain: 'pbx.test' });
  });
  const ask = (method: string, more: Ask = {}): number => {
    let told = 0;
    const res = { send: (status: number) => (told = status) } as unknown as SrfResponse;
    const req = { ...request({ method, ...more }), body: '' } as unknown as SrfRequest;
    handlers.get(method.toLowerCase())?.(req, res);
    return told;
  };

  it('answers a stranger that only ever asks sparingly, and a registered phone always', async () => {
    const statuses = Array.from({ length: 30 }, () => ask('OPTIONS'));
    assert.deepEqual(statuses, [...Array<number>(20).fill(200), ...Array<number>(10).fill(503)]);
    f.clock.advance(5000);
    assert.equal(ask('OPTIONS'), 200);
    await f.register({ source: '192.0.2.7', port: 7000, headers: { contact: '<sip:1001@10.0.0.1>' } });
    for (let i = 0; i < 100; i++) assert.equal(ask('OPTIONS', { source: '192.0.2.7', port: 7000 }), 200);
  });

  it('has nothing to say to an address that is banned', () => {
    while (!f.guard.failed('192.0.2.1'));
    assert.equal(ask('OPTIONS'), 503);
    assert.equal(ask('SUBSCRIBE'), 503);
    assert.equal(ask('OPTIONS', { source: '192.0.2.2' }), 200);
  });

  it('tells registered phones alone who is there', async () => {
    await f.register({ port: 7000, headers: { contact: '<sip:1001@10.0.0.1>' } });
    const statuses = (port: number) =>
      ['100', '1001', '1002', '777'].map((to) => ask('OPTIONS', { to, port }));
    assert.deepEqual(statuses(7000), [200, 200, 480, 404]);
    assert.deepEqual(statuses(7001), [200, 200, 200, 200]);
  });
});
