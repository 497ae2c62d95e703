import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { FakeIncoming, type FakeDialog } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { defaultSettings } from './settings.ts';

describe('whom a phone is shown to talk to, by UPDATE (RFC 3311, RFC 3325 §9.1)', () => {
  let world: World;
  beforeEach(async () => {
    const { features } = defaultSettings;
    const codes = { ...features.codes, grab: ['*44'] };
    world = await World.create(new VirtualClock(), { features: { ...features, codes } });
    world.engine.heard.add('*');
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  /** A phone that takes UPDATE dials. */
  const dial = async (from: string, dialled: string): Promise<FakeIncoming> => {
    const incoming = new FakeIncoming(world.endpoint(from));
    incoming.dialog.allowed = ['UPDATE'];
    world.send(incoming, dialled);
    await settle();
    return incoming;
  };
  /** 2001 calls 100, which answers on 1001. */
  const talking = async (): Promise<{ far: FakeIncoming; desk: FakeDialog }> => {
    const far = await dial('2001', '100');
    const desk = world.at('1001').answer();
    desk.allowed = ['UPDATE'];
    await settle();
    return { far, desk };
  };
  const told = (dialog: FakeDialog) => {
    assert.ok(dialog.requests.every(({ method, body }) => method === 'UPDATE' && body === ''));
    return dialog.requests.map(({ headers }) => [
      headers['P-Asserted-Identity'],
      headers['Remote-Party-ID']?.split(';')[0],
    ]);
  };
  const named = (user: string) => {
    const name = `"User ${user}" <sip:${user}@pbx.test>`;
    return [name, name];
  };

  it('S1-02 a puller learns it once it has the call; the other party is shown no change', async () => {
    const { far, desk } = await talking();
    const mobile = await dial('1002', '*33');
    assert.deepEqual([told(mobile.dialog), told(far.dialog), told(desk)], [[named('200')], [], []]);
  });

  it('of a ringing call too, and of the own one that rings elsewhere', async () => {
    await dial('2001', '100');
    const mobile = await dial('1002', '*33');
    assert.deepEqual(told(mobile.dialog), [named('200')]);
    mobile.dialog.hangUp();
    world.phones.sent.length = 0;
    await dial('1001', '200');
    const puller = await dial('1003', '*33');
    world.at('2002').answer();
    await settle();
    assert.deepEqual(told(puller.dialog), [named('200')]);
  });

  it('a push to an own device shows nobody anything: its INVITE said who talks', async () => {
    const { far, desk } = await talking();
    for (const digit of '*91002#') await desk.send('INFO', digit, { 'Content-Type': 'application/dtmf' });
    await settle();
    const mobile = world.at('1002').answer();
    mobile.allowed = ['UPDATE'];
    await settle();
    assert.deepEqual([told(far.dialog), told(mobile)], [[], []]);
  });

  it('a colleague who gets the call by push, transfer or grab: the other party’s dialog stays untouched (X2)', async () => {
    const colleague = { id: 'u300', domain: 'pbx.test', extension: '300', name: 'User 300' };
    await world.directory.putUser({ ...colleague, mayGrab: true });
    await world.addDevice('300', '3001');
    const { far, desk } = await talking();
    for (const digit of '*9300#') await desk.send('INFO', digit, { 'Content-Type': 'application/dtmf' });
    await settle();
    const third = world.at('3001').answer();
    await settle();
    await third.send('REFER', '', { 'Refer-To': '<sip:1002@pbx.test>' });
    await settle();
    world.at('1002').answer();
    await settle();
    const grabber = await dial('3001', '*44100');
    assert.deepEqual([told(grabber.dialog), told(far.dialog)], [[named('200')], []]);
  });

  it('a phone that takes no UPDATE gets none, and is left what its 200 said', async () => {
    await talking();
    const mobile = await world.dial('1002', '*33');
    assert.deepEqual(mobile.dialog.requests, []);
    assert.equal(mobile.final?.headers?.['P-Asserted-Identity'], '"User 200" <sip:200@pbx.test>');
    assert.match(mobile.final?.headers?.['Remote-Party-ID'] ?? '', /<sip:200@pbx\.test>;party=called/);
  });
});
