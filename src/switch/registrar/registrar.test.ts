import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseContacts } from './contacts.ts';
import { registrarFixture, request } from './fixture.test.ts';
import { deliveryFailed, onePerPhone, routeTo, uriParts } from './index.ts';

type Fixture = Awaited<ReturnType<typeof registrarFixture>>;

const withContact = (contact: string, more: Record<string, string> = {}) => ({
  headers: { contact, ...more },
});

describe('registrar', () => {
  let f: Fixture;
  beforeEach(async () => {
    f = await registrarFixture();
  });
  afterEach(() => f.bindings.close());
  const targetsOf = (userId: string) => onePerPhone(f.bindings.ofUser(userId));
  const ada = () => f.directory.user('pbx.test', '100')?.id ?? '';

  it('registers a device and lists its bindings (RFC 3261 §10.3 step 8)', async () => {
    const answer = await f.register(withContact('"Desk" <sip:1001@10.0.0.1:5060>;expires=600;q=0.5'));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['Contact'], '<sip:1001@10.0.0.1:5060>;expires=600;q=0.5');
    assert.ok(answer.headers['Date']);
    const [binding] = f.bindings.ofUser(ada());
    assert.deepEqual(binding?.flow, { protocol: 'udp', address: '192.0.2.1', port: 5060 });
  });

  it('S0-05 S1-25 S1-35 S1-36 three devices of one user register, each with its own credentials', async () => {
    for (const [i, to] of ['1001', '1002', '1003'].entries()) {
      const answer = await f.register({ to, port: 5060 + i, ...withContact(`<sip:${to}@10.0.0.${i}>`) });
      assert.equal(answer.status, 200);
    }
    assert.deepEqual(
      new Set(targetsOf(ada()).map((b) => f.registrar.deviceOf(b)?.name)),
      new Set(['Desk phone', 'Desktop app', 'Mobile app']),
    );
  });

  it('S1-31 both schemes at once: as device, as user with device credentials, as user with own credentials', async () => {
    const own = await f.register({ to: '1001', ...withContact('<sip:a@10.0.0.1>') });
    const asUser = await f.register({ to: '100', ...withContact('<sip:b@10.0.0.2>') }, { username: '1002' });
    const shared = await f.register({ to: '100', ...withContact('<sip:c@10.0.0.3>') }, { username: '100' });
    const again = await f.register({ to: '100', ...withContact('<sip:d@10.0.0.4>') }, { username: '100' });
    assert.deepEqual(
      [own, asUser, shared, again].map((a) => a.status),
      [200, 200, 200, 200],
    );
    const targets = targetsOf(ada());
    assert.equal(targets.length, 4);
    assert.equal(new Set(targets.map((b) => b.deviceId)).size, 4, 'each is a device of its own');
    assert.deepEqual(new Set(targets.map((b) => f.registrar.deviceOf(b)?.userId)), new Set([ada()]));
  });

  it('S3-18 S0-67 whatever registers to the account is a device of it at once, trusted, and remembered', async () => {
    const instance = '<sip:c@10.0.0.3>;+sip.instance="<urn:uuid:5>"';
    await f.register({ to: '100', ...withContact(instance) }, { username: '100' });
    const [before] = targetsOf(ada());
    const moved = '<sip:c@10.9.9.9:7777>;+sip.instance="<urn:uuid:5>"';
    f.clock.advance(1000);
    await f.register({ to: '100', source: '192.0.2.77', ...withContact(moved) }, { username: '100' });
    const targets = targetsOf(ada());
    assert.equal(targets.length, 1, 'one phone rings once');
    assert.equal(targets[0]?.contact, 'sip:c@10.9.9.9:7777');
    assert.equal(targets[0]?.deviceId, before?.deviceId);
    assert.equal(targets[0] && f.registrar.deviceOf(targets[0])?.trusted, true);
  });

  it('S1-22 a device cannot register as somebody else', async () => {
    for (const to of ['2001', '200', '1002', '999'])
      assert.equal(
        (await f.register({ to, ...withContact('<sip:x@h>') }, { username: '1001' })).status,
        403,
        to,
      );
    assert.equal(f.bindings.size, 0);
  });

  it('S1-08 goes by the authenticated identity, not by From', async () => {
    const answer = await f.register({ to: '1001', from: '2001', ...withContact('<sip:1001@h>') });
    assert.equal(answer.status, 200);
    assert.equal(f.bindings.ofUser(ada()).length, 1);
    assert.equal(f.bindings.ofUser(f.directory.user('pbx.test', '200')?.id ?? '').length, 0);
  });

  it('takes a bare address and an alias for the domain, and no stranger’s domain', async () => {
    const to = (host: string) => ({
      uri: `sip:${host}`,
      headers: { to: `<sip:1001@${host}>`, contact: '<sip:1001@h>' },
    });
    assert.equal((await f.register(to('192.0.2.200'))).status, 200);
    assert.equal((await f.register(to('[2001:db8::1]'))).status, 200);
    assert.equal((await f.register(to('sip.pbx.test'))).status, 200);
    assert.equal((await f.registrar.answer(request(to('evil.example')))).status, 404);
  });

  it('does not look into a display name for the address of record', async () => {
    const to = '"<sip:2001@pbx.test>" <sip:1001@pbx.test>';
    assert.equal((await f.register({ headers: { to, contact: '<sip:1001@h>' } })).status, 200);
    assert.equal(f.bindings.ofUser(ada()).length, 1);
  });

  it('expiry: the parameter, then the header, then the default; too long is cut, nonsense is an hour', async () => {
    const expiresOf = async (contact: string, headers: Record<string, string> = {}) => {
      const answer = await f.register(withContact(contact, headers));
      const text = /expires=(\d+)/.exec(answer.headers['Contact'] ?? '')?.[1];
      await f.register(withContact('*', { expires: '0' }));
      return Number(text);
    };
    assert.equal(await expiresOf('<sip:a@h>;expires=100', { expires: '200' }), 100);
    assert.equal(await expiresOf('<sip:a@h>', { expires: '200' }), 200);
    assert.equal(await expiresOf('<sip:a@h>'), 3600);
    assert.equal(await expiresOf('<sip:a@h>;expires=99999'), 7200);
    assert.equal(await expiresOf('<sip:a@h>;expires=never'), 3600);
  });

  it('answers 423 with Min-Expires to what is too brief, and takes 0 (RFC 3261 §10.3 step 7)', async () => {
    const answer = await f.register(withContact('<sip:a@h>;expires=59'));
    assert.deepEqual([answer.status, answer.headers['Min-Expires']], [423, '60']);
    assert.equal((await f.register(withContact('<sip:a@h>;expires=0'))).status, 200);
    assert.equal(f.bindings.size, 0);
  });

  it('Contact: * removes all, with Expires: 0 only', async () => {
    await f.register(withContact('<sip:a@h>, <sip:b@h>'));
    assert.equal(f.bindings.size, 2);
    assert.equal((await f.register(withContact('*'))).status, 400);
    assert.equal((await f.register(withContact('*', { expires: '10' }))).status, 400);
    const answer = await f.register(withContact('*', { expires: '0' }));
    assert.deepEqual([answer.status, answer.headers['Contact']], [200, undefined]);
    assert.equal(f.bindings.size, 0);
  });

  it('without Contact it only tells', async () => {
    await f.register(withContact('<sip:a@h>'));
    assert.match((await f.register()).headers['Contact'] ?? '', /^<sip:a@h>;expires=3600$/);
  });

  it('refuses an older CSeq of the same Call-ID', async () => {
    const cseq = (n: number) => withContact('<sip:a@h>', { 'call-id': 'one', cseq: `${n} REGISTER` });
    assert.equal((await f.register(cseq(5))).status, 200);
    assert.equal((await f.register(cseq(4))).status, 500);
    assert.equal((await f.register(cseq(6))).status, 200);
  });

  for (const contact of [
    'mailto:a@h',
    '<sip:a@h',
    'sip:a b@h',
    '<>',
    '"x" sip:',
    '<tel:123>',
    'sip:a@h,,<bad>',
  ])
    it(`answers 400 to Contact: ${contact}`, async () => {
      assert.equal((await f.register(withContact(contact))).status, 400);
      assert.equal(f.bindings.size, 0);
    });

  it('answers 400 to more contacts than a phone can have', async () => {
    const many = Array.from({ length: 11 }, (_, i) => `<sip:a${i}@h>`).join(',');
    assert.equal((await f.register(withContact(many))).status, 400);
  });

  it('answers 420 to an extension it does not have (RFC 3261 §8.2.2.3)', async () => {
    const answer = await f.register(withContact('<sip:a@h>', { require: 'path, teleport' }));
    assert.deepEqual([answer.status, answer.headers['Unsupported']], [420, 'teleport']);
  });

  it('keeps Path and gives it back (RFC 3327)', async () => {
    const path = '<sip:edge.test;lr>, <sip:core.test;lr>';
    const answer = await f.register(withContact('<sip:a@10.0.0.1>', { path, supported: 'path' }));
    assert.equal(answer.headers['Path'], path);
    const [binding] = f.bindings.all();
    assert.ok(binding);
    assert.deepEqual(binding.path, ['<sip:edge.test;lr>', '<sip:core.test;lr>']);
    assert.equal(routeTo(binding).proxy, 'sip:edge.test;lr');
  });

  it('confirms outbound to a phone that has it (RFC 5626 §6)', async () => {
    const contact = '<sip:a@10.0.0.1;transport=tcp>;reg-id=1;+sip.instance="<urn:uuid:1>"';
    const answer = await f.register({
      protocol: 'tcp',
      ...withContact(contact, { supported: 'outbound, path' }),
    });
    assert.equal(answer.headers['Require'], 'outbound');
    assert.match(answer.headers['Contact'] ?? '', /;\+sip\.instance="<urn:uuid:1>";reg-id=1$/);
  });

  it('rings a phone once that is known under both of its extensions', async () => {
    await f.register({ to: '1001', ...withContact('<sip:x@10.0.0.1>') });
    f.clock.advance(10);
    await f.register({ to: '100', ...withContact('<sip:x@10.0.0.1>') }, { username: '1001' });
    assert.equal(f.bindings.ofUser(ada()).length, 2);
    assert.deepEqual(
      targetsOf(ada()).map((b) => b.aor),
      ['100'],
    );
  });

  it('a binding dies with its connection', async () => {
    const over = (protocol: string, port: number, to: string) =>
      f.register({ protocol, port, to, ...withContact(`<sip:${to}@x.invalid;transport=${protocol}>`) });
    await over('ws', 40001, '1001');
    await over('tcp', 40002, '1002');
    await over('udp', 40003, '1003');
    assert.equal(await f.registrar.flowClosed({ protocol: 'ws', address: '192.0.2.1', port: 40001 }), 1);
    assert.equal(await f.registrar.flowClosed({ protocol: 'tcp', address: '192.0.2.1', port: 40001 }), 0);
    assert.equal(await f.registrar.flowClosed({ protocol: 'udp', address: '192.0.2.1', port: 40003 }), 0);
    assert.deepEqual(
      f.bindings
        .ofUser(ada())
        .map((b) => b.aor)
        .sort(),
      ['1002', '1003'],
    );
  });

  it('a failed delivery ends a binding on a connection, unless it was refreshed meanwhile', async () => {
    await f.register({ protocol: 'tcp', ...withContact('<sip:1001@h;transport=tcp>') });
    const [old] = f.bindings.all();
    assert.ok(old);
    f.clock.advance(1000);
    await f.register({ protocol: 'tcp', ...withContact('<sip:1001@h;transport=tcp>') });
    assert.equal(await deliveryFailed(f.bindings, old), false);
    const [now] = f.bindings.all();
    assert.ok(now);
    assert.equal(await deliveryFailed(f.bindings, now), true);
  });

  it('reaches a phone where it registered from', async () => {
    const routes = [];
    for (const [protocol, contact] of [
      ['udp', 'sip:1001@192.0.2.1:5060'],
      ['udp', 'sip:1001@192.0.2.1'],
      ['udp', 'sip:1001@10.0.0.9:5060'],
      ['ws', 'sip:abc@df7jal23ls0d.invalid;transport=ws'],
    ] as const) {
      await f.register({ protocol, ...withContact(`<${contact}>`) });
      const binding = f.bindings.all().find((b) => b.contact === contact);
      routes.push(binding && routeTo(binding).proxy);
      await f.register(withContact('*', { expires: '0' }));
    }
    assert.deepEqual(routes, [undefined, undefined, 'sip:192.0.2.1:5060', 'sip:192.0.2.1:5060;transport=ws']);
  });

  it('S0-73 what one user registers changes nothing for another', async () => {
    await f.register({ to: '2001', ...withContact('<sip:2001@h>') });
    const ben = f.directory.user('pbx.test', '200')?.id ?? '';
    const before = targetsOf(ben);
    await f.register({ to: '1001', ...withContact('<sip:2001@h>') });
    await f.register({ to: '1001', ...withContact('*', { expires: '0' }) });
    assert.deepEqual(targetsOf(ben), before);
  });
});

describe('header values', () => {
  it('reads user and host of an address', () => {
    for (const [text, expected] of [
      ['sip:100@pbx.test', { user: '100', host: 'pbx.test' }],
      ['"A" <sips:a%20b:pw@[2001:db8::1]:5061;transport=tls>;tag=1', { user: 'a b', host: '[2001:db8::1]' }],
      ['<sip:+1555;phone-context=x@PBX.test>', { user: '+1555', host: 'pbx.test' }],
      ['sip:pbx.test', { user: '', host: 'pbx.test' }],
      ['tel:+1555', undefined],
      ['', undefined],
    ] as const)
      assert.deepEqual(uriParts(text), expected, text);
  });

  it('never throws, and is quick on what is made to be slow', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseContacts(text);
        uriParts(text);
      }),
    );
    const started = performance.now();
    for (const text of [
      ' '.repeat(60_000),
      '"\\'.repeat(4000),
      'a='.repeat(4000),
      '<sip:'.repeat(1600),
      ';'.repeat(8000),
    ]) {
      parseContacts(text);
      uriParts(text);
    }
    assert.ok(performance.now() - started < 500);
  });
});
