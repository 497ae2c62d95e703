import assert from 'node:assert/strict';
import { VirtualClock } from './virtual-clock.ts';

describe('VirtualClock', () => {
  it('fires in order of due time, then of creation, timers of timers included', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.after(20, () => seen.push('c'));
    clock.after(10, () => {
      seen.push('a');
      clock.after(5, () => seen.push('b'));
    });
    clock.after(20, () => seen.push('d'));
    clock.advance(20);
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
    assert.equal(clock.now(), 20);
    assert.equal(clock.pending, 0);
  });

  it('never fires a cancelled timer', () => {
    const clock = new VirtualClock();
    const timer = clock.after(10, () => assert.fail('fired'));
    timer.cancel();
    timer.cancel();
    clock.advance(100);
  });
});
