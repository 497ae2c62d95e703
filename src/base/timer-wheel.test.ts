import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { VirtualClock } from '../testing/index.ts';
import { TimerWheel } from './timer-wheel.ts';

describe('TimerWheel', () => {
  it('fires no sooner than asked and at most one tick later, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 64 }),
        (delays, slots) => {
          const clock = new VirtualClock();
          clock.advance(3);
          const wheel = new TimerWheel(clock, { tick: 10, slots });
          const start = clock.now();
          const late: number[] = [];
          for (const delay of delays) wheel.after(delay, () => late.push(clock.now() - start - delay));
          clock.advance(200_100);
          assert.equal(late.length, delays.length);
          for (const ms of late) assert.ok(ms >= 0 && ms <= 20, `${ms} ms late`);
          assert.equal(wheel.pending, 0);
          assert.equal(clock.pending, 0);
        },
      ),
    );
  });

  it('never fires a cancelled timer, not even one cancelled by a timer of the same slot', () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    const seen: string[] = [];
    wheel.after(20, () => {
      seen.push('a');
      b.cancel();
      c.cancel();
    });
    const b = wheel.after(20, () => seen.push('b'));
    const c = wheel.after(20, () => seen.push('c'));
    wheel.after(20, () => seen.push('d'));
    clock.advance(100);
    assert.deepEqual(seen, ['a', 'd']);
    assert.equal(clock.pending, 0);
  });

  it('rests when its last timer is cancelled, and starts again', () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    const timer = wheel.after(50, () => assert.fail('fired'));
    timer.cancel();
    timer.cancel();
    assert.equal(clock.pending, 0);
    clock.advance(60_000);
    let fired = false;
    wheel.after(50, () => (fired = true));
    clock.advance(60);
    assert.ok(fired);
  });

  it('lets a timer re-arm itself at once without holding up the turn', () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    let turns = 0;
    const again = (): void => {
      turns++;
      wheel.after(0, again);
    };
    wheel.after(0, again);
    clock.advance(100);
    assert.ok(turns >= 5 && turns <= 12, String(turns));
  });

  it('goes on after an action that threw', () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    let fired = false;
    wheel.after(10, () => {
      throw new Error('one bad timer');
    });
    wheel.after(10, () => (fired = true));
    assert.throws(() => clock.advance(10));
    clock.advance(50);
    assert.ok(fired);
  });
});
