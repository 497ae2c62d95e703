import assert from 'node:assert/strict';
import type { Trunk } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import type { RequestAnswer } from '../call/signaling.ts';
import { domain, settle, World } from '../testing/world.ts';
import type { TrunkState } from './trunks.ts';

const base: Trunk = {
  id: 't1',
  domain,
  name: 'carrier',
  host: 'sip.carrier.example',
  transport: 'tcp',
  register: true,
  username: 'acc/ount',
  password: 'secret',
};
const challenge = {
  status: 401,
  value: 'Digest realm="c", nonce="n", qop="auth", algorithm=SHA-256',
} as const;

describe('carriers where we are registered, on virtual time', () => {
  const clock = new VirtualClock();
  let world: World;
  /** Those of the phones' bindings. */
  let timers = 0;
  const seen: TrunkState[] = [];
  beforeEach(async () => {
    seen.length = 0;
    world = await World.create(clock);
    timers = clock.pending;
    world.core.trunks.events.on('changed', (state) => seen.push(state));
  });
  afterEach(async () => {
    const closed = world.core.close();
    clock.advance(5000);
    await closed;
    world.close();
  });

  const granted = (contact = '<sip:acc%2Fount@192.0.2.1;transport=tcp>;expires=300'): RequestAnswer => ({
    status: 200,
    reason: 'OK',
    get: (name) => (name === 'Contact' ? contact : undefined),
  });
  const sent = (method = 'REGISTER') => world.phones.asked.filter((asked) => asked.method === method);
  const state = (name = 'carrier') => world.core.trunks.state(domain, name);

  it('answers the challenge in the same registration, and says that it is registered', async () => {
    world.phones.answer = (_method, _route, headers) =>
      headers['Authorization'] === undefined ? { status: 401, reason: 'Who?', challenge } : granted();
    await world.directory.putTrunk(base);
    await settle();
    const [first, second] = sent();
    assert.equal(first?.route.uri, 'sip:sip.carrier.example;transport=tcp');
    assert.match(first.headers['Contact'] ?? '', /^<sip:acc%2Fount@localhost;transport=tcp>;expires=600$/);
    assert.equal(second?.headers['Call-ID'], first.headers['Call-ID']);
    assert.deepEqual(
      [first, second].map((asked) => asked?.headers['CSeq']),
      ['10 REGISTER', '11 REGISTER'],
    );
    assert.match(second?.headers['Authorization'] ?? '', /username="acc\/ount".*algorithm=SHA-256/);
    assert.equal(state()?.registration?.state, 'registered');
    assert.equal(state()?.registration?.expiresAt, clock.wall() + 300_000);
    assert.equal(seen.at(-1)?.registration?.state, 'registered');
  });

  it('refreshes in time, with the same Call-ID and a higher CSeq', async () => {
    world.phones.answer = () => granted();
    await world.directory.putTrunk(base);
    await settle();
    clock.advance(300_000 * 0.62);
    assert.equal(sent().length, 1);
    clock.advance(300_000 * 0.01);
    await settle();
    const [first, second] = sent();
    assert.equal(second?.headers['Call-ID'], first?.headers['Call-ID']);
    assert.equal(second?.headers['CSeq'], '20 REGISTER');
  });

  it('a wrong password is said, and not tried again at once; a new one is at once', async () => {
    world.phones.answer = () => ({ status: 401, reason: 'No', challenge });
    await world.directory.putTrunk(base);
    await settle();
    assert.equal(sent().length, 2);
    assert.deepEqual([state()?.registration?.state, state()?.registration?.reason], ['failed', '401 No']);
    clock.advance(140_000);
    await settle();
    assert.equal(sent().length, 2);
    world.phones.answer = () => granted();
    await world.directory.putTrunk({ ...base, password: 'another' });
    await settle();
    assert.equal(state()?.registration?.state, 'registered');
  });

  it('several trunks each by themselves; one that is removed or no longer registers is taken away there', async () => {
    world.phones.answer = () => granted();
    await world.directory.putTrunk(base);
    await world.directory.putTrunk({ ...base, id: 't2', name: 'second', host: 'two.example' });
    await world.directory.putTrunk({ ...base, id: 't3', name: 'plain', register: false });
    await settle();
    assert.equal(sent().length, 2);
    await world.directory.removeTrunk('t1');
    await world.directory.putTrunk({
      ...base,
      id: 't2',
      name: 'second',
      host: 'two.example',
      register: false,
    });
    await settle();
    const last = sent().slice(2);
    assert.deepEqual(
      last.map(({ headers }) => headers['Expires']),
      ['0', '0'],
    );
    assert.equal(state('second')?.registration, undefined);
    assert.equal(clock.pending, timers, 'no timer is left');
  });

  it('a change that is none of the registration’s leaves it alone', async () => {
    world.phones.answer = () => granted();
    await world.directory.putTrunk(base);
    await settle();
    await world.directory.putTrunk({ ...base, country: 'DE', callerId: { number: '+4930' } });
    await settle();
    assert.equal(sent().length, 1);
  });

  it('the new registration waits until the old one is taken away, which would take it along', async () => {
    let finish: (() => void) | undefined;
    world.phones.answer = (_method, _route, headers) =>
      headers['Expires'] === '0' ? new Promise((resolve) => (finish = () => resolve(granted()))) : granted();
    await world.directory.putTrunk(base);
    await settle();
    await world.directory.putTrunk({ ...base, registerSeconds: 900 });
    await settle();
    assert.deepEqual(
      sent().map(({ headers }) => headers['Expires']),
      ['600', '0'],
    );
    finish?.();
    await settle();
    assert.equal(sent().at(-1)?.headers['Expires'], '900');
  });

  it('leaves the carriers when it stops, and does not wait for ever for one that is silent', async () => {
    world.phones.answer = (_method, _route, headers) =>
      headers['Expires'] === '0' ? new Promise(() => undefined) : granted();
    await world.directory.putTrunk(base);
    await settle();
    const closed = world.core.close();
    assert.equal(sent().at(-1)?.headers['Expires'], '0');
    clock.advance(5000);
    await closed;
  });

  describe('OPTIONS', () => {
    const pinged: Trunk = {
      ...base,
      register: false,
      pingSeconds: 60,
      more: [{ host: 'b.example', port: 5070 }],
    };
    const states = () => state()?.gateways.map((gateway) => gateway.state);

    it('S2-43 asks each gateway, and calls go past one that does not answer until it does again', async () => {
      world.phones.answer = (_method, { uri }) =>
        uri.includes('b.example')
          ? { status: 405, reason: 'Not that' }
          : { status: 408, reason: 'Timeout', undelivered: true };
      await world.directory.putTrunk(pinged);
      await settle();
      clock.advance(1000);
      await settle();
      assert.deepEqual(states(), ['resting', 'up'], 'any answer of its own will do');
      await world.dial('1001', '+4930123456');
      assert.match(world.phones.sent.at(-1)?.invitation.route.uri ?? '', /@b\.example/);
      world.phones.answer = () => ({ status: 200, reason: 'OK' });
      clock.advance(66_000);
      await settle();
      assert.deepEqual(states(), ['up', 'up']);
      assert.equal(seen.length >= 3, true);
    });

    it('says nothing to gateways of trunks that do not want it, and ends with the trunk', async () => {
      await world.directory.putTrunk({ ...pinged, pingSeconds: 0 });
      clock.advance(10_000);
      await settle();
      assert.equal(sent('OPTIONS').length, 0);
      await world.directory.putTrunk(pinged);
      await world.directory.removeTrunk(pinged.id);
      clock.advance(10_000);
      await settle();
      assert.equal(sent('OPTIONS').length, 0);
      assert.equal(clock.pending, timers);
    });
  });
});
