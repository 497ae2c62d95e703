import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildRtp, g711Encode, goertzelPower, meanSquare, parseWav } from '../../rtp/index.ts';
import { sdpAddress, VirtualClock } from '../../testing/index.ts';
import { RtpInlets } from './rtp-inlet.ts';

type Inlet = Awaited<ReturnType<RtpInlets['open']>>;

const bound = async (): Promise<Socket> => {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  return socket;
};

/** 20 ms of a tone, or of silence for 0. */
function payload(hertz: number, n: number, law: 'alaw' | 'ulaw' = 'ulaw'): Buffer {
  const pcm = Int16Array.from({ length: 160 }, (_, i) =>
    Math.round(6000 * Math.sin((2 * Math.PI * hertz * (n * 160 + i)) / 8000)),
  );
  const bytes = Buffer.alloc(160);
  g711Encode(law, pcm, bytes);
  return bytes;
}

describe('an RTP inlet', () => {
  let folder: string;
  let clock: VirtualClock;
  let inlets: RtpInlets;
  let inlet: Inlet;
  let engine: Socket;
  let stranger: Socket;
  let n = 0;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'inlet-'));
    clock = new VirtualClock();
    inlets = new RtpInlets({ address: '127.0.0.1', clock });
    inlet = await inlets.open();
    engine = await bound();
    stranger = await bound();
    n = 0;
    inlet.hear(inlet.sdp.replace(/^m=audio \d+/m, `m=audio ${engine.address().port}`));
  });
  afterEach(() => {
    inlets.close();
    assert.equal(inlets.size, 0);
    engine.close();
    stranger.close();
    rmSync(folder, { recursive: true });
  });

  const sent = (from: Socket, packet: Buffer) =>
    new Promise<void>((done) =>
      from.send(packet, sdpAddress(inlet.sdp)?.port ?? 0, '127.0.0.1', () => done()),
    );
  const rtp = (hertz: number, law: 'alaw' | 'ulaw' = 'ulaw') =>
    buildRtp(
      {
        payloadType: law === 'ulaw' ? 0 : 8,
        sequence: n,
        timestamp: n * 160,
        ssrc: law === 'ulaw' ? 7 : 8,
        marker: n === 0,
      },
      payload(hertz, n, law),
    );
  /** Sends 20 ms of sound every 20 ms, and sees each arrive. */
  async function speaks(take: { readonly loudAt: number }, packets: number, hertz: number): Promise<void> {
    for (let i = 0; i < packets; i += 1, n += 1) {
      clock.advance(20);
      await sent(engine, rtp(hertz));
      for (let looks = 1; take.loudAt !== clock.now(); looks += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        // The first of a source may come before its decoder is there.
        if (looks % 500 === 0) await sent(engine, rtp(hertz));
      }
    }
  }
  const read = (file: string) => {
    const wav = parseWav(readFileSync(file));
    assert.ok(typeof wav !== 'string', 'a WAV file');
    return wav;
  };
  const share = (pcm: Int16Array, hertz: number, from: number, seconds: number) => {
    const span = { from: from * 8000, count: seconds * 8000 };
    return goertzelPower(pcm, span, hertz, 8000) / meanSquare(pcm, span.from, span.count);
  };

  it('makes a mono file of what the engine sends, with silence where nothing came', async () => {
    const file = join(folder, 'a.wav');
    const take = await inlet.record(file);
    await speaks(take, 50, 440);
    clock.advance(1000);
    n += 50;
    await speaks(take, 50, 700);
    assert.equal(await take.stop(), 3);
    const { channels, sampleRate, pcm } = read(file);
    assert.deepEqual([channels, sampleRate, pcm.length], [1, 8000, 24_000]);
    assert.ok(share(pcm, 440, 0.1, 0.8) > 0.95);
    assert.equal(meanSquare(pcm, 9000, 6000), 0);
    assert.ok(share(pcm, 700, 2.1, 0.8) > 0.95);
  });

  it('tells when something was last said: a quiet line is not', async () => {
    const take = await inlet.record(join(folder, 'b.wav'));
    await speaks(take, 5, 440);
    const last = take.loudAt;
    clock.advance(500);
    n += 25;
    await sent(engine, rtp(0));
    clock.advance(20);
    n += 1;
    await sent(engine, rtp(0));
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
    assert.equal(take.loudAt, last);
    n += 50;
    await speaks(take, 1, 440);
    assert.equal(take.loudAt, clock.now());
  });

  it('takes nothing from a stranger, whatever its address, and nothing that is no RTP', async () => {
    const file = join(folder, 'c.wav');
    const take = await inlet.record(file);
    for (let i = 0; i < 20; i += 1) {
      await sent(stranger, rtp(1000));
      await sent(engine, Buffer.from('no RTP at all'));
      await sent(engine, Buffer.alloc(3));
      await speaks(take, 1, 440);
    }
    await take.stop();
    const { pcm } = read(file);
    assert.ok(share(pcm, 440, 0.1, 0.3) > 0.95);
  });

  it('plays while it is written, as after a crash, and is whole when the leg ends', async () => {
    const file = join(folder, 'd.wav');
    const take = await inlet.record(file);
    await speaks(take, 150, 440);
    for (;;) {
      const wav = parseWav(readFileSync(file));
      if (typeof wav !== 'string' && wav.pcm.length >= 8000 * 2) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    inlet.close();
    assert.equal(await take.stop(), 3);
    assert.equal(read(file).pcm.length, 24_000);
    await assert.rejects(inlet.record(join(folder, 'e.wav')), /over/);
  });

  it('does not overwrite, and says where a file cannot be made', async () => {
    const file = join(folder, 'f.wav');
    writeFileSync(file, 'mine');
    await assert.rejects(inlet.record(file), /EEXIST/);
    await assert.rejects(inlet.record(join(folder, 'none', 'g.wav')), /ENOENT/);
    assert.equal(readFileSync(file, 'latin1'), 'mine');
  });

  it('hears another engine from when it is told', async () => {
    const file = join(folder, 'h.wav');
    const take = await inlet.record(file);
    await speaks(take, 10, 440);
    const moved = stranger;
    inlet.hear(inlet.sdp.replace(/^m=audio \d+/m, `m=audio ${moved.address().port}`));
    [engine, stranger] = [stranger, engine];
    await speaks(take, 10, 440);
    assert.ok(Math.abs((await take.stop()) - 0.4) < 0.001);
  });
});
