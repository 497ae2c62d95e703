import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VoiceMessage } from '../stores/index.ts';
import { domain } from '../switch/testing/world.ts';
import { ApiWorld } from './fixture.test.ts';

const box = '/api/v1/mailboxes/100';

describe('mailboxes over HTTP', () => {
  let api: ApiWorld;
  beforeEach(async () => {
    api = await ApiWorld.start();
    for (const [id, more] of [
      ['a1', { at: 1, heard: true }],
      ['a2', { at: 2 }],
      ['a3', { at: 3, from: '', name: '' }],
    ] as const)
      await put(id, more);
  });
  afterEach(() => api.close());

  const put = async (id: string, more: Partial<VoiceMessage> = {}) => {
    await api.mailboxes.store.put({
      id,
      domain,
      userId: 'u100',
      at: 1,
      seconds: 2.5,
      from: '200',
      name: 'Bob',
      callId: 'c1',
      heard: false,
      ...more,
    });
    writeFileSync(join(api.mailboxes.folder, `${id}.wav`), `RIFF ${id}`);
  };

  it('S2-24 lists a user’s messages, newest first, page by page; the number only of who showed it', async () => {
    const ada = await api.nobody.login('100');
    const { status, body } = await ada.get(`${box}/messages?limit=2`);
    assert.equal(status, 200);
    assert.deepEqual(body.items, [
      { id: 'a3', at: 3, seconds: 2.5, call: 'c1', heard: false },
      { id: 'a2', at: 2, seconds: 2.5, from: '200', name: 'Bob', call: 'c1', heard: false },
    ]);
    const rest = await ada.get(`${box}/messages?limit=2&after=${String(body['next'])}`);
    assert.deepEqual(
      rest.body.items.map(({ id }) => id),
      ['a1'],
    );
    const heard = await ada.get(`${box}/messages?heard=true`);
    assert.deepEqual(
      heard.body.items.map(({ id }) => id),
      ['a1'],
    );
    assert.deepEqual((await ada.get(box)).body, { extension: '100', all: 3, unheard: 2 });
    assert.deepEqual((await ada.get(`${box}/messages/a1`)).body['id'], 'a1');
  });

  it('gives out the sound as a WAV file', async () => {
    const { status, headers, text } = await api.admin.get(`${box}/messages/a2/sound`);
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'audio/wav');
    assert.equal(headers.get('content-length'), '7');
    assert.equal(text, 'RIFF a2');
  });

  it('a message is marked as heard, and removed with its sound; the audit log has the removal', async () => {
    const ada = await api.nobody.login('100');
    const marked = await ada.ask('PATCH', `${box}/messages/a2`, { body: { heard: true } });
    assert.equal(marked.body['heard'], true);
    assert.equal((await ada.get(box)).body['unheard'], 1);
    assert.equal((await ada.delete(`${box}/messages/a2`)).status, 204);
    assert.equal(existsSync(join(api.mailboxes.folder, 'a2.wav')), false);
    assert.equal((await ada.get(`${box}/messages/a2`)).status, 404);
    assert.equal((await ada.get(`${box}/messages/a2/sound`)).status, 404);
    const { items } = await api.audit.list({ domain, limit: 9, what: 'mailboxes' });
    assert.deepEqual(
      items.map(({ who, action, what }) => [who, action, what]),
      [['user 100', 'remove', 'mailboxes/100/messages/a2']],
    );
  });

  it('nobody else sees that there is anything', async () => {
    const bob = await api.nobody.login('200');
    for (const path of [box, `${box}/messages`, `${box}/messages/a1`, `${box}/messages/a1/sound`])
      assert.equal((await bob.get(path)).status, 404, path);
    assert.equal((await bob.get('/api/v1/mailboxes/200/messages/a1')).status, 404);
    assert.equal((await bob.delete(`${box}/messages/a1`)).status, 404);
    assert.equal((await bob.get('/api/v1/mailboxes')).status, 403);
    assert.equal((await api.nobody.get(box)).status, 401);
    assert.equal((await api.admin.get('/api/v1/mailboxes/999')).status, 404);
    assert.deepEqual((await api.admin.get('/api/v1/mailboxes')).body.items, [
      { extension: '100', all: 3, unheard: 2 },
    ]);
    const escape = await api.admin.get(`${box}/messages/${encodeURIComponent('../a1')}/sound`);
    assert.equal(escape.status, 404);
  });
});
