import assert from 'node:assert/strict';
import { silentLogger as log, type Clock } from '../../base/index.ts';
import { MemoryBindingStore, MemoryDirectoryStore, type Trunk, type User } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import type { Identity } from '../call/endpoint.ts';
import type { OutsideAsk } from './outside-routes.ts';
import { FakeSignaling } from '../testing/fake-phones.ts';
import { goesOn, Trunks } from './trunks.ts';

const domain = 'pbx.test';
const base: Trunk = {
  id: 't1',
  domain,
  name: 'one',
  host: 'one.example',
  port: 5060,
  transport: 'udp',
  register: false,
};
const ada: User = { id: 'u100', domain, extension: '100', name: 'Ada' };
const from = (number: string, more: Partial<Identity> = {}): Identity => ({
  number,
  name: 'Ada',
  domain,
  withheld: false,
  ...more,
});

describe('ways outside', () => {
  let clock: Clock & { advance(ms: number): void };
  let directory: MemoryDirectoryStore;
  let trunks: Trunks;
  let make: (unit: () => number, emergencyNumbers: readonly string[]) => Trunks;
  let dice = 0.5;
  const signaling = new FakeSignaling();

  beforeEach(async () => {
    clock = new VirtualClock();
    directory = new MemoryDirectoryStore();
    await directory.putDomain({ name: domain, aliases: [] });
    await directory.putUser(ada);
    dice = 0.5;
    const random = { hex: () => '0', unit: () => dice };
    const bindings = new MemoryBindingStore({ clock, random, limits: { perDevice: 1, total: 1 } });
    const parts = { signaling, directory, bindings, clock, log };
    make = (unit, emergencyNumbers) =>
      new Trunks({ ...parts, random: { ...random, unit }, emergencyNumbers });
    trunks = make(random.unit, ['112']);
  });

  const put = (more: Partial<Trunk>) => directory.putTrunk({ ...base, id: more.name ?? base.id, ...more });
  const uris = (ask: Partial<OutsideAsk> & { readonly number: string }) =>
    trunks.outsideRoutes({ domain, ...ask }).map(({ route }) => route.uri);
  const headers = (number: string, ask: Partial<OutsideAsk> = {}, more: Partial<Identity> = {}) =>
    trunks.outsideRoutes({ domain, number: '+4930123456', ...ask })[0]?.callerHeaders(from(number, more)) ??
    {};

  describe('which trunk', () => {
    it('there is none for what is no number, and where there is no trunk', async () => {
      assert.deepEqual(uris({ number: '+4930123456' }), []);
      await put({ name: 'one' });
      assert.deepEqual(uris({ number: 'bob' }), []);
      assert.deepEqual(uris({ number: '12' }), []);
      assert.deepEqual(uris({ number: '+4930123456' }), ['sip:+4930123456@one.example:5060']);
    });

    it('the longest pattern goes first, the others are what is left when it fails', async () => {
      await put({ name: 'all', host: 'all.example' });
      await put({ name: 'germany', host: 'de.example', routes: [{ pattern: '+49*' }] });
      await put({ name: 'berlin', host: 'berlin.example', country: 'DE', routes: [{ pattern: '+4930*' }] });
      await put({ name: 'nothing', host: 'none.example', routes: [] });
      const hosts = (number: string) => uris({ number }).map((uri) => /@([a-z]+)\./.exec(uri)?.[1]);
      assert.deepEqual(hosts('+4930123456'), ['berlin', 'de', 'all']);
      assert.deepEqual(hosts('030123456'), ['berlin', 'all'], 'read in the country of the trunk alone');
      assert.deepEqual(hosts('+4989123456'), ['de', 'all']);
      assert.deepEqual(hosts('+33123456789'), ['all']);
    });

    it('then the order that the trunks say, then the dice', async () => {
      await put({ name: 'late', host: 'late.example', routes: [{ pattern: '*', order: 2 }] });
      await put({ name: 'light', host: 'light.example', routes: [{ pattern: '*', order: 1, weight: 1 }] });
      await put({ name: 'heavy', host: 'heavy.example', routes: [{ pattern: '*', order: 1, weight: 9 }] });
      const first: string[] = [];
      for (let i = 0; i < 100; i++) {
        let turn = i;
        const some = make(() => ((turn++ * 37) % 100) / 100, []);
        const names = some
          .outsideRoutes({ domain, number: '12345' })
          .map(({ endpoint }) => (endpoint.kind === 'trunk' ? endpoint.trunk.name : ''));
        assert.equal(names[2], 'late');
        first.push(names[0] ?? '');
      }
      const heavy = first.filter((name) => name === 'heavy').length;
      assert.ok(heavy > 60 && heavy < 100, `heavy first ${heavy} times of 100`);
    });

    it('a trunk that is named is the only one', async () => {
      await put({ name: 'one' });
      await put({ name: 'two', host: 'two.example' });
      assert.deepEqual(uris({ number: '12345', trunk: 'two' }), ['sip:12345@two.example:5060']);
    });

    it('S2-43 several gateways of one trunk in their order; one that failed rests, and is tried last', async () => {
      await put({ name: 'one', more: [{ host: 'b.example' }, { host: '2001:db8::1', port: 5070 }] });
      const all = ['sip:12345@one.example:5060', 'sip:12345@b.example', 'sip:12345@[2001:db8::1]:5070'];
      assert.deepEqual(uris({ number: '12345' }), all);
      const trunk = directory.trunk(domain, 'one') ?? base;
      trunks.gateways.failed(trunk, { host: 'one.example', port: 5060 }, '503', 30);
      assert.deepEqual(uris({ number: '12345' }), [all[1], all[2], all[0]]);
      clock.advance(30_001);
      assert.deepEqual(uris({ number: '12345' }), all);
    });

    it('all but the last way have little patience', async () => {
      await put({ name: 'one', more: [{ host: 'b.example' }], patienceSeconds: 4 });
      const patience = trunks
        .outsideRoutes({ domain, number: '12345' })
        .map(({ route }) => route.gateway?.patienceMs);
      assert.deepEqual(patience, [4000, undefined]);
    });

    it('an emergency number goes over any trunk, as it is', async () => {
      await put({ name: 'one', routes: [{ pattern: '+49*' }] });
      await put({ name: 'two', host: 'two.example', routes: [{ pattern: '1*', strip: 1, prepend: '99' }] });
      assert.deepEqual(uris({ number: '112' }), ['sip:112@two.example:5060', 'sip:112@one.example:5060']);
    });
  });

  describe('how the number is dialled', () => {
    it('in the form that the trunk says, then stripped and prepended', async () => {
      await put({ name: 'one', dial: 'national', country: 'DE' });
      assert.deepEqual(uris({ number: '+4930123456' }), ['sip:030123456@one.example:5060']);
      await put({ name: 'one', dial: 'digits', country: 'DE' });
      assert.deepEqual(uris({ number: '030 123456'.replace(' ', '') }), ['sip:4930123456@one.example:5060']);
      await put({ name: 'one', routes: [{ pattern: '0*', strip: 1, prepend: '+49' }] });
      assert.deepEqual(uris({ number: '030123456' }), ['sip:+4930123456@one.example:5060']);
    });

    it('what is stripped is counted in the number as the pattern fitted it', async () => {
      await put({ name: 'one', country: 'DE', routes: [{ pattern: '+49*', strip: 3, prepend: '0' }] });
      for (const number of ['+4930123456', '030123456', '004930123456'])
        assert.deepEqual(uris({ number }), ['sip:030123456@one.example:5060'], number);
    });

    it('over TCP or TLS, and to a carrier whose domain is not its gateway', async () => {
      await put({ name: 'one', transport: 'tls', carrierDomain: 'carrier.example' });
      const [way] = trunks.outsideRoutes({ domain, number: '12345' });
      assert.equal(way?.route.uri, 'sip:12345@carrier.example');
      assert.equal(way.route.proxy, 'sip:one.example:5060;transport=tls');
    });
  });

  describe('who is shown to call (RFC 3325 §9, RFC 3323 §4.1)', () => {
    it('the extension where there is no number at all', async () => {
      await put({ name: 'one' });
      assert.deepEqual(headers('100'), {
        From: '"Ada" <sip:100@pbx.test>',
        To: '<sip:+4930123456@one.example>',
        'P-Asserted-Identity': '"Ada" <sip:100@pbx.test>',
      });
    });

    it('the number that leads to the user, else the main number; never one that the trunk does not have', async () => {
      await put({ name: 'one', callerId: { number: '+493055500' } });
      assert.equal(headers('100')['From'], '"Ada" <sip:+493055500@pbx.test>');
      await directory.putNumber({ domain, number: '+493055510', target: '100' });
      assert.equal(headers('100')['From'], '"Ada" <sip:+493055510@pbx.test>');
      await directory.putUser({ ...ada, number: '+12125550123' });
      assert.equal(headers('100')['From'], '"Ada" <sip:+493055510@pbx.test>', 'not a number of this trunk');
      await directory.putNumber({ domain, number: '+493055511', target: '200' });
      await directory.putUser({ ...ada, number: '03055511' });
      await put({ name: 'one', country: 'DE', callerId: { number: '+493055500' } });
      assert.equal(headers('100')['From'], '"Ada" <sip:+493055511@pbx.test>', 'however it is written');
    });

    for (const [form, number] of [
      ['e164', '+493055510'],
      ['digits', '493055510'],
      ['national', '03055510'],
    ] as const)
      it(`as ${form}`, async () => {
        await directory.putNumber({ domain, number: '+493055510', target: '100' });
        await put({ name: 'one', country: 'DE', callerId: { form } });
        assert.equal(headers('100')['From'], `"Ada" <sip:${number}@pbx.test>`);
      });

    it('in the headers that the carrier reads, and the account in From where it wants that', async () => {
      await directory.putNumber({ domain, number: '+493055510', target: '100' });
      await put({
        name: 'one',
        username: 'account',
        register: true,
        callerId: { in: ['p-preferred-identity', 'remote-party-id'] },
      });
      assert.deepEqual(headers('100'), {
        From: '"Ada" <sip:account@one.example>',
        To: '<sip:+4930123456@one.example>',
        'P-Preferred-Identity': '"Ada" <sip:+493055510@one.example>',
        'Remote-Party-ID': '"Ada" <sip:+493055510@one.example>;party=calling;screen=yes;privacy=off',
      });
    });

    it('a withheld number is told to the carrier, with the wish, and nobody else', async () => {
      await directory.putNumber({ domain, number: '+493055510', target: '100' });
      await put({ name: 'one', callerId: { in: ['from', 'p-asserted-identity', 'remote-party-id'] } });
      const told = headers('100', {}, { withheld: true });
      assert.equal(told['From'], '"Anonymous" <sip:anonymous@anonymous.invalid>');
      assert.equal(told['Privacy'], 'id');
      assert.equal(told['P-Asserted-Identity'], '"Ada" <sip:+493055510@pbx.test>');
      assert.match(told['Remote-Party-ID'] ?? '', /privacy=full$/);
    });

    it('S2-31 a caller who is forwarded is shown only where the trunk allows it, else who forwards', async () => {
      await directory.putNumber({ domain, number: '+493055510', target: '100' });
      await put({ name: 'one', callerId: { number: '+493055500' } });
      const ask = { onBehalfOf: ada };
      assert.equal(headers('+12125550123', ask)['From'], '"Ada" <sip:+493055510@pbx.test>');
      await put({ name: 'one', callerId: { number: '+493055500', foreign: true } });
      assert.equal(headers('+12125550123', ask)['From'], '"Ada" <sip:+12125550123@pbx.test>');
      const main = headers('+12125550123', { ...ask, shown: { show: 'main' } });
      assert.equal(main['From'], '"Ada" <sip:+493055500@pbx.test>');
      const prefixed = headers('+12125550123', { ...ask, shown: { show: 'prefix', prefix: 'Support: ' } });
      assert.equal(prefixed['From'], '"Support: Ada" <sip:+12125550123@pbx.test>');
    });
  });

  it('the next gateway is tried for what is the gateway’s fault, and not for what is the person’s', () => {
    const failure = (status: number) => ({ status, reason: '', contacts: [] });
    for (const status of [401, 407, 408, 430, 500, 502, 503, 504])
      assert.ok(goesOn(failure(status)), `${status}`);
    for (const status of [302, 403, 404, 480, 484, 486, 487, 488, 501, 600, 603, 604])
      assert.ok(!goesOn(failure(status)), `${status}`);
    assert.ok(goesOn({ ...failure(480), undelivered: true }));
  });
});
