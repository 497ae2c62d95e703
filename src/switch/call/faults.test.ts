import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { settle, World } from '../testing/world.ts';

describe('faults and phones that are not there', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
  });
  afterEach(() => world.close());

  const nothingIsLeft = () => {
    assert.equal(world.core.calls.size, 0);
    assert.equal(world.engine.live.size, 0);
  };
  /** Makes one method of something fail from now on. */
  const breaks = (target: object, method: string): void => {
    Object.defineProperty(target, method, {
      value: () => {
        throw new Error(`${method} is broken`);
      },
    });
  };

  for (const [where, spoil] of [
    ['the directory', () => breaks(world.directory, 'resolve')],
    ['the bindings', () => breaks(world.bindings, 'ofUser')],
    ['the stack', () => breaks(world.phones, 'invite')],
  ] as const)
    it(`a fault in ${where}: the caller is told, nothing of the call stays, and the switch can be drained`, async () => {
      spoil();
      const incoming = await world.dial('2001', '100');
      assert.ok((incoming.final?.status ?? 0) >= 480, String(incoming.final?.status));
      nothingIsLeft();
      await world.core.drain(30);
    });

  it('a fault while the caller is being answered: the phone that answered is let go', async () => {
    const incoming = await world.dial('2001', '1001');
    breaks(incoming, 'accept');
    const dialog = world.at('1001').answer();
    await settle();
    assert.equal(incoming.final?.status, 500);
    assert.equal(dialog.up, false);
    nothingIsLeft();
  });

  it('a media engine that fails in the middle: 500 or 488, and no phone rings on', async () => {
    const incoming = await world.dial('2001', '100');
    world.engine.broken.add('answer');
    const dialog = world.at('1001').answer();
    await settle();
    assert.equal(incoming.final?.status, 500);
    assert.equal(dialog.up, false);
    for (const name of ['1002', '1003']) assert.ok(world.at(name).cancelled);
    nothingIsLeft();
  });

  const onConnection = (contact: string, port: number, more: object = {}) =>
    world.bindings.register({
      domain: 'pbx.test',
      aor: '1001',
      userId: 'u100',
      deviceId: 'd1001',
      flow: { protocol: 'tcp', address: '192.0.2.9', port },
      path: [],
      callId: `tcp-${port}`,
      cseq: 1,
      contacts: [{ uri: contact, q: 1, seconds: 3600 }],
      ...more,
    });

  it('a connection over which nothing can be delivered loses its binding; a refusal, or UDP, does not (RFC 5626 §5.3)', async () => {
    await onConnection('sip:1001@192.0.2.9:9;transport=tcp', 9);
    await onConnection('sip:1001@192.0.2.9:10;transport=tcp', 10);
    await world.dial('2001', '1001');
    const sentTo = (text: string) =>
      world.phones.sent.find((o) => o.invitation.route.uri.includes(text)) ?? assert.fail(text);
    const failure = { reason: '', contacts: [], undelivered: true };
    sentTo(':9;').listener.failed({ ...failure, status: 430 });
    sentTo(':10;').listener.failed({ status: 503, reason: 'Overloaded', contacts: [] });
    sentTo(':1001').listener.failed({ ...failure, status: 503 });
    await settle();
    const left = world.bindings.ofDevice('d1001').map((b) => b.flow.port);
    assert.deepEqual(
      left.toSorted((a, b) => a - b),
      [10, 1001],
    );
  });

  it('S0-06 a phone that registers anew with another Contact while it rings is not rung twice', async () => {
    await world.dial('2001', '100');
    world.at('1001').ring();
    const rung = () => world.phones.sent.filter((o) => o.invitation.route.uri.startsWith('sip:1001@')).length;
    assert.equal(rung(), 1);
    // The same registration, by its Call-ID.
    await world.bindings.register({
      domain: 'pbx.test',
      aor: '1001',
      userId: 'u100',
      deviceId: 'd1001',
      flow: { protocol: 'udp', address: '192.0.2.9', port: 7777 },
      path: [],
      callId: 'register-1001',
      cseq: 2,
      contacts: [{ uri: 'sip:1001@192.0.2.9:7777', q: 1, seconds: 3600 }],
    });
    await settle();
    assert.equal(rung(), 1);
    // Another phone with the same credentials.
    await onConnection('sip:1001@192.0.2.10:5060;transport=tcp', 5);
    await settle();
    assert.equal(rung(), 2);
  });
});
