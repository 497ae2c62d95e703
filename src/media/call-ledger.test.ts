import assert from 'node:assert/strict';
import { CallLedger } from './call-ledger.ts';

describe('media / the calls that a thread has, for whoever outlives it', () => {
  it('what was noted and not taken out again is read from the same memory, once', () => {
    const writer = new CallLedger();
    const reader = new CallLedger(writer.shared);
    for (const call of ['one', 'zwei ß', '三', 'x'.repeat(255)]) writer.add(call);
    writer.delete('one');
    writer.delete('never there');
    assert.deepEqual(reader.take(), ['zwei ß', '三', 'x'.repeat(255)]);
    assert.deepEqual(reader.take(), []);
  });

  it('a place is used again; what has no place or is too long is left out', () => {
    const writer = new CallLedger();
    const reader = new CallLedger(writer.shared);
    const calls = Array.from({ length: 20_000 }, (_, i) => `call ${i}`);
    for (const call of calls) writer.add(call);
    writer.add('x'.repeat(256));
    writer.add('');
    for (const call of calls.slice(0, 16_384)) writer.delete(call);
    writer.add('latest');
    assert.deepEqual(reader.take(), ['latest']);
  });

  it('the memory is empty for the next writer', () => {
    const first = new CallLedger();
    first.add('lost');
    assert.deepEqual(first.take(), ['lost']);
    const second = new CallLedger(first.shared);
    second.add('new');
    assert.deepEqual(first.take(), ['new']);
  });
});
