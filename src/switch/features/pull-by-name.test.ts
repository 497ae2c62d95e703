import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { credentialsFor, deviceById } from '../directory/index.ts';
import { moved } from '../call/swap.ts';
import type { Endpoint } from '../call/endpoint.ts';
import { FakeIncoming, type FakeDialog } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

describe('*33 with the name of a device', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  /** Phones that share the extension and password of user 300; each has a name of its own. */
  const shared = async (names: readonly string[]): Promise<void> => {
    const credentials = credentialsFor('300', domain, 'secret');
    await world.directory.putUser({ id: 'u300', domain, extension: '300', name: 'User 300', credentials });
    for (const [i, name] of names.entries())
      await world.bindings.register({
        domain,
        aor: '300',
        userId: 'u300',
        deviceId: `u300#sip:${name.toLowerCase()}-phone@192.0.2.9:70${i}`,
        flow: { protocol: 'udp', address: '192.0.2.9', port: 7000 + i },
        path: [],
        callId: name,
        cseq: 1,
        userAgent: name,
        contacts: [{ uri: `sip:${name.toLowerCase()}-phone@192.0.2.9:70${i}`, q: 1, seconds: 3600 }],
      });
  };
  const endpoint = (name: string): Endpoint => {
    const binding = world.bindings.ofUser('u300').find(({ userAgent }) => userAgent === name);
    const user = world.directory.userById('u300');
    const device = deviceById(world.directory, binding?.deviceId ?? '', binding?.userAgent);
    assert.ok(user && device);
    return { kind: 'device', user, device, binding };
  };
  const dial = async (from: Endpoint, dialled: string): Promise<FakeIncoming> => {
    const incoming = new FakeIncoming(from);
    world.send(incoming, dialled);
    await settle();
    return incoming;
  };
  /** The phone that has the call, and the talk of another one that was begun later. */
  const talking = async (name: string): Promise<FakeDialog> => {
    await world.dial('2001', '300');
    const dialog = world.at(`${name.toLowerCase()}-phone`).answer();
    await settle();
    return dialog;
  };

  it('S0-17 S1-31 takes the call of that one of several phones that share the user’s own extension', async () => {
    await shared(['Kitchen', 'Attic', 'Porch']);
    const kitchen = await talking('Kitchen');
    const attic = await talking('Attic');
    const nothing = await dial(endpoint('Porch'), '*33cellar');
    assert.deepEqual([nothing.final?.status, nothing.final?.reason], [480, 'Nothing to pull']);
    const pulled = await dial(endpoint('Porch'), '*33kitchen');
    assert.deepEqual([pulled.final?.status, kitchen.bye_, attic.up], [200, moved, true]);
    const second = await dial(endpoint('Kitchen'), '*33attic-phone');
    assert.deepEqual([second.final?.status, attic.bye_], [200, moved]);
    const third = await dial(endpoint('Attic'), '*33 POR CH');
    assert.deepEqual([third.final?.status, pulled.dialog.bye_], [200, moved]);
  });

  it('a device with an extension of its own has a name too', async () => {
    const device = world.directory.device(domain, '1001');
    assert.ok(device);
    await world.directory.putDevice({ ...device, name: 'Desk phone' });
    await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    const stranger = await world.dial('2002', '*33deskphone');
    assert.deepEqual([stranger.final?.status, desk.up], [480, true]);
    const pulled = await world.dial('1002', '*33desk phone');
    assert.deepEqual([pulled.final?.status, desk.bye_], [200, moved]);
  });
});
