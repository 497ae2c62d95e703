import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createFrameReader, FrameWriter, type FrameReader } from './frame.ts';

const wire = (texts: readonly string[]) => {
  const writer = new FrameWriter();
  for (const text of texts) writer.add(text);
  return Buffer.concat(writer.take());
};

const read = (reader: FrameReader, bytes: Buffer) => {
  const frames: string[] = [];
  const bad = reader.push(bytes, (frame) => frames.push(frame.toString()));
  return { frames, bad };
};

describe('frame', () => {
  it('counts the bytes of UTF-8, not the characters', () => {
    const writer = new FrameWriter();
    assert.ok(writer.isEmpty);
    writer.add('é');
    writer.add('a|b\r\n', Buffer.from('é'));
    assert.ok(!writer.isEmpty);
    assert.equal(Buffer.concat(writer.take()).toString(), '2#é7#a|b\r\né');
    assert.ok(writer.isEmpty);
  });

  it('keeps what was taken as it is, and has room for frames of any size', () => {
    const writer = new FrameWriter();
    const sizes = [10, 30_000, 30_000, 30_000, 200_000, 1];
    const text = (size: number, i: number) => String(i).repeat(size);
    const taken: Buffer[] = [];
    sizes.forEach((size, i) => {
      writer.add(text(size, i));
      if (i % 2 === 1) taken.push(...writer.take());
    });
    const { frames } = read(createFrameReader(1_000_000), Buffer.concat(taken));
    assert.deepEqual(frames, sizes.map(text));
  });

  it('reads back any frames from any cut of the stream', () => {
    const texts = fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), { maxLength: 8 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(1000), { maxLength: 12 }), (messages, cuts) => {
        const bytes = wire(messages);
        const reader = createFrameReader(65_536);
        const points = [
          0,
          ...cuts.map((c) => c % (bytes.length + 1)).toSorted((a, b) => a - b),
          bytes.length,
        ];
        const all: string[] = [];
        for (let i = 1; i < points.length; i++) {
          const { frames, bad } = read(reader, bytes.subarray(points[i - 1], points[i]));
          assert.equal(bad, undefined);
          all.push(...frames);
        }
        assert.deepEqual(
          all,
          messages.map((m) => Buffer.from(m).toString()),
        );
      }),
    );
  });

  it('reads byte by byte, and a frame far larger than a socket read', () => {
    const large = 'x'.repeat(300_000);
    const reader = createFrameReader(1_000_000);
    const all: string[] = [];
    for (const byte of wire(['one', 'two'])) all.push(...read(reader, Buffer.of(byte)).frames);
    const bytes = wire([large, 'three']);
    for (let at = 0; at < bytes.length; at += 8192)
      all.push(...read(reader, bytes.subarray(at, at + 8192)).frames);
    assert.deepEqual(all, ['one', 'two', large, 'three']);
  });

  for (const [what, bytes] of [
    ['no number', 'x#abc'],
    ['no digits', '#abc'],
    ['zero', '0#'],
    ['negative', '-3#abc'],
    ['beyond the limit', '101#'],
    ['a length field without end', '0000000001'],
  ] as const)
    it(`gives up on ${what}, after the frames before it`, () => {
      const reader = createFrameReader(100);
      const { frames, bad } = read(reader, Buffer.from(`2#ok${bytes}`));
      assert.deepEqual(frames, ['ok']);
      assert.ok(bad);
      assert.ok(read(reader, Buffer.from('2#ok')).bad, 'and stays so');
    });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
        const reader = createFrameReader(1000);
        for (const chunk of chunks) read(reader, Buffer.from(chunk));
      }),
    );
  });
});
