import assert from 'node:assert/strict';
import type { Flow, RoutingOwner, Rule, Trunk } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import { credentialsFor } from '../directory/index.ts';
import { FakeIncoming, phoneSdp } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

const carrier: Flow = { protocol: 'udp', address: '198.51.100.1', port: 5062 };
const base: Trunk = {
  id: 't1',
  domain,
  name: 'carrier',
  host: '198.51.100.1',
  transport: 'udp',
  register: true,
  username: 'account',
  password: 'x',
  country: 'DE',
};

describe('calls that come in over trunks, on virtual time', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    await world.directory.putTrunk(base);
    await world.directory.putGroup({
      id: 'g500',
      domain,
      extension: '500',
      name: 'Support',
      ring: 'all',
      members: ['100', '200'],
    });
    await world.directory.putNumber({ domain, number: '+493055510', target: '100' });
    await world.directory.putNumber({ domain, number: '+493055550', target: '500' });
  });
  afterEach(() => world.close());

  type Call = {
    readonly uri?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly source?: Flow;
  };
  /** An INVITE from the carrier, or another address, where a stranger would be challenged as World's device 1001. */
  const call = async ({ uri = 'sip:+493055510@pbx.test', headers = {}, source = carrier }: Call) => {
    const incoming = new FakeIncoming(world.endpoint('2001'), phoneSdp(4000), {
      From: '"Bob" <sip:030123456@carrier.example>;tag=1',
      To: '<sip:+493055510@pbx.test>',
      ...headers,
    });
    const user = /^sips?:([^@]*)@/.exec(uri)?.[1] ?? '';
    Object.assign(incoming, { source, uri });
    world.send(incoming, user);
    await settle();
    return incoming;
  };
  const headersAt = (device: string) => world.at(device).invitation.headers;

  it('S2-04 a number rings its user; the caller is shown in E.164', async () => {
    await call({});
    for (const device of ['1001', '1002', '1003']) assert.ok(world.wasCalled(device));
    assert.equal(headersAt('1001')['From'], '"Bob" <sip:+4930123456@pbx.test>');
  });

  it('S2-04 a number rings its group', async () => {
    await call({ uri: 'sip:+493055550@pbx.test' });
    assert.ok(world.wasCalled('1001') && world.wasCalled('2003'));
  });

  for (const uri of [
    'sip:493055510@192.0.2.1',
    'sip:03055510@pbx.test;user=phone',
    'sip:00493055510@pbx.test',
    'tel:+49-30-555-10',
    'sip:+49(30)555-10@pbx.test',
  ])
    it(`however it is written: ${uri}`, async () => {
      await call({ uri, headers: { To: '<sip:anybody@pbx.test>' } });
      assert.ok(world.wasCalled('1001'));
    });

  it('S2-34 the number leads to somebody else as soon as it is said', async () => {
    await world.directory.putNumber({ domain, number: '+493055510', target: '200' });
    await call({});
    assert.ok(!world.wasCalled('1001') && world.wasCalled('2001'));
  });

  it('the called number in P-Called-Party-ID (RFC 7315 §4.2), and in To where the URI names the account', async () => {
    await call({
      uri: 'sip:account@192.0.2.1',
      headers: {
        'P-Called-Party-ID': '<sip:+493055550@carrier.example>',
        To: '<sip:account@carrier.example>',
      },
    });
    assert.ok(world.wasCalled('2001'));
    const direct = await call({ uri: 'sip:account@192.0.2.1' });
    assert.equal(direct.final, undefined, 'To has the number');
  });

  it('the called number only from where the trunk says it is', async () => {
    await world.directory.putTrunk({ ...base, inbound: { number: 'to' } });
    await call({ uri: 'sip:whatever@192.0.2.1', headers: { To: '<sip:+493055550@pbx.test>' } });
    assert.ok(world.wasCalled('2001'));
    await world.directory.putTrunk({ ...base, inbound: { number: 'request-uri' } });
    const call2 = await call({ uri: 'sip:whatever@192.0.2.1' });
    assert.equal(call2.final?.status, 404);
  });

  for (const uri of [
    'sip:+493055599@pbx.test',
    'sip:100@pbx.test',
    'sip:1001@pbx.test',
    'sip:*33@pbx.test',
    'sip:pbx.test',
  ])
    it(`404 for what is no number of it: ${uri}`, async () => {
      const refused = await call({ uri, headers: { To: '<sip:nobody@pbx.test>' } });
      assert.equal(refused.final?.status, 404);
      assert.equal(world.phones.sent.length, 0);
    });

  it('404 for a number of another trunk', async () => {
    await world.directory.putNumber({ domain, number: '+493055510', target: '100', trunk: 'other' });
    assert.equal((await call({})).final?.status, 404);
  });

  describe('rules', () => {
    const forward = (to: string): Rule => ({
      id: `to-${to}`,
      name: `to ${to}`,
      enabled: true,
      when: [],
      then: { kind: 'forward', to },
      changedAt: 0,
      changedBy: 'administrator',
    });
    const put = (owner: RoutingOwner, to: string) =>
      world.routing.putRouting({ owner, rules: [forward(to)], profiles: [] });

    it('S2-04 a number has rules of its own, before those of whom it leads to', async () => {
      await put({ domain, kind: 'number', id: '+493055510' }, '200');
      await call({});
      assert.ok(!world.wasCalled('1001') && world.wasCalled('2001'));
    });

    it('S2-31 forwarded outside, the carrier is shown the number of who forwards, and no other', async () => {
      await put({ domain, kind: 'user', id: 'u100' }, '+4989123456');
      await call({});
      const sent = world.phones.sent.at(-1)?.invitation;
      assert.equal(sent?.route.uri, 'sip:+4989123456@198.51.100.1');
      assert.match(sent?.headers['From'] ?? '', /<sip:\+493055510@198\.51\.100\.1>/);
      assert.doesNotMatch(`${sent?.headers['From']}${sent?.headers['P-Asserted-Identity']}`, /4930123456/);
    });
  });

  it('extensions where the trunk is another site of ours', async () => {
    await world.directory.putTrunk({ ...base, inbound: { extensions: true } });
    await call({ uri: 'sip:100@pbx.test' });
    assert.ok(world.wasCalled('1001'));
    assert.equal(
      (await call({ uri: 'sip:+12125550100@pbx.test', headers: { To: '<sip:x@y>' } })).final?.status,
      404,
    );
  });

  it('S1-02 what the carrier asserts counts before From (RFC 3325 §9.1)', async () => {
    await call({
      headers: { 'P-Asserted-Identity': '<sip:carrier-service@c.example>, "Carl" <tel:+4989-777>' },
    });
    assert.match(headersAt('1001')['From'] ?? '', /^"Carl" <sip:\+4989777@/);
  });

  it('a withheld caller stays withheld (RFC 3323 §4.2)', async () => {
    await call({
      headers: {
        From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        'P-Asserted-Identity': '<sip:+4930123456@carrier.example>',
        Privacy: 'id',
      },
    });
    assert.ok(!JSON.stringify(headersAt('1001')).includes('123456'));
  });

  it('from elsewhere it is anybody, and is asked who it is as phones are', async () => {
    let asked = 0;
    const strangers = { ...carrier, address: '203.0.113.66' };
    const incoming = new FakeIncoming(world.endpoint('2001'), phoneSdp(4000), {});
    Object.defineProperty(incoming, 'endpoint', {
      get: () => {
        asked++;
        return world.endpoint('2001');
      },
    });
    Object.assign(incoming, { source: strangers });
    world.send(incoming, '+493055510');
    await settle();
    assert.equal(asked, 1);
  });

  it('a phone at the carrier’s address is a phone where it has registered', async () => {
    await world.bindings.register({
      domain,
      aor: '2001',
      userId: 'u200',
      deviceId: 'd2001',
      flow: carrier,
      path: [],
      callId: 'r1',
      cseq: 1,
      contacts: [{ uri: 'sip:2001@198.51.100.1:5062', q: 1, seconds: 3600 }],
    });
    await call({ uri: 'sip:100@pbx.test' });
    assert.ok(world.wasCalled('1001'), 'it dialled an extension, as phones do');
  });

  it('a carrier that must prove who it is, is not known by its address alone', async () => {
    const inbound = { credentials: credentialsFor('carrier', domain, 'their secret') };
    await world.directory.putTrunk({ ...base, inbound });
    await call({ uri: 'sip:100@pbx.test' });
    assert.ok(world.wasCalled('1001'), 'it was asked, as anybody is, and World takes it for a device');
  });
});
