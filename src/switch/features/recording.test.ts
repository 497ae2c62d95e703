import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { settle, World } from '../testing/world.ts';

describe('recording of a user’s calls', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  const record = async (userId: string) => {
    const user = world.directory.userById(userId);
    if (user !== undefined) await world.directory.putUser({ ...user, record: true });
  };
  const started = () => world.engine.commands.filter((c) => c.name === 'start recording');
  const stopped = () => world.engine.commands.filter((c) => c.name === 'stop recording');

  it('S1-12 S1-27 S1-61 begins at the answer, once, and goes on over flips', async () => {
    await record('u100');
    await world.dial('2001', '100');
    assert.equal(started().length, 0);
    world.at('1001').answer();
    await settle();
    assert.equal(started().length, 1);
    for (const device of ['1002', '1003', '1001']) await world.dial(device, '*33');
    await settle();
    const [call] = world.core.calls.all();
    assert.equal(call?.flips.filter((flip) => flip.result === 'moved').length, 3);
    assert.deepEqual([started().length, stopped().length], [1, 0]);
  });

  it('is not done for users who did not ask for it, and begins when one who did takes over', async () => {
    await record('u200');
    await world.dial('1002', '1001');
    const desk = world.at('1001').answer();
    await settle();
    assert.equal(started().length, 0);
    for (const digit of '*92001#') await desk.send('INFO', digit, { 'Content-Type': 'application/dtmf' });
    await settle();
    world.at('2001').answer();
    await settle();
    assert.equal(started().length, 1);
  });

  it('a media engine that cannot record leaves the call alone, and the record says so', async () => {
    await record('u100');
    world.engine.broken.add('start recording');
    const far = await world.dial('2001', '100');
    world.at('1001').answer();
    await settle();
    assert.ok(far.dialog.up);
    assert.match(world.core.calls.all()[0]?.decisions.at(-1) ?? '', /not recorded/);
  });
});
