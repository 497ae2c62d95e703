import assert from 'node:assert/strict';
import { systemRandom } from '../base/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { Failures } from './limits.ts';
import { Sessions } from './sessions.ts';

describe('limits of the API', () => {
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
