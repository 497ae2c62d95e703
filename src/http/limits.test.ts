import assert from 'node:assert/strict';
import { systemRandom } from '../base/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { Failures, RequestRate } from './limits.ts';
import { Sessions } from './sessions.ts';

describe('limits of the API', () => {
  it('a source may ask so often, and says when to come again', () => {
    const clock = new VirtualClock();
    const rate = new RequestRate({ clock, perSecond: 0.5, burst: 2 });
    assert.deepEqual([rate.take('a'), rate.take('a'), rate.take('a'), rate.take('b')], [0, 0, 2, 0]);
    clock.advance(2000);
    assert.deepEqual([rate.take('a'), rate.take('a')], [0, 2]);
  });

  it('who asks on while refused is not punished for it', () => {
    const clock = new VirtualClock();
    const rate = new RequestRate({ clock, perSecond: 1, burst: 1 });
    rate.take('a');
    for (let i = 0; i < 100; i++) rate.take('a');
    clock.advance(1000);
    assert.equal(rate.take('a'), 0);
  });

  it('only so many sources are remembered, the latest', () => {
    const rate = new RequestRate({ clock: new VirtualClock(), perSecond: 1, burst: 1, most: 2 });
    for (const source of ['a', 'b', 'a', 'c']) rate.take(source);
    assert.ok(rate.take('a') > 0);
    assert.equal(rate.take('b'), 0);
  });

  it('failures count within their window, and a success wipes them out', () => {
    const clock = new VirtualClock();
    const failures = new Failures({ clock, limit: 2, windowMs: 10_000 });
    failures.failed('a');
    assert.equal(failures.wait('a'), 0);
    clock.advance(4000);
    failures.failed('a');
    assert.deepEqual([failures.wait('a'), failures.wait('b')], [6, 0]);
    clock.advance(6000);
    assert.equal(failures.wait('a'), 0);
    failures.failed('a');
    failures.succeeded('a');
    failures.failed('a');
    assert.equal(failures.wait('a'), 0);
  });

  it('sessions are bounded altogether, and forgotten when they are over', () => {
    const clock = new VirtualClock();
    const sessions = new Sessions({ clock, random: systemRandom, lifetimeMs: 1000, most: 2 });
    const [one, two, three] = ['u1', 'u2', 'u3'].map((user) => sessions.open(user).token);
    assert.equal(sessions.find(one ?? ''), undefined);
    assert.equal(sessions.find(two ?? '')?.userId, 'u2');
    clock.advance(1000);
    assert.equal(sessions.find(three ?? ''), undefined);
    assert.equal(sessions.size, 1);
  });
});
