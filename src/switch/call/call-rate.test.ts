import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { CallRate } from './call-rate.ts';

describe('call rate', () => {
  it('admits a burst, then so many a second, each source for itself', () => {
    const clock = new VirtualClock();
    const rate = new CallRate({ clock, perSecond: 2, burst: 3 });
    assert.deepEqual(
      [1, 2, 3, 4].map(() => rate.admit('a')),
      [true, true, true, false],
    );
    assert.ok(rate.admit('b'));
    clock.advance(500);
    assert.ok(rate.admit('a'));
    assert.ok(!rate.admit('a'));
  });

  it('remembers only so many sources', () => {
    const clock = new VirtualClock();
    const rate = new CallRate({ clock, perSecond: 0, burst: 1, maxSources: 2 });
    for (const source of ['a', 'b', 'c']) assert.ok(rate.admit(source));
    assert.ok(!rate.admit('c'));
    assert.ok(rate.admit('a'));
  });
});
