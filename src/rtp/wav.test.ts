import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { g711Encode, parseWav, printWav, WavWriter, wavHeader, wavMono, type WavSound } from './index.ts';

const sound = (bytes: Uint8Array): WavSound => {
  const parsed = parseWav(bytes);
  assert.ok(typeof parsed !== 'string', JSON.stringify(parsed));
  return parsed;
};
const left = ({ pcm }: WavSound) => [...pcm].filter((_, i) => i % 2 === 0);
const right = ({ pcm }: WavSound) => [...pcm].filter((_, i) => i % 2 === 1);

describe('WAV', () => {
  it('prints what it parses', () => {
    const pcm = Int16Array.from([0, 1, -1, 32_767, -32_768, 5]);
    assert.deepEqual(sound(printWav({ sampleRate: 16_000, channels: 2, pcm })), {
      sampleRate: 16_000,
      channels: 2,
      pcm,
    });
  });

  for (const [law, format] of [
    ['alaw', 6],
    ['ulaw', 7],
  ] as const)
    it(`reads ${law}`, () => {
      const data = Buffer.alloc(100);
      g711Encode(
        law,
        Int16Array.from({ length: 100 }, (_, i) => i * 300 - 15_000),
        data,
      );
      const header = wavHeader(8000, 1, 100);
      header.writeUInt16LE(format, 20);
      header.writeUInt16LE(8, 34);
      const { pcm } = sound(Buffer.concat([header, data]));
      assert.ok(Math.abs(pcm[0]! + 15_000) < 600 && Math.abs(pcm[99]! - 14_700) < 600);
    });

  it('reads extensible files, 8 bits, odd chunks before the samples, and from an odd offset', () => {
    const format = Buffer.alloc(8 + 40);
    format.write('fmt ', 0, 'latin1');
    format.writeUInt32LE(40, 4);
    format.writeUInt16LE(0xfffe, 8);
    format.writeUInt16LE(1, 10);
    format.writeUInt32LE(8000, 12);
    format.writeUInt16LE(8, 22);
    format.writeUInt16LE(1, 32);
    const list = Buffer.from('LIST\x03\x00\x00\x00abc\x00', 'latin1');
    const data = Buffer.from('data\x02\x00\x00\x00\x00\xff', 'latin1');
    const file = Buffer.concat([Buffer.from('xRIFF\0\0\0\0WAVE', 'latin1'), list, format, list, data]);
    assert.deepEqual([...sound(file.subarray(1)).pcm], [-32_768, 32_512]);
  });

  it('reads a file that was cut short', () => {
    const file = printWav({ sampleRate: 8000, channels: 2, pcm: new Int16Array(100) });
    assert.equal(sound(file.subarray(0, -30)).pcm.length, 84);
  });

  it('takes the mean of the channels', () => {
    const pcm = Int16Array.from([10, 20, -5, 5]);
    assert.deepEqual([...wavMono({ sampleRate: 8000, channels: 2, pcm })], [15, 0]);
  });

  it('says why a file cannot be read', () => {
    const broken = (offset: number, value: number) => {
      const file = wavHeader(8000, 1, 0);
      file.writeUInt16LE(value, offset);
      return parseWav(file);
    };
    assert.equal(parseWav(Buffer.alloc(60)), 'not a WAV file');
    assert.equal(parseWav(wavHeader(8000, 1, 0).subarray(0, 36)), 'no samples');
    assert.equal(broken(20, 85), 'format 85 with 16 bits');
    assert.equal(broken(22, 0), '0 channels');
    assert.equal(broken(24, 1), '1 samples a second');
    assert.equal(broken(12, 0), 'samples before their format');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, likely) => {
        parseWav(
          likely
            ? Buffer.concat([wavHeader(8000, 1, 500).subarray(0, 12 + ((bytes[0] ?? 0) % 33)), bytes])
            : bytes,
        );
      }),
      { numRuns: 3000 },
    );
  });
});

