import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock as clock, systemRandom as random } from '../src/base/index.ts';
import { Spool, startMediaEngine } from '../src/media/index.ts';
import { goertzelPower, meanSquare, parseWav } from '../src/rtp/index.ts';
import { RecordedMedia } from '../src/switch/records/index.ts';
import { createMediaEngine } from '../src/switch/index.ts';
import { MediaSession } from '../src/switch/call/media-session.ts';
import { needRtpengine, Rtpengine, RtpEndpoint } from '../src/testing/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { Product, twoUsers, type StartedMedia } from './product.ts';

const loopback = '127.0.0.1';
const tones = { bobDesk: 500, bobMobile: 700, adaDesk: 900, adaMobile: 1300, adaDesktop: 1700 } as const;
type Speaker = keyof typeof tones;

async function embedded(folder: string, port: number): Promise<StartedMedia> {
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
}

async function rtpengine(recordings: string, port: number): Promise<StartedMedia> {
  const engine = await Rtpengine.start({ dtmfLog: { address: loopback, port } });
  const spool = await Spool.open({ spool: engine.folder, recordings, clock, random, log: silentLogger });
  return {
    nodes: [{ host: engine.address, port: engine.port }],
    through: (nodes) => new RecordedMedia(nodes, spool),
    close: async () => {
      try {
        await until(() => spool.waiting.length === 0, 'the recording is made');
        assert.deepEqual(
          readdirSync(join(engine.folder, 'pcaps')),
          [],
          'what was recorded is kept once only',
        );
      } finally {
        await spool.close();
        await engine.close();
      }
    },
  };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries === 500) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** In how many tenths of a second each tone is most of what a channel has. */
function spoken(wav: Int16Array, channel: 0 | 1): Record<Speaker, number> {
  const pcm = wav.filter((_, i) => i % 2 === channel);
  const counts = { bobDesk: 0, bobMobile: 0, adaDesk: 0, adaMobile: 0, adaDesktop: 0 };
  for (let from = 0; from + 800 <= pcm.length; from += 800) {
    const window = pcm.subarray(from, from + 800);
    const power = meanSquare(window, 0, 800);
    for (const [who, hertz] of Object.entries(tones) as [Speaker, number][])
      if (power > 1000 && goertzelPower(window, { from: 0, count: 800 }, hertz, 8000) / power > 0.8)
        counts[who] += 1;
  }
  return counts;
}

