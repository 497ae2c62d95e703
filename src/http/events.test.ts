import assert from 'node:assert/strict';
import { settle } from '../switch/testing/world.ts';
import type { Client, Events } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

describe('live events (server-sent events)', () => {
  let api: ApiWorld;
  let ada: Client;
  const open: Events[] = [];
  beforeEach(async () => {
    api = await ApiWorld.start();
    ada = await api.nobody.login('100');
  });
  afterEach(async () => {
    for (const events of open.splice(0)) events.close();
    await api.close();
  });

  const listen = async (client: Client, lastEventId?: string) => {
    const events = await client.events(lastEventId);
    open.push(events);
    return events;
  };
  const names = (events: Events) => events.seen.map((event) => event.name);
  const talking = async () => {
    const far = await api.world.dial('2001', '100');
    api.world.at('1001').answer();
    await settle();
    return far;
  };

  it('S1-65 tell a call from its beginning to its end, and a flip step by step', async () => {
    const events = await listen(ada);
    assert.deepEqual([events.status, events.type], [200, 'text/event-stream; charset=utf-8']);
    const far = await talking();
    const { data } = await events.next('call.created');
    const id = String(data['id']);
    assert.deepEqual([data['state'], data['from'], data['to']], ['ringing', '200', '100']);
    await events.next('call.updated', (event) => event.data['state'] === 'talking');
    const begun = await ada.post(`/api/v1/calls/${id}/flip`, { device: '1002' });
    await settle();
    api.world.at('1002').answer();
    for (const name of ['flip.ringing', 'flip.answered', 'flip.moved']) {
      const flip = await events.next(name);
      assert.deepEqual([flip.data['id'], flip.data['call']], [begun.body['id'], id]);
    }
    far.dialog.hangUp();
    const ended = await events.next('call.ended');
    assert.deepEqual([ended.data['id'], ended.data['state'], ended.data['endedBy']], [id, 'ended', 'caller']);
  });

  it('S0-65 tell why a flip failed, and that it was cancelled', async () => {
    const events = await listen(ada);
    await talking();
    const { data } = await events.next('call.created');
    const flip = `/api/v1/calls/${String(data['id'])}/flip`;
    await ada.post(flip, { device: '1002' });
    await settle();
    api.world.at('1002').fail(486);
    const failed = await events.next('flip.failed');
    assert.notEqual(failed.data['reason'] ?? '', '');
    await ada.post(flip, { device: '1003' });
    await settle();
    await ada.delete(flip);
    await events.next('flip.cancelled');
  });

  it('tell registrations and cold routes', async () => {
    const events = await listen(ada);
    await api.world.bindings.removeDevice('d1003');
    const removed = await events.next('binding.removed');
    assert.deepEqual([removed.data['device'], removed.data['reason']], ['1003', 'administrative']);
    await api.world.register('1003');
    await events.next('binding.added');
    await ada.put('/api/v1/users/100/cold-route', { device: '1003' });
    assert.equal((await events.next('cold-route.changed')).data['device'], '1003');
    await ada.delete('/api/v1/users/100/cold-route');
    await events.next('cold-route.changed', (event) => event.data['device'] === null);
  });

  it('tell where rules have changed: an administrator everywhere, a user of the own ones', async () => {
    const all = await listen(api.admin);
    const own = await listen(ada);
    await api.admin.put('/api/v1/schedules/office', { timeZone: 'UTC' });
    await api.admin.put('/api/v1/policy', { country: 'US' });
    await api.admin.put('/api/v1/users/200/profile', { profile: 'travel' });
    await ada.put('/api/v1/users/100/presence', { presence: 'meeting' });
    assert.equal((await own.next('routing.changed')).data['path'], 'users/100/rules');
    await all.next('routing.changed', (event) => event.data['path'] === 'users/100/rules');
    const told = (events: Events) =>
      events.seen.filter(({ name }) => name === 'routing.changed').map(({ data }) => data['path']);
    assert.deepEqual(told(all), ['schedules/office', 'policy', 'users/200/rules', 'users/100/rules']);
    assert.deepEqual(told(own), ['users/100/rules']);
  });

  it('tell a user of nobody else’s calls, devices and flips', async () => {
    await api.admin.post('/api/v1/users', { extension: '300', name: 'Cleo', pin: '3000' });
    const cleo = await listen(await api.nobody.login('300', '3000'));
    const ben = await listen(await api.nobody.login('200'));
    const everything = await listen(api.admin);
    const far = await talking();
    const { data } = await everything.next('call.created');
    await ada.post(`/api/v1/calls/${String(data['id'])}/flip`, { device: '1002' });
    await settle();
    api.world.at('1002').answer();
    await everything.next('flip.moved');
    await api.world.bindings.removeDevice('d1003');
    await ada.put('/api/v1/users/100/cold-route', { device: '1003' });
    far.dialog.hangUp();
    await everything.next('call.ended');
    await ben.next('call.ended');
    assert.deepEqual(names(cleo), []);
    assert.deepEqual(
      names(ben).filter((name) => !name.startsWith('call.')),
      [],
    );
    // S3-02: the other party cannot even find out by looking at its own call.
    assert.doesNotMatch(JSON.stringify(ben.seen), /"100[123]"/);
  });

  it('tell users that a call is no longer theirs', async () => {
    await api.world.directory.putGroup({
      id: 'g',
      domain: 'pbx.test',
      extension: '500',
      name: 'All',
      ring: 'all',
      members: ['100', '200'],
    });
    await api.admin.post('/api/v1/users', { extension: '300', name: 'Cleo', pin: '3000' });
    await api.world.addDevice('200', '2009');
    const ben = await listen(await api.nobody.login('200'));
    await api.world.dial('1003', '500');
    api.world.at('1001').answer();
    await settle();
    await ben.next('call.left');
    assert.deepEqual(
      names(ben).filter((name) => name === 'call.ended'),
      [],
    );
  });

  it('are resumed after Last-Event-ID: nothing twice, nothing missing', async () => {
    const first = await listen(ada);
    const far = await talking();
    const created = await first.next('call.created');
    await first.next('call.updated', (event) => event.data['state'] === 'talking');
    const before = [...first.seen];
    first.close();
    far.dialog.hangUp();
    const second = await listen(ada, created.id);
    await second.next('call.ended');
    const later = before.slice(before.findIndex((event) => event.id === created.id) + 1);
    assert.deepEqual(
      second.seen.map((event) => event.id).slice(0, later.length),
      later.map((event) => event.id),
    );
    assert.deepEqual(names(second).at(-1), 'call.ended');
    assert.equal(new Set(second.seen.map((event) => event.id)).size, second.seen.length);
  });

  it('say reset when what was missed is not known', async () => {
    for (const id of ['0badc0de-17', 'nonsense', '1']) {
      const events = await listen(ada, id);
      await events.next('reset');
    }
  });

  it('end with the session, and need one', async () => {
    const events = await listen(ada);
    assert.equal((await listen(api.nobody)).status, 401);
    await ada.delete('/api/v1/sessions/current');
    // The next sign of life is none.
    api.clock.advance(15_000);
    await events.over();
  });

  it('of one user are bounded', async () => {
    for (let i = 0; i < 50; i++) await listen(ada);
    assert.equal((await listen(ada)).status, 429);
    assert.equal((await listen(api.admin)).status, 200);
    open.shift()?.close();
    for (let tries = 0; tries < 100; tries++) {
      const events = await listen(ada);
      if (events.status === 200) return;
      events.close();
    }
    assert.fail('a stream that was closed still counts');
  });
});
