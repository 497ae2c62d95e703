import assert from 'node:assert/strict';
import type { MediaEngine, NgReply } from '../call/media-engine.ts';
import { RecordedMedia, type RecordingNotes } from './recorded-media.ts';

type Note = readonly [port: number, side: string, payloadTypes: readonly number[]];

const sdp = (port: number, formats = '0 101') =>
  [
    'v=0',
    'o=- 1 1 IN IP4 192.0.2.1',
    's=-',
    'c=IN IP4 192.0.2.1',
    't=0 0',
    `m=audio ${port} RTP/AVP ${formats}`,
    'a=rtpmap:101 telephone-event/8000',
    '',
  ].join('\r\n');

describe('S1-12 which port is which side of a recording', () => {
  let notes: Note[];
  let ended: string[];
  let said: string[];
  let media: RecordedMedia;
  /** Each party has a port for its life, from 30000 on, told to whom the description goes. */
  let ports: Map<string, number>;
  const portFor = (who: string) => {
    const port = ports.get(who) ?? 30_000 + 2 * ports.size;
    ports.set(who, port);
    return port;
  };
  const engine: MediaEngine = {
    alive: true,
    close: () => undefined,
    command: (name, fields): Promise<NgReply> => {
      said.push(name);
      const text = (key: string) => {
        const value = fields[key];
        return typeof value === 'string' ? value : '';
      };
      const whom = name === 'offer' ? text('to-tag') || text('via-branch') : text('from-tag');
      const told = name === 'offer' || name === 'answer' ? { sdp: sdp(portFor(whom)) } : {};
      return Promise.resolve({ result: 'ok', ...told });
    },
  };
  const recorder: RecordingNotes = {
    begin: (callId) => `/recordings/${callId}.wav`,
    note: (_callId, { port, side, codecs }) =>
      void notes.push([port, side, codecs.map(({ payloadType }) => payloadType)]),
    end: (callId) => void ended.push(callId),
  };
  beforeEach(() => {
    [notes, ended, said, ports] = [[], [], [], new Map()];
    media = new RecordedMedia(engine, recorder);
  });

  const connect = async (from: string, to: string, formats?: string) => {
    const sides = { 'call-id': 'call', 'from-tag': from, 'via-branch': to };
    await media.command('offer', { ...sides, sdp: sdp(4000) });
    await media.command('answer', { ...sides, 'to-tag': to, sdp: sdp(5000, formats) });
  };
  const start = () => media.command('start recording', { 'call-id': 'call' });

  it('who offers first is left, and stays so over flips of either side', async () => {
    await connect('bob', 'desk');
    const reply = await start();
    assert.equal(reply['recording-file'], '/recordings/call.wav');
    assert.deepEqual(
      notes.map(([port, side]) => [port, side]),
      [
        [portFor('bob'), 'left'],
        [portFor('desk'), 'right'],
      ],
    );
    notes = [];
    await connect('bob', 'mobile');
    assert.deepEqual(
      notes.map(([port, side]) => [port, side]),
      [
        [portFor('bob'), 'left'],
        [portFor('mobile'), 'right'],
      ],
    );
    notes = [];
    // Now the caller moves: the other side is the one that offers.
    await connect('mobile', 'bob2');
    assert.deepEqual(
      notes.map(([port, side]) => [port, side]),
      [
        [portFor('mobile'), 'right'],
        [portFor('bob2'), 'left'],
      ],
    );
  });

  it('a device that rings is no side yet', async () => {
    await connect('bob', 'desk');
    await start();
    notes = [];
    await media.command('offer', {
      'call-id': 'call',
      'from-tag': 'bob',
      'via-branch': 'rings',
      sdp: sdp(4000),
    });
    assert.deepEqual(notes, []);
  });

  it('has the numbers that a phone named itself, and those that it was told (RFC 3264 §5.1)', async () => {
    await connect('bob', 'desk', '8 101');
    await start();
    assert.deepEqual(notes.at(-1)?.[2], [8, 101, 0]);
  });

  it('says where the recording is, and is done with the call', async () => {
    await connect('bob', 'desk');
    await start();
    const query = await media.command('query', { 'call-id': 'call' });
    const deleted = await media.command('delete', { 'call-id': 'call' });
    assert.deepEqual(
      [query['recording'], deleted['recording']],
      ['/recordings/call.wav', '/recordings/call.wav'],
    );
    assert.deepEqual(ended, ['call']);
    assert.equal((await media.command('query', { 'call-id': 'call' }))['recording'], undefined);
  });

  it('a call that is not recorded costs nothing', async () => {
    await connect('bob', 'desk');
    await media.command('delete', { 'call-id': 'call' });
    assert.deepEqual([notes, ended, said], [[], [], ['offer', 'answer', 'delete']]);
  });

  it('begun again on another engine, it is the same recording', async () => {
    await connect('bob', 'desk');
    await start();
    const { length } = notes;
    assert.equal((await start())['recording-file'], '/recordings/call.wav');
    assert.equal(notes.length, length);
    assert.equal(said.filter((name) => name === 'start recording').length, 2);
  });
});
