import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printWav } from '../src/rtp/index.ts';
import { defaultSettings } from '../src/switch/index.ts';
import { Product, type ProductOptions } from './product.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

/** Two seconds of 700 Hz. */
const announcement = printWav({
  sampleRate: 8000,
  channels: 1,
  pcm: Int16Array.from({ length: 16_000 }, (_, n) => 8000 * Math.sin((2 * Math.PI * 700 * n) / 8000)),
});

for (const engine of ['embedded', 'rtpengine'] as const)
  describe(`an announcement in place of an answer, by packets (${engine})`, () => {
    let folder: string;
    let product: Product;
    before(function () {
      if (engine === 'embedded' || haveRtpengine) return;
      process.stderr.write('skipped: rtpengine is not installed\n');
      this.skip();
    });
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'announcements-'));
      writeFileSync(join(folder, 'closed.wav'), announcement);
      const routing = { ...defaultSettings.routing, announcements: folder };
      const media: ProductOptions = engine === 'rtpengine' ? { media: startRtpengine } : {};
      product = await Product.start({ ...media, settings: { routing } });
      await product.always('100', { kind: 'announcement', file: 'closed.wav' });
    });
    afterEach(async () => {
      await product.close();
      rmSync(folder, { recursive: true });
    });

    it('is heard before any answer, and to its end; then the caller is told 480 (RFC 3960 §2)', async () => {
      const bob = await product.phone('2001');
      const desk = await product.phone('1001');
      const caller = await bob.invite('100');
      await caller.received(183);
      await caller.media.rtp.until(() => caller.media.rtp.toneShare(700) > 0.9, 'the announcement');
      const final = await caller.received(480);
      assert.ok(final !== undefined);
      const seconds = caller.media.rtp.audio().length * 0.02;
      // Not cut short; how much of it a busy machine gets out in time is another matter.
      assert.ok(seconds > 1, `${seconds} s were heard`);
      assert.equal(desk.rung.length, 0);
      assert.equal(caller.count(200), 0);
    });
  });
