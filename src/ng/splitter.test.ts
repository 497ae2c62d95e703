import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { printNgMessage } from './index.ts';
import { NgSplitter } from './splitter.ts';

const text = (messages: readonly Buffer[]) => messages.map((message) => message.toString('latin1'));

describe('ng: messages back to back in a stream', () => {
  const body = { command: 'offer', sdp: 'v=0\r\n{"e"}', list: ['d', '', 'i7e'], deep: { n: -12, empty: {} } };
  const messages = [
    printNgMessage('one', 'bencode', body),
    printNgMessage('two', 'json', { ...body, quoted: '"}\\{' }),
    printNgMessage('three', 'bencode', {}),
    printNgMessage('four', 'json', {}),
  ];
  const whole = Buffer.concat(messages);

  it('takes several out of one piece', () => {
    const splitter = new NgSplitter();
    assert.deepEqual(text(splitter.split(whole)), text(messages));
    assert.ok(!splitter.broken);
  });

  it('takes each out of pieces of any size, octet by octet too', () => {
    const octets = new NgSplitter();
    const found = [...whole].flatMap((octet) => octets.split(Buffer.from([octet])));
    assert.deepEqual(text(found), text(messages));
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
        const splitter = new NgSplitter();
        const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = places.slice(1).map((end, i) => whole.subarray(places[i], end));
        assert.deepEqual(text(pieces.flatMap((piece) => splitter.split(piece))), text(messages));
      }),
    );
  });

  for (const [what, octets] of Object.entries({
    'no dictionary': 'cookie xyz',
    'no cookie': ' de',
    'a cookie without an end': 'c'.repeat(300),
    'a string of no length': 'c d:e',
    'a number that is none': 'c d1:aixee',
    'a string longer than any message': 'c d99999999:',
  }))
    it(`gives a stream up that has ${what}`, () => {
      const splitter = new NgSplitter();
      assert.deepEqual(splitter.split(Buffer.from(octets)), []);
      assert.ok(splitter.broken);
      assert.deepEqual(splitter.split(whole), []);
    });

  it('never throws, and holds no more than a message may have', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (pieces) => {
        const splitter = new NgSplitter();
        splitter.split(Buffer.from('c d'));
        for (const piece of pieces) splitter.split(Buffer.from(piece));
      }),
    );
    const splitter = new NgSplitter();
    splitter.split(Buffer.from('c {"'));
    for (let n = 0; n < 6 && !splitter.broken; n += 1) splitter.split(Buffer.alloc(1024 * 1024, 0x61));
    assert.ok(splitter.broken);
  });
});
