import assert from 'node:assert/strict';
import { MediaSession } from './media-session.ts';
import type { MediaEngine } from './media-engine.ts';

type Sent = readonly [name: string, fields: Readonly<Record<string, unknown>>];

const sdp =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
const caller = { tag: 'caller', sdp };
const callee = { tag: 'callee', sdp };

describe('the digits of both sides, blocked with the answer', () => {
  let sent: Sent[];
  let capabilities: unknown;

  const session = () => {
    sent = [];
    const engine: MediaEngine = {
      alive: true,
      command: async (name, fields) => {
        sent.push([name, fields]);
        return { result: 'ok', sdp, ...(name === 'offer' && capabilities !== undefined && { capabilities }) };
      },
      close: () => undefined,
    };
    return new MediaSession(engine, 'call');
  };
  const connect = async (media: MediaSession) => {
    await media.offer(caller, 'branch');
    await media.answer(caller, 'branch', callee, ['caller', 'callee']);
  };
  const block = (media: MediaSession, tag: string, name = 'block DTMF') =>
    media.command(name, { 'from-tag': tag });
  const names = () => sent.map(([name, fields]) => [name, fields['from-tag']]);

  it('an engine that takes it is told with the answer, and needs no further command', async () => {
    capabilities = ['something', 'block-DTMF in answer'];
    const media = session();
    await connect(media);
    assert.deepEqual(sent.at(-1)?.[1]['block-DTMF'], ['caller', 'callee']);
    for (const tag of ['caller', 'callee']) assert.equal((await block(media, tag)).result, 'ok');
    await media.unblockUnasked();
    assert.deepEqual(names(), [
      ['offer', 'caller'],
      ['answer', 'caller'],
    ]);
  });

  it('each command after the first is sent: the engine may be another one by then', async () => {
    capabilities = ['block-DTMF in answer'];
    const media = session();
    await connect(media);
    await block(media, 'caller');
    await block(media, 'caller');
    await block(media, 'callee', 'unblock DTMF');
    await block(media, 'callee');
    assert.deepEqual(names().slice(2), [
      ['block DTMF', 'caller'],
      ['unblock DTMF', 'callee'],
      ['block DTMF', 'callee'],
    ]);
  });

  it('what nobody asked for in the end is lifted', async () => {
    capabilities = ['block-DTMF in answer'];
    const media = session();
    await connect(media);
    await block(media, 'callee');
    await media.unblockUnasked();
    assert.deepEqual(names().slice(2), [['unblock DTMF', 'caller']]);
  });

  for (const other of [undefined, 'block-DTMF in answer', [], ['something']])
    it(`an engine that does not say that it takes it gets commands (${JSON.stringify(other)})`, async () => {
      capabilities = other;
      const media = session();
      await connect(media);
      assert.equal('block-DTMF' in (sent.at(-1)?.[1] ?? {}), false);
      for (const tag of ['caller', 'callee']) await block(media, tag);
      await media.unblockUnasked();
      assert.deepEqual(names().slice(2), [
        ['block DTMF', 'caller'],
        ['block DTMF', 'callee'],
      ]);
    });
});
