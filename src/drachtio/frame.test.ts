import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createFrameReader, printFrame, type FrameReader } from './frame.ts';

const wire = (texts: readonly string[]) => Buffer.concat(texts.map((text) => Buffer.from(printFrame(text))));

const read = (reader: FrameReader, bytes: Buffer) => {
  const frames: string[] = [];
  const bad = reader.push(bytes, (frame) => frames.push(frame.toString()));
  return { frames, bad };
};

describe('frame', () => {
  it('counts the bytes of UTF-8, not the characters', () => {
    assert.equal(printFrame('é'), '2#é');
    assert.equal(printFrame('a|b\r\n', Buffer.from('é')).toString(), '7#a|b\r\né');
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
