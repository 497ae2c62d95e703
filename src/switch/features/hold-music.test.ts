import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { defaultSettings } from '../call/settings.ts';
import { phoneSdp, type FakeDialog } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

describe('music on hold', () => {
  let world: World;
  const begin = async (music: string) => {
    const { features } = defaultSettings;
    world = await World.create(new VirtualClock(), { features: { ...features, hold: { music } } });
    world.engine.heard.add('*');
  };
  beforeEach(() => begin('tone'));
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
  const hold = (phone: FakeDialog, direction = 'sendonly') =>
    phone.change(phoneSdp(5000, '0 8 101', direction));
  const commands = (name: string) =>
    world.engine.commands.filter((c) => c.name === name).map((c) => c.fields['from-tag']);
  const held = () => world.core.calls.all()[0]?.caller.leg?.tag;

  it('is played to the held party alone, and stops when the phone resumes', async () => {
    const { far, desk } = await talking();
    await hold(desk);
    await world.pass(500);
    assert.deepEqual(commands('play media'), [held()]);
    assert.deepEqual(commands('stop media'), []);
    await hold(desk, 'sendrecv');
    await settle();
    assert.deepEqual(commands('stop media'), [held()]);
    assert.deepEqual(far.dialog.reinvites, []);
  });

  it('S0-62 S1-17 X7 stops when the held call is pulled, before the new device is heard; no hold is left', async () => {
    const { desk } = await talking();
    await hold(desk);
    await world.pass(500);
    const tag = held();
    await world.dial('1002', '*33');
    assert.deepEqual(commands('stop media'), [tag]);
    const [call] = world.core.calls.all();
    assert.equal(call?.view().state, 'talking');
    await world.pass(2000);
    assert.deepEqual(commands('play media'), [tag]);
  });

  it('a phone that plays its own is left to it', async () => {
    const { desk } = await talking();
    const tag = world.core.calls.all()[0]?.callee.leg?.tag ?? '';
    world.engine.packets.set(tag, 10);
    await hold(desk);
    await world.pass(300);
    world.engine.packets.set(tag, 30);
    await world.pass(1000);
    assert.deepEqual(commands('play media'), []);
  });

  it('a hold as short as a breath brings none', async () => {
    const { desk } = await talking();
    await hold(desk);
    await world.pass(200);
    await hold(desk, 'sendrecv');
    await world.pass(1000);
    assert.deepEqual(commands('play media'), []);
  });

  it('a file in its place, or nothing', async () => {
    world.close();
    await begin('/sounds/waltz.wav');
    const { desk } = await talking();
    await hold(desk);
    await world.pass(500);
    const played = world.engine.commands.find((c) => c.name === 'play media');
    assert.equal(played?.fields['file'], '/sounds/waltz.wav');
    world.close();
    await begin('none');
    const other = await talking();
    await hold(other.desk);
    await world.pass(1000);
    assert.deepEqual(commands('play media'), []);
  });
});
