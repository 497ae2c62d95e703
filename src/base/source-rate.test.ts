import assert from 'node:assert/strict';
import { VirtualClock } from '../testing/index.ts';
import { SourceRate } from './source-rate.ts';

describe('rate by source', () => {
  it('admits a burst, then so many a second, each source for itself', () => {
    const clock = new VirtualClock();
    const rate = new SourceRate({ clock, perSecond: 2, burst: 3 });
    assert.deepEqual(
      [1, 2, 3, 4].map(() => rate.take('a') === 0),
      [true, true, true, false],
    );
    assert.equal(rate.take('b'), 0);
    clock.advance(500);
    assert.equal(rate.take('a'), 0);
    assert.ok(rate.take('a') > 0);
  });

  it('remembers only so many sources', () => {
    const clock = new VirtualClock();
    const rate = new SourceRate({ clock, perSecond: 0, burst: 1, most: 2 });
    for (const source of ['a', 'b', 'c']) assert.equal(rate.take(source), 0);
    assert.ok(rate.take('c') > 0);
    assert.equal(rate.take('a'), 0);
  });

  it('a source may ask so often, and says when to come again', () => {
    const clock = new VirtualClock();
    const rate = new SourceRate({ clock, perSecond: 0.5, burst: 2 });
    assert.deepEqual([rate.take('a'), rate.take('a'), rate.take('a'), rate.take('b')], [0, 0, 2, 0]);
    clock.advance(2000);
    assert.deepEqual([rate.take('a'), rate.take('a')], [0, 2]);
  });

  it('who asks on while refused is not punished for it', () => {
    const clock = new VirtualClock();
    const rate = new SourceRate({ clock, perSecond: 1, burst: 1 });
    rate.take('a');
    for (let i = 0; i < 100; i++) rate.take('a');
    clock.advance(1000);
    assert.equal(rate.take('a'), 0);
  });

  it('only so many sources are remembered, the latest', () => {
    const rate = new SourceRate({ clock: new VirtualClock(), perSecond: 1, burst: 1, most: 2 });
    for (const source of ['a', 'b', 'a', 'c']) rate.take(source);
    assert.ok(rate.take('a') > 0);
    assert.equal(rate.take('b'), 0);
  });
});
