import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  answeredElsewhere,
  better,
  startFork,
  stepFork,
  type Fork,
  type ForkEffect,
  type ForkEvent,
} from './fork.ts';
import type { InviteFailure } from './signaling.ts';

const failure = (status: number): InviteFailure => ({ status, reason: '', contacts: [] });

function run(events: readonly ForkEvent[], fork: Fork = startFork()): { fork: Fork; effects: ForkEffect[] } {
  const effects: ForkEffect[] = [];
  let at = fork;
  for (const event of events) {
    const [next, more] = stepFork(at, event);
    at = next;
    effects.push(...more);
  }
  return { fork: at, effects };
}

const join = (...branches: string[]): ForkEvent[] => branches.map((branch) => ({ kind: 'join', branch }));
const answered = (branch: string): ForkEvent => ({ kind: 'answered', branch });
const failed = (branch: string, status: number): ForkEvent => ({
  kind: 'failed',
  branch,
  failure: failure(status),
});
const rings = (branch: string, status = 180, sdp = false): ForkEvent => ({
  kind: 'provisional',
  branch,
  status,
  sdp,
});
const stop: ForkEvent = { kind: 'stop', reason: { cause: 487, text: 'gone' }, failure: failure(487) };

describe('fork', () => {
  it('S0-06 S0-36 ringing -> join -> ringing (invite each at once)', () => {
    assert.deepEqual(run(join('a', 'b', 'c')).effects, [
      { do: 'invite', branch: 'a' },
      { do: 'invite', branch: 'b' },
      { do: 'invite', branch: 'c' },
    ]);
  });

  it('ringing -> answered -> won (win, cancel the rest as completed elsewhere, RFC 3326)', () => {
    const { fork, effects } = run([...join('a', 'b'), answered('b')]);
    assert.equal(fork.phase, 'won');
    assert.deepEqual(effects.slice(2), [
      { do: 'win', branch: 'b' },
      { do: 'cancel', branch: 'a', reason: answeredElsewhere },
    ]);
  });

  it('won -> answered -> won (release the 200 that crossed the CANCEL)', () => {
    const { effects } = run([...join('a', 'b'), answered('b'), answered('a')]);
    assert.deepEqual(effects.at(-1), { do: 'release', branch: 'a', reason: answeredElsewhere });
  });

  it('won -> failed -> won (the 487 of a cancelled branch is of no consequence)', () => {
    const { fork, effects } = run([...join('a', 'b'), answered('b'), failed('a', 487)]);
    assert.equal(fork.phase, 'won');
    assert.equal(effects.length, 4);
  });

  it('ringing -> provisional -> ringing (one 180 for the caller, whoever rings; 100 is nothing)', () => {
    const { effects } = run([...join('a', 'b'), rings('a', 100), rings('a'), rings('b')]);
    assert.deepEqual(effects.slice(2), [{ do: 'announce' }]);
  });

  it('passes early media of a lone branch, and of no other', () => {
    assert.deepEqual(run([...join('a'), rings('a', 183, true), rings('a', 183, true)]).effects.slice(1), [
      { do: 'early-media', branch: 'a' },
    ]);
    assert.deepEqual(run([...join('a', 'b'), rings('a', 183, true)]).effects.slice(2), []);
  });

  it('a device that registers while it rings joins in; after the end it does not', () => {
    assert.deepEqual(run([...join('a'), rings('a'), ...join('late')]).effects.at(-1), {
      do: 'invite',
      branch: 'late',
    });
    assert.equal(run([...join('a'), answered('a'), ...join('late')]).effects.length, 2);
  });

  it('ringing -> failed -> lost when nobody is left, with the best response (RFC 3261 §16.7)', () => {
    const { fork, effects } = run([
      ...join('a', 'b', 'c'),
      failed('a', 408),
      failed('b', 486),
      failed('c', 500),
    ]);
    assert.equal(fork.phase, 'lost');
    assert.deepEqual(effects.at(-1), { do: 'lose', failure: failure(486) });
  });

  it('one 603 speaks for all devices of a person, not for the members of a group', () => {
    const person = run([...join('a', 'b'), failed('a', 603)]);
    assert.deepEqual(
      person.effects.slice(2).map((e) => e.do),
      ['cancel', 'lose'],
    );
    const group = run([...join('a', 'b'), failed('a', 603)], startFork(false));
    assert.equal(group.fork.phase, 'ringing');
  });

  it('ringing -> stop -> lost (cancel all); a crossing answer is released', () => {
    const { effects } = run([...join('a', 'b'), stop, answered('a')]);
    assert.deepEqual(
      effects.slice(2).map((e) => e.do),
      ['cancel', 'cancel', 'lose', 'release'],
    );
  });

  it('prefers 6xx, then what tells how to try again, then 4xx, 5xx, 3xx (RFC 3261 §16.7 step 6)', () => {
    const best = (...statuses: number[]) => statuses.map(failure).reduce((a, b) => better(a, b)).status;
    assert.equal(best(480, 603, 486), 603);
    assert.equal(best(404, 486, 503), 486);
    assert.equal(best(503, 404), 404);
    assert.equal(best(302, 503), 503);
    assert.equal(best(401, 503), 503);
    assert.equal(best(408, 480), 480);
  });

  describe('who has to confirm (S2-27, S2-28)', () => {
    const asked = (branch: string): ForkEvent => ({ kind: 'answered', branch, confirm: true });
    const says = (branch: string, yes: boolean): ForkEvent => ({ kind: 'confirmed', branch, yes });
    const over: ForkEvent = {
      kind: 'time-up',
      reason: { cause: 408, text: 'No answer' },
      failure: failure(480),
    };

    it('ringing -> answered -> ringing (ask; the others ring on)', () => {
      const { fork, effects } = run([...join('a', 'b'), asked('a')]);
      assert.equal(fork.phase, 'ringing');
      assert.deepEqual(effects.slice(2), [{ do: 'ask', branch: 'a' }]);
    });

    it('confirming -> confirmed -> won (cancel the rest)', () => {
      const { fork, effects } = run([...join('a', 'b'), asked('a'), says('a', true)]);
      assert.equal(fork.phase, 'won');
      assert.deepEqual(effects.slice(3), [
        { do: 'win', branch: 'a' },
        { do: 'cancel', branch: 'b', reason: answeredElsewhere },
      ]);
    });

    it('confirming -> not confirmed -> released, and lost when nobody is left', () => {
      const one = run([...join('a', 'b'), asked('a'), says('a', false)]);
      assert.equal(one.fork.phase, 'ringing');
      assert.equal(one.effects.at(-1)?.do, 'release');
      const last = run([...join('a'), asked('a'), says('a', false)]);
      assert.deepEqual(
        last.effects.slice(2).map((e) => e.do),
        ['release', 'lose'],
      );
    });

    it('somebody else answers meanwhile: who was asked gets a BYE, and a yes comes too late', () => {
      const { effects } = run([...join('a', 'b'), asked('a'), answered('b'), says('a', true)]);
      assert.deepEqual(effects.slice(3), [
        { do: 'win', branch: 'b' },
        { do: 'release', branch: 'a', reason: answeredElsewhere },
      ]);
    });

    it('it hangs up while it is asked: failed, like a phone that declines', () => {
      const { fork } = run([...join('a'), asked('a'), failed('a', 480)]);
      assert.equal(fork.phase, 'lost');
    });

    it('time is up while somebody is asked: the rest is cancelled, the answer is waited for, nobody joins', () => {
      const { fork, effects } = run([...join('a', 'b'), asked('a'), over, ...join('late')]);
      assert.equal(fork.phase, 'ringing');
      assert.deepEqual(
        effects.slice(3).map((e) => e.do),
        ['cancel'],
      );
      assert.equal(run([says('a', true)], fork).fork.phase, 'won');
      assert.equal(run([says('a', false)], fork).fork.phase, 'lost');
    });

    it('time is up and nobody is asked: lost', () => {
      const { effects } = run([...join('a'), over]);
      assert.deepEqual(
        effects.slice(1).map((e) => e.do),
        ['cancel', 'lose'],
      );
    });
  });

  it('one branch has rung for its own time: cancelled, the others go on', () => {
    const giveUp = (branch: string): ForkEvent => ({
      kind: 'give-up',
      branch,
      reason: { cause: 408, text: 'No answer' },
    });
    const { fork, effects } = run([...join('a', 'b'), giveUp('a')]);
    assert.equal(fork.phase, 'ringing');
    assert.equal(effects.at(-1)?.do, 'cancel');
    assert.equal(run([giveUp('b')], fork).fork.phase, 'lost');
  });

  it('nobody is left and somebody is expected: it goes on until that one has failed as well', () => {
    const expect = (count: number): ForkEvent => ({ kind: 'expect', count });
    const { fork } = run([expect(1), ...join('a'), failed('a', 486)]);
    assert.equal(fork.phase, 'ringing');
    assert.equal(run([expect(-1)], fork).fork.phase, 'lost');
    const came = run([...join('b'), expect(-1)], fork).fork;
    assert.equal(came.phase, 'ringing');
    assert.deepEqual(run([failed('b', 480)], came).effects.at(-1), { do: 'lose', failure: failure(486) });
  });

  it('S2-29 where no sound may be heard before the answer, a 183 with some is a 180', () => {
    const { effects } = run([...join('a'), rings('a', 183, true)], startFork(true, false));
    assert.deepEqual(effects.slice(1), [{ do: 'announce' }]);
  });

  it('whatever happens: one outcome, at most one winner, every other answer released', () => {
    const branch = fc.constantFrom('a', 'b', 'c', 'd');
    const event: fc.Arbitrary<ForkEvent> = fc.oneof(
      branch.map((b): ForkEvent => ({ kind: 'join', branch: b })),
      fc.tuple(branch, fc.constantFrom(100, 180, 183), fc.boolean()).map(([b, s, sdp]) => rings(b, s, sdp)),
      branch.map(answered),
      branch.map((b): ForkEvent => ({ kind: 'answered', branch: b, confirm: true })),
      fc.tuple(branch, fc.boolean()).map(([b, yes]): ForkEvent => ({ kind: 'confirmed', branch: b, yes })),
      branch.map((b): ForkEvent => ({ kind: 'give-up', branch: b, reason: answeredElsewhere })),
      fc.constantFrom(1, -1).map((count): ForkEvent => ({ kind: 'expect', count })),
      fc.constant<ForkEvent>({ kind: 'time-up', reason: answeredElsewhere, failure: failure(480) }),
      fc.tuple(branch, fc.constantFrom(302, 404, 408, 486, 487, 503, 603)).map(([b, s]) => failed(b, s)),
      fc.constant(stop),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const { fork, effects } = run(events);
        const outcomes = effects.filter((e) => e.do === 'win' || e.do === 'lose');
        assert.ok(outcomes.length <= 1);
        assert.equal(outcomes.length === 1, fork.phase !== 'ringing');
        const winners = effects.flatMap((e) => (e.do === 'win' ? [e.branch] : []));
        for (const e of effects) {
          if (e.do === 'release' || e.do === 'cancel') assert.ok(!winners.includes(e.branch));
        }
        if (fork.phase !== 'ringing')
          for (const [, state] of fork.branches)
            assert.ok(state !== 'calling' && state !== 'ringing' && state !== 'confirming');
      }),
    );
  });
});
