import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ngText } from '../src/ng/index.ts';
import { goertzelPower, meanSquare, parseWav, printWav } from '../src/rtp/index.ts';
import { MediaKit } from './media-kit.ts';

/** The share of `frequency` in a stretch of samples, 0 to 1. */
function share(pcm: Int16Array, frequency: number, rate = 8000): number {
  const power = meanSquare(pcm, 0, pcm.length);
  return power < 1000 ? 0 : goertzelPower(pcm, { from: 0, count: pcm.length }, frequency, rate) / power;
}

describe('media: sounds, silence and recordings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'media-'));
  let kit: MediaKit;
  before(async () => (kit = await MediaKit.start({ recordingDirectory: join(folder, 'recordings') })));
  after(async () => {
    await kit.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => kit.hangUp());

  const pair = async (id: string) => {
    const c = await kit.phone({ name: 'c' });
    const a = await kit.phone({ name: 'a' });
    await kit.call(id, c, a);
    return { c, a };
  };

  const tone = (frequency: number, ms: number) => {
    const pcm = Int16Array.from(
      { length: ms * 8 },
      (_, i) => 8000 * Math.sin((2 * Math.PI * frequency * i) / 8000),
    );
    return printWav({ sampleRate: 8000, channels: 1, pcm });
  };

  it('S0-24 S0-16 plays a file to one party alone: it hears the tone, the other hears no gap', async () => {
    const { c, a } = await pair('prompt');
    const file = join(folder, 'beep.wav');
    writeFileSync(file, tone(1000, 400));
    const before = c.packets.length;
    const reply = await kit.ok('play media', { 'call-id': 'prompt', 'from-tag': 'a', file });
    assert.equal(reply['duration'], 400);
    await a.until(() => a.toneShare(1000) > 0.9, 'the beep');
    await a.hears(10, 'c');
    const heard = a.analyse();
    assert.deepEqual(
      [heard.ssrcChanges, heard.sequenceBreaks, heard.timestampBreaks],
      [0, 0, 0],
      JSON.stringify(heard),
    );
    assert.deepEqual(heard.speakers, ['c', '?', 'c']);
    const beep = a.packets.filter((p) => p.who === undefined).length;
    assert.equal(beep, 20);
    const far = c.analyse(before);
    assert.deepEqual([far.speakers, far.missing, far.sequenceBreaks], [['a'], 0, 0], JSON.stringify(far));
    assert.ok(c.toneShare(1000) < 0.1);
  });

  it('plays tones of the tone plans and octets, until it is told to stop', async () => {
    const { a } = await pair('tones');
    const to = { 'call-id': 'tones', 'from-tag': 'a' };
    await kit.ok('play media', { ...to, file: 'tone:440+480/2000 0/4000' });
    await a.until(() => a.heardTones([440, 480, 350]).join() === '440,480', 'ringback');
    await kit.ok('stop media', to);
    await a.hears(5, 'c');
    await kit.ok('play media', { ...to, blob: tone(700, 200), 'repeat-times': 2 });
    await a.until(() => a.toneShare(700) > 0.9, 'the octets');
    await a.hears(5, 'c');
    const refused = async (command: string, body: Record<string, string>) =>
      ngText(await kit.client.request(command, { ...to, ...body }), 'error-reason');
    assert.equal(await refused('stop media', {}), 'Not currently playing media');
    assert.equal(await refused('play media', {}), 'No media file specified');
    assert.equal(
      await refused('play media', { file: '/nowhere.wav' }),
      'Failed to start media playback from file',
    );
  });

  it('plays to a party that is sent nothing else: the stream begins with the sound', async () => {
    const { c, a } = await pair('alone');
    await kit.ok('block media', { 'call-id': 'alone', 'from-tag': 'c' });
    const from = a.packets.length;
    await kit.ok('play media', { 'call-id': 'alone', 'from-tag': 'a', file: 'tone:!400/200' });
    await a.hears(10);
    assert.ok(a.packets.slice(from).filter((p) => p.who === undefined).length >= 10);
    await c.hears(5, 'a');
    await kit.ok('unblock media', { 'call-id': 'alone', 'from-tag': 'c' });
    await a.hears(5, 'c');
    assert.deepEqual([a.analyse().ssrcChanges, a.analyse().sequenceBreaks], [0, 0]);
  });

  it('S1-61 silences one direction in an unbroken stream', async () => {
    const { c, a } = await pair('silence');
    a.tone = [600];
    await c.until(() => c.toneShare(600) > 0.9, 'the tone');
    await kit.ok('silence media', { 'call-id': 'silence', 'from-tag': 'a' });
    await c.until(() => c.toneShare(600) === 0, 'silence');
    await kit.ok('unsilence media', { 'call-id': 'silence', 'from-tag': 'a' });
    await c.until(() => c.toneShare(600) > 0.9, 'the tone again');
    const heard = c.analyse();
    assert.deepEqual([heard.ssrcChanges, heard.sequenceBreaks, heard.timestampBreaks], [0, 0, 0]);
  });

  it('S1-12 records caller left and user right in one file, across a change of device', async () => {
    const { c, a } = await pair('record');
    const b = await kit.phone({ name: 'b' });
    c.tone = [500];
    a.tone = [900];
    b.tone = [1300];
    const path = ngText(await kit.ok('start recording', { 'call-id': 'record' }), 'recording-file') ?? '';
    await c.hears(25);
    const side = { 'call-id': 'record', 'from-tag': 'c', 'via-branch': 'vb', flags: ['port-latching'] };
    b.start(await kit.sdp('offer', { ...side, sdp: c.sdp() }));
    await kit.sdp('answer', { ...side, 'to-tag': 'b', sdp: b.sdp() });
    await c.until(() => c.toneShare(1300) > 0.9, 'the new device');
    await c.hears(25);
    await kit.ok('delete', { 'call-id': 'record', 'delete-delay': 0 });
    const done = await kit.event(
      (e) => e.type === 'RECORDING' && e['callid'] === 'record',
      'the end of the recording',
    );
    assert.equal(done['file'], path);
    const wav = parseWav(readFileSync(path));
    assert.ok(typeof wav !== 'string');
    assert.equal(wav.channels, 2);
    const left = wav.pcm.filter((_, i) => i % 2 === 0);
    const right = wav.pcm.filter((_, i) => i % 2 === 1);
    const middle = left.length >> 1;
    assert.ok(share(left.subarray(middle - 800, middle + 800), 500) > 0.9);
    assert.ok(share(right.subarray(1600, 3200), 900) > 0.9);
    assert.ok(share(right.subarray(right.length - 2400, right.length - 800), 1300) > 0.9);
  });

  it('a crash leaves a recording that plays: the header is right while it runs', async () => {
    const { c } = await pair('crash');
    c.tone = [500];
    const path = ngText(await kit.ok('start recording', { 'call-id': 'crash' }), 'recording-file') ?? '';
    await c.until(() => readSize(path) > 8000, 'half a second in the file', 8000);
    const wav = parseWav(readFileSync(path));
    assert.ok(typeof wav !== 'string');
    assert.equal(wav.channels, 2);
    const again = await kit.ok('start recording', { 'call-id': 'crash' });
    assert.equal(again['recording-file'], path);
    await kit.ok('stop recording', { 'call-id': 'crash' });
  });

  const readSize = (path: string) => {
    try {
      return readFileSync(path).length;
    } catch {
      return 0;
    }
  };
});
