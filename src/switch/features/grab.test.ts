import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { defaultSettings } from '../call/settings.ts';
import { settle, World } from '../testing/world.ts';

describe('taking a call of somebody else', () => {
  let world: World;
  const { features } = defaultSettings;
  const begin = async (grab: readonly string[]) => {
    world = await World.create(new VirtualClock(), {
      features: { ...features, codes: { ...features.codes, grab } },
    });
    world.engine.heard.add('*');
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'User 300' });
    for (const extension of ['3001', '3002']) await world.addDevice('300', extension);
  };
  const allow = async (user: string) => {
    const known = world.directory.userById(user);
    if (known !== undefined) await world.directory.putUser({ ...known, mayGrab: true });
  };
  beforeEach(() => begin(['*34']));
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  const talking = async () => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    return { far, desk };
  };

  it('S1-24 S1-29 a user who may takes it by another code; the far party sees nothing, and the call is the taker’s', async () => {
    await allow('u300');
    const { far, desk } = await talking();
    const chief = await world.dial('3001', '*34100');
    assert.equal(chief.final?.status, 200);
    assert.ok(!desk.up && far.dialog.up);
    assert.deepEqual(far.dialog.reinvites, []);
    const [view] = world.core.listCalls({ domain: 'pbx.test', admin: true });
    assert.deepEqual([view?.to, view?.flips[0]?.kind, view?.flips[0]?.by], ['300', 'grab', '3001']);
    assert.ok(view?.users.includes('u300') && !view.users.includes('u100'));
  });

  it('S1-29 a ringing one, and one of a certain device', async () => {
    await allow('u300');
    const caller = await world.dial('2001', '100');
    const chief = await world.dial('3001', '*341002');
    assert.deepEqual([caller.final?.status, chief.final?.status], [200, 200]);
    assert.ok(world.at('1001').cancelled);
  });

  it('S1-24 S1-37 refused without the permission, for strangers’ devices, and with nothing to take', async () => {
    const { desk } = await talking();
    const refused = async (from: string, code: string) => {
      const { final } = await world.dial(from, code);
      return `${final?.status} ${final?.reason}`;
    };
    assert.equal(await refused('3001', '*34100'), '403 Calls of others may not be taken');
    await allow('u300');
    assert.equal(await refused('3001', '*349999'), '404 No such extension');
    assert.equal(await refused('3001', '*34300'), '480 Nothing to take');
    await world.addDevice('300', '3003', { trusted: false });
    assert.equal(await refused('3003', '*34100'), '403 This device may not take calls over');
    assert.ok(desk.up);
  });

  it('S1-24 is off by default', async () => {
    assert.deepEqual(features.codes.grab, []);
    world.close();
    await begin([]);
    await allow('u300');
    const { desk } = await talking();
    assert.equal((await world.dial('3001', '*34100')).final?.status, 404);
    assert.ok(desk.up);
  });
});
