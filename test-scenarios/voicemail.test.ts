import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goertzelPower, meanSquare, parseWav } from '../src/rtp/index.ts';
import { MemoryMailboxStore, type VoiceMessage } from '../src/stores/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { domain, Product, type ProductOptions } from './product.ts';
import { Program, until, user } from './program.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

const spoken = 700;
const beep = 1000;
/** The last note of the greeting. */
const greeting = 523;

/** In how many seconds of a mono file a tone is most of what there is. */
function secondsOf(file: string, hertz: number): { readonly tone: number; readonly all: number } {
  const wav = parseWav(readFileSync(file));
  assert.ok(typeof wav !== 'string', 'a WAV file');
  assert.deepEqual([wav.channels, wav.sampleRate], [1, 8000]);
  let tenths = 0;
  for (let from = 0; from + 800 <= wav.pcm.length; from += 800) {
    const power = meanSquare(wav.pcm, from, 800);
    if (power > 1000 && goertzelPower(wav.pcm, { from, count: 800 }, hertz, 8000) / power > 0.8) tenths += 1;
  }
  return { tone: tenths / 10, all: wav.pcm.length / 8000 };
}

for (const engine of ['embedded', 'rtpengine'] as const)
  describe(`S2-24 M-07 a mailbox, by packets (${engine})`, () => {
    let folder: string;
    let store: MemoryMailboxStore;
    let product: Product;
    before(function () {
      if (engine === 'embedded' || haveRtpengine) return;
      process.stderr.write('skipped: rtpengine is not installed\n');
      this.skip();
    });
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'mailbox-'));
      store = new MemoryMailboxStore();
      const media: ProductOptions = engine === 'rtpengine' ? { media: startRtpengine } : {};
      product = await Product.start({ ...media, mailboxes: { store, folder } });
      await product.always('100', { kind: 'mailbox', of: 'own' });
    });
    afterEach(async () => {
      await product.close();
      rmSync(folder, { recursive: true });
    });

    const ada = () => product.directory.user(domain, '100')?.id ?? '';
    /** The messages, once there is one and nothing is left to do with it. */
    async function message(): Promise<VoiceMessage> {
      for (let tries = 0; tries < 500; tries += 1) {
        const [found] = (await store.list({ userId: ada(), limit: 9 })).items;
        if (found !== undefined && readdirSync(folder).length === 1) return found;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`no message; there is ${readdirSync(folder).join(', ')}`);
    }
    const hears = ({ media: { rtp } }: PhoneCall, hertz: number, what: string) =>
      rtp.until(() => rtp.toneShare(hertz, 80) > 0.6, what, 10_000);
    /** Says something of that many packets after the beep. */
    async function speaks(caller: PhoneCall, packets: number): Promise<void> {
      const { rtp } = caller.media;
      rtp.tone = [spoken];
      await hears(caller, beep, 'the beep');
      const from = rtp.sent;
      await rtp.until(() => rtp.sent >= from + packets, 'what is said', 20_000);
    }

    it('greeting, beep, message; # ends it, and what was said is in the file', async () => {
      const bob = await product.phone('2001');
      const caller = await bob.invite('100');
      await caller.answered();
      await hears(caller, greeting, 'the greeting');
      await speaks(caller, 150);
      assert.equal((await caller.info('#')).status, 200);
      await caller.ended();
      const { id, from, name, seconds } = await message();
      assert.deepEqual([from, name], ['200', 'Bob']);
      const { tone, all } = secondsOf(join(folder, `${id}.wav`), spoken);
      // Three seconds, and what a busy machine takes to begin and to end.
      assert.ok(tone >= 2 && all - tone < 1.5, `${tone} of ${all} s`);
      assert.ok(Math.abs(all - seconds) < 0.01);
    });

    it('# skips the greeting; who hangs up has left a message all the same, in whatever codec', async () => {
      const bob = await product.phone('2001', { codecs: ['G722', 'telephone-event'] });
      const caller = await bob.invite('100');
      await caller.answered();
      await caller.media.rtp.hears(5);
      await caller.media.rtp.press('#');
      await speaks(caller, 100);
      // The greeting was not heard to its end.
      assert.ok(caller.media.rtp.audio().length < 73 + 8, `${caller.media.rtp.audio().length} packets`);
      await caller.hangup();
      const { id } = await message();
      const { tone } = secondsOf(join(folder, `${id}.wav`), spoken);
      assert.ok(tone >= 1.3, `${tone} s`);
    });
  });

describe('a mailbox of the whole program', function () {
  this.timeout(60_000);
  let program: Program;
  before(async () => {
    program = await Program.create({ users: [user('100', '1001'), user('200', '2001')] });
  });
  after(() => program.close());

  it('kill -9 in the middle of a message: what was said until then is in the mailbox, and is had by API', async () => {
    await program.start();
    const rules = { items: [{ name: 'Away', when: [], then: { kind: 'mailbox', of: 'own' } }] };
    assert.equal((await program.admin.put('/api/v1/users/100/rules', rules)).status, 200);
    const bob = await program.phone('2001', { rtp: true });
    const caller = await bob.invite('100');
    await caller.answered();
    const { rtp } = caller.media;
    rtp.tone = [spoken];
    const folder = join(program.data, 'mailboxes');
    const sizes = () =>
      readdirSync(folder, { withFileTypes: true })
        .filter(({ name }) => name.endsWith('.wav'))
        .map(({ name }) => readFileSync(join(folder, name)).length);
    await until('two seconds on disk', () => existsSync(folder) && (sizes()[0] ?? 0) > 2 * 16_000);
    await program.kill();
    rtp.stop();

    await program.start();
    const box = '/api/v1/mailboxes/100';
    await until('the message', async () => (await program.admin.get(box)).body['all'] === 1);
    const [message] = (await program.admin.get(`${box}/messages`)).body.items;
    assert.ok(message !== undefined && message['from'] === '200' && Number(message['seconds']) >= 2);
    const path = `${box}/messages/${String(message['id'])}`;
    const { token } = program.admin;
    const sound = await fetch(`${program.server}${path}/sound`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const file = join(program.folder, 'message.wav');
    writeFileSync(file, Buffer.from(await sound.arrayBuffer()));
    const { tone } = secondsOf(file, spoken);
    assert.ok(tone >= 1.5, `${tone} s`);
    assert.equal((await program.admin.delete(path)).status, 204);
    assert.deepEqual(readdirSync(folder), []);
  });
});
