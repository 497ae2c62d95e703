import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/base/index.ts';
import { startMediaEngine } from '../src/media/index.ts';
import { goertzelPower, meanSquare, parseWav } from '../src/rtp/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { mediaEngine, oneStream } from './one-stream.ts';
import { Product, twoUsers, type StartedMedia } from './product.ts';

const loopback = '127.0.0.1';
const tones = { far: 500, desk: 900, mobile: 1300 } as const;
/** The first note of the music on hold; its octave below sounds with it. */
const music = 392;

function share(pcm: Int16Array, frequency: number): number {
  const power = meanSquare(pcm, 0, pcm.length);
  return power < 1000 ? 0 : goertzelPower(pcm, { from: 0, count: pcm.length }, frequency, 8000) / power;
}

describe('S1-61 X7 flips of calls that are recorded, held or muted, by packets', () => {
  let folder: string;
  let product: Product;
  let far: PhoneCall;
  let desk: PhoneCall;
  let closed = false;

  beforeEach(async () => {
    closed = false;
    folder = mkdtempSync(join(tmpdir(), 'flip-recorded-'));
    const users = twoUsers.users.map((user) => ({ ...user, record: user.extension === '100' }));
    product = await Product.start({
      seed: { ...twoUsers, users },
      ...(mediaEngine === 'embedded' ? { media: recording } : {}),
    });
    const bob = await product.phone('2001');
    const phone = await product.phone('1001');
    far = await bob.invite('100');
    desk = await phone.incoming();
    await desk.answer();
    await far.answered();
    await far.media.rtp.hears(5, '1001');
    far.media.rtp.tone = [tones.far];
    desk.media.rtp.tone = [tones.desk];
  });
  const recording = async (port: number): Promise<StartedMedia> => {
    const engine = await startMediaEngine(
      {
        listen: { address: loopback, port: 0 },
        addresses: { IP4: loopback },
        ports: [20_000, 60_000],
        dtmfLog: { address: loopback, port },
        threads: 1,
        recordingDirectory: folder,
      },
      silentLogger,
    );
    return { nodes: [{ host: engine.address, port: engine.port }], close: () => engine.close() };
  };
  afterEach(async () => {
    if (!closed) await product.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const pull = async () => {
    const mobile = await product.phone('1002');
    const pulled = await mobile.invite('*33');
    await pulled.answered();
    pulled.media.rtp.tone = [tones.mobile];
    return pulled;
  };
  const hears = (call: PhoneCall, hertz: number) =>
    call.media.rtp.until(
      () => call.media.rtp.toneShare(hertz, 100) > (hertz === music ? 0.3 : 0.8),
      `${hertz} Hz`,
    );
  /** Timestamps run on through silence, so a pause shows in them. */
  const untouched = () => {
    assert.equal(far.reinvites.length, 0);
    oneStream(far.media.rtp);
  };

  it('S1-12 recorded: one file, the caller left and whoever speaks for the user right', async function () {
    // On rtpengine: media-recording.test.ts.
    if (mediaEngine === 'rtpengine') this.skip();
    await hears(far, tones.desk);
    const pulled = await pull();
    await hears(far, tones.mobile);
    await hears(pulled, tones.far);
    await far.media.rtp.hears(20);
    untouched();
    await far.hangup();
    await pulled.ended();
    // Only then is the file whole.
    closed = true;
    await product.close();
    const files = readdirSync(folder).filter((name) => name.endsWith('.wav'));
    assert.equal(files.length, 1);
    const wav = parseWav(readFileSync(join(folder, files[0] ?? '')));
    assert.ok(typeof wav !== 'string');
    const side = (n: number) => wav.pcm.filter((_, i) => i % 2 === n);
    const [left, right] = [side(0), side(1)];
    const windows = Array.from(
      { length: Math.floor(right.length / 800) },
      (_, i) => [i * 800, i * 800 + 800] as const,
    );
    const speaks = (pcm: Int16Array, hertz: number) =>
      windows.filter(([from, to]) => share(pcm.subarray(from, to), hertz) > 0.8).length;
    assert.ok(speaks(right, tones.desk) >= 1, 'the old device');
    assert.ok(speaks(right, tones.mobile) >= 2, 'the new device');
    assert.ok(speaks(left, tones.far) >= 3, 'the caller');
    assert.equal(speaks(left, tones.mobile), 0);
  });

  it('held: the music stops with the pull, no hold is left, and both hear each other', async () => {
    await desk.hold();
    desk.media.stop();
    await hears(far, music);
    const pulled = await pull();
    await hears(far, tones.mobile);
    await hears(pulled, tones.far);
    await desk.ended();
    const from = far.media.rtp.packets.length;
    await far.media.rtp.hears(60);
    assert.equal(far.media.rtp.toneShare(music, 1000) > 0.2, false);
    assert.ok(far.media.rtp.packets.length > from);
    untouched();
  });

  it('S0-62 held and resumed by the same phone: music while it lasts, speech after it', async () => {
    await desk.hold();
    desk.media.stop();
    await hears(far, music);
    await desk.resume();
    desk.media.rtp.tone = [tones.desk];
    await hears(far, tones.desk);
    await hears(desk, tones.far);
    untouched();
  });

  it('the far party holds: the new device waits with it, and is heard when it resumes', async () => {
    await far.hold();
    far.media.stop();
    const pulled = await pull();
    await desk.ended();
    await hears(pulled, music);
    await far.resume();
    far.media.rtp.tone = [tones.far];
    await hears(pulled, tones.far);
    await hears(far, tones.mobile);
  });

  it('muted: a device that sends nothing is pulled from, and one that sends nothing pulls', async () => {
    desk.media.stop();
    const pulled = await pull();
    pulled.media.stop();
    await hears(pulled, tones.far);
    await desk.ended();
    pulled.media.rtp.start(pulled.media.rtp.target ?? { address: loopback, port: 9 });
    await hears(far, tones.mobile);
    untouched();
  });
});