describe('WavWriter', () => {
  let folder = '';
  const errors: Error[] = [];
  const options = {
    sampleRate: 8000,
    channels: 2 as const,
    onError: (error: Error) => void errors.push(error),
  };
  const frame = (value: number, count = 160) => new Int16Array(count).fill(value);
  beforeEach(() => {
    errors.length = 0;
    folder = mkdtempSync(join(tmpdir(), 'wav-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('puts both sides where they belong in time', async () => {
    const path = join(folder, 'a.wav');
    const writer = await WavWriter.create(path, options);
    for (let i = 0; i < 200; i += 1) {
      if (i !== 50) writer.put(0, frame(i), i * 160);
      if (i >= 100) writer.put(1, frame(1000 + i), i * 160 + 80);
      writer.advance(i * 160 - 1600);
    }
    await writer.close(200 * 160);
    const heard = sound(readFileSync(path));
    assert.deepEqual(errors, []);
    assert.equal(left(heard).length, 200 * 160);
    for (const i of [0, 49, 51, 123, 199]) assert.equal(left(heard)[i * 160 + 80], i);
    assert.equal(left(heard)[50 * 160 + 80], 0);
    assert.equal(right(heard)[100 * 160 + 79], 0);
    assert.equal(right(heard)[100 * 160 + 80], 1100);
    assert.equal(right(heard)[199 * 160 + 159], 1199);
  });

  it('has one channel where there is one side', async () => {
    const path = join(folder, 'mono.wav');
    const writer = await WavWriter.create(path, { ...options, channels: 1 });
    for (let i = 0; i < 150; i += 1) {
      writer.put(0, frame(i), i * 160);
      writer.advance(i * 160);
    }
    await writer.close(151 * 160);
    const { channels, pcm } = sound(readFileSync(path));
    assert.deepEqual([channels, pcm.length], [1, 151 * 160]);
    assert.deepEqual([pcm[0], pcm[159], pcm[160], pcm[149 * 160 + 7], pcm[150 * 160]], [0, 0, 1, 149, 0]);
  });

  it('is a file that plays while it is written, as after a crash', async () => {
    const path = join(folder, 'b.wav');
    const writer = await WavWriter.create(path, options);
    for (let i = 0; i < 150; i += 1) {
      writer.put(0, frame(7), i * 160);
      writer.advance(i * 160);
    }
    let now: WavSound | string = 'nothing';
    while (typeof now === 'string' || now.pcm.length < 10_000) {
      await new Promise((resolve) => setImmediate(resolve));
      now = parseWav(readFileSync(path));
    }
    assert.equal(left(now)[4000], 7);
    const data = readFileSync(path);
    assert.ok(data.readUInt32LE(40) >= 8000 * 4, 'the header holds the length so far');
    await writer.close();
  });

  it('puts in place what comes late or early, mixes, clips, and drops what is too late', async () => {
    const path = join(folder, 'c.wav');
    const writer = await WavWriter.create(path, options);
    writer.put(0, frame(3), 160);
    writer.put(0, frame(2), 0);
    writer.put(1, frame(30_000), 0);
    writer.put(1, frame(30_000), 0);
    writer.put(0, frame(9), 8000 * 3);
    writer.put(0, frame(100), 0);
    await writer.close(8000 * 3 + 160);
    const heard = sound(readFileSync(path));
    assert.deepEqual([left(heard)[10], left(heard)[170], left(heard)[24_100]], [2, 3, 9]);
    assert.equal(right(heard)[10], 32_767);
  });

  it('tells once that the disk is full, and goes on', async () => {
    const writer = WavWriter.over(
      { write: () => Promise.reject(new Error('ENOSPC')), close: () => Promise.resolve() },
      options,
    );
    for (let i = 0; i < 300; i += 1) {
      writer.put(0, frame(1), i * 160);
      writer.advance(i * 160);
    }
    await writer.close();
    assert.deepEqual(
      errors.map((e) => e.message),
      ['ENOSPC'],
    );
  });

  it('drops what a stalled disk does not take, rather than grow', async () => {
    let release: () => void = () => undefined;
    const stall = new Promise<void>((resolve) => (release = resolve));
    const writer = WavWriter.over({ write: () => stall, close: () => Promise.resolve() }, options);
    for (let i = 0; i < 6000; i += 1) writer.advance(i * 160);
    assert.ok(writer.dropped > 0);
    release();
    await writer.close();
  });

  it('is read by sox', async function () {
    try {
      execFileSync('soxi', ['-h'], { stdio: 'ignore' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.skip();
    }
    const path = join(folder, 'd.wav');
    const writer = await WavWriter.create(path, options);
    writer.put(0, frame(1, 8000), 0);
    await writer.close(8000);
    assert.equal(execFileSync('soxi', ['-D', path], { encoding: 'utf8' }).trim(), '1.000000');
    assert.equal(execFileSync('soxi', ['-c', path], { encoding: 'utf8' }).trim(), '2');
  });
});
