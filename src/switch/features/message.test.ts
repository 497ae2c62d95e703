import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { deliver } from './message.ts';

describe('texts outside calls (RFC 3428)', () => {
  let world: World;
  let sent: { uri: string; headers: Readonly<Record<string, string>>; body: string | undefined }[];
  let answers: (uri: string) => number;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    sent = [];
    answers = () => 200;
    world.phones.request = (...[, route, { headers = {}, body }]) => {
      sent.push({ uri: route.uri, headers, body });
      const status = answers(route.uri);
      return status === 0 ? new Promise<never>(() => undefined) : Promise.resolve({ status, reason: '' });
    };
  });
  afterEach(() => world.close());

  const send = async (from: string, to: string, body = 'hello') => {
    const { directory, bindings, phones: signaling, clock } = world;
    const request = new FakeIncoming(world.endpoint(from), body, { 'Content-Type': 'text/plain' });
    const answer = deliver({ directory, bindings, signaling, clock }, request, world.endpoint(from), to);
    await settle();
    await world.pass(5000);
    return (await answer).status;
  };
  const to = () =>
    sent.map(({ uri }) => /sip:(\d+)@/.exec(uri)?.[1] ?? '').sort((a, b) => a.localeCompare(b));

  it('goes to every phone of the user, in the name of the one who sent it', async () => {
    assert.equal(await send('1001', '200'), 200);
    assert.deepEqual(to(), ['2001', '2002', '2003']);
    assert.equal(sent[0]?.headers['From'], '"User 100" <sip:100@pbx.test>');
    assert.equal(sent[0]?.headers['Content-Type'], 'text/plain');
    assert.equal(sent[0]?.body, 'hello');
  });

  it('goes to one device, and to the own other devices', async () => {
    assert.equal(await send('1001', '2002'), 200);
    assert.deepEqual(to(), ['2002']);
    sent = [];
    assert.equal(await send('1001', '100'), 200);
    assert.deepEqual(to(), ['1002', '1003']);
  });

  it('one phone that has it is enough; if none has, 480; if none answers, 202', async () => {
    answers = (uri) => (uri.includes('2002') ? 200 : 486);
    assert.equal(await send('1001', '200'), 200);
    answers = () => 405;
    assert.equal(await send('1001', '200'), 480);
    answers = () => 0;
    assert.equal(await send('1001', '200'), 202);
  });

  it('404 for nobody, 480 for who is away, 413 for too much', async () => {
    assert.equal(await send('1001', '999'), 404);
    for (const device of ['2001', '2002', '2003'])
      for (const { id } of world.bindings.ofDevice(`d${device}`)) await world.bindings.remove(id, 'expired');
    assert.equal(await send('1001', '200'), 480);
    assert.equal(await send('1001', '1002', 'x'.repeat(9000)), 413);
    assert.deepEqual(sent, []);
  });
});