for (const [name, start] of [
  ['the embedded relay', embedded],
  ['rtpengine', rtpengine],
] as const)
  describe(`S1-12 M-07 a recording on ${name}: one stereo WAV file, whoever speaks`, () => {
    let folder: string;
    let product: Product;
    let closed = false;
    before(function () {
      if (start === rtpengine) needRtpengine(this);
    });
    beforeEach(async () => {
      closed = false;
      folder = mkdtempSync(join(tmpdir(), 'recording-'));
      const users = twoUsers.users.map((user) => ({ ...user, record: user.extension === '100' }));
      product = await Product.start({ seed: { ...twoUsers, users }, media: (port) => start(folder, port) });
    });
    afterEach(async () => {
      if (!closed) await product.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const says = (call: PhoneCall, who: Speaker) => {
      call.media.rtp.tone = [tones[who]];
    };
    /** Long enough to be found in the file. */
    const hears = async (call: PhoneCall, who: Speaker) => {
      await call.media.rtp.until(() => call.media.rtp.toneShare(tones[who], 100) > 0.8, who);
      await call.media.rtp.hears(20);
    };

    it('the caller is left and the called right, though both sides move to other devices', async () => {
      const bob = await product.phone('2001');
      const ada = await product.phone('1001');
      const caller = await bob.invite('100');
      const callee = await ada.incoming();
      await callee.answer();
      await caller.answered();
      says(callee, 'adaDesk');
      says(caller, 'bobDesk');
      await hears(caller, 'adaDesk');
      await hears(callee, 'bobDesk');

      const pulled = await (await product.phone('1002')).invite('*33');
      await pulled.answered();
      says(pulled, 'adaMobile');
      await hears(caller, 'adaMobile');
      await hears(pulled, 'bobDesk');

      const moved = await (await product.phone('2002')).invite('*33');
      await moved.answered();
      says(moved, 'bobMobile');
      await hears(pulled, 'bobMobile');
      await hears(moved, 'adaMobile');

      const last = await (await product.phone('1003')).invite('*33');
      await last.answered();
      says(last, 'adaDesktop');
      await hears(moved, 'adaDesktop');
      await hears(last, 'bobMobile');
      await moved.hangup();
      await last.ended();
      // Only then is the file whole.
      closed = true;
      await product.close();

      const files = readdirSync(folder).filter((file) => file.endsWith('.wav'));
      assert.equal(files.length, 1);
      const wav = parseWav(readFileSync(join(folder, files[0] ?? '')));
      assert.ok(typeof wav !== 'string', 'a WAV file');
      assert.deepEqual([wav.channels, wav.sampleRate], [2, 8000]);
      const [left, right] = [spoken(wav.pcm, 0), spoken(wav.pcm, 1)];
      const heard = JSON.stringify({ left, right });
      for (const who of ['bobDesk', 'bobMobile'] as const) assert.ok(left[who] >= 1, heard);
      for (const who of ['adaDesk', 'adaMobile', 'adaDesktop'] as const) assert.ok(right[who] >= 1, heard);
      for (const who of ['adaDesk', 'adaMobile', 'adaDesktop'] as const) assert.equal(left[who], 0, heard);
      for (const who of ['bobDesk', 'bobMobile'] as const) assert.equal(right[who], 0, heard);
      assert.ok(!existsSync(join(folder, '.pending', files[0] ?? '')));
    });
  });

describe('S1-12 a recording on rtpengine after a crash', () => {
  before(function () {
    needRtpengine(this);
  });

  it('is made at the next start of what was on disk, SRTP (RFC 4568) and G.722 too', async () => {
    const recordings = mkdtempSync(join(tmpdir(), 'recording-'));
    const engine = await Rtpengine.start();
    const options = { spool: engine.folder, recordings, clock, random, log: silentLogger, quietMs: 300 };
    const spool = await Spool.open(options);
    const nodes = [{ host: engine.address, port: engine.port }];
    const media = new RecordedMedia(createMediaEngine({ nodes, clock, random, log: silentLogger }), spool);
    const left = await RtpEndpoint.open({
      name: 'left',
      payloadType: 9,
      srtp: 'AES_CM_128_HMAC_SHA1_80',
    });
    const right = await RtpEndpoint.open({ name: 'right', payloadType: 9 });
    try {
      const session = new MediaSession(media, 'crashed');
      const caller = { tag: 'left', sdp: left.sdp() };
      const told = await session.offer(caller, 'one', { protocol: 'RTP/AVP' });
      left.start(await session.answer(caller, 'one', { tag: 'right', sdp: right.sdp() }));
      right.start(told);
      [left.tone, right.tone] = [[tones.bobDesk], [tones.adaDesk]];
      const { 'recording-file': file } = await session.command('start recording', {});
      // Two seconds and more: rtpengine writes its files in pieces.
      await Promise.all([left.hears(120), right.hears(120)]);
      process.kill(engine.pid ?? 0, 'SIGKILL');
      await spool.close();
      const next = await Spool.open(options);
      await until(() => next.waiting.length === 0, 'what was left is taken up');
      await next.close();
      const wav = parseWav(readFileSync(String(file)));
      assert.ok(typeof wav !== 'string', 'a WAV file');
      const sides = [spoken(wav.pcm, 0), spoken(wav.pcm, 1)];
      assert.ok((sides[0]?.bobDesk ?? 0) >= 5 && (sides[1]?.adaDesk ?? 0) >= 5, JSON.stringify(sides));
      assert.deepEqual([sides[0]?.adaDesk, sides[1]?.bobDesk], [0, 0]);
      assert.deepEqual(readdirSync(join(recordings, '.pending')), []);
    } finally {
      left.close();
      right.close();
      media.close();
      await engine.close();
      rmSync(recordings, { recursive: true, force: true });
    }
  });
});
