import assert from 'node:assert/strict';
import { chooseCall, type Candidate } from './choose-call.ts';

const candidate = (what: string, state: Candidate<string>['state'], startedAt: number) => ({
  what,
  state,
  startedAt,
});

describe('which call *33 takes (X6)', () => {
  it('S0-15 answered before ringing, talking before held, newest first', () => {
    const all = [
      candidate('ringing, newest', 'ringing', 9),
      candidate('held', 'held', 8),
      candidate('talking, old', 'talking', 1),
      candidate('talking, new', 'talking', 2),
    ];
    const taken: (string | undefined)[] = [];
    for (let left = all; left.length > 0;) {
      const next = chooseCall(left);
      taken.push(next);
      left = left.filter((c) => c.what !== next);
    }
    assert.deepEqual(taken, ['talking, new', 'talking, old', 'held', 'ringing, newest']);
  });

  it('nothing to take', () => assert.equal(chooseCall([]), undefined));
});
