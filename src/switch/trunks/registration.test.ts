import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  startRegistration,
  stepRegistration,
  type Registration,
  type RegistrationAnswer,
  type RegistrationEffect,
  type RegistrationEvent,
} from './registration.ts';

const answered = (status: number, more: Partial<RegistrationAnswer> = {}, unit = 0.5): RegistrationEvent => ({
  kind: 'answered',
  answer: { status, reason: 'x', ...more },
  unit,
});
const ok = answered(200, { expires: 600 });

/** Runs events one after the other; yields the phase and the effects of the last. */
function after(events: readonly RegistrationEvent[], gateways = 1) {
  let machine: Registration = startRegistration(600, gateways);
  let effects: readonly RegistrationEffect[] = [];
  for (const event of events) [machine, effects] = stepRegistration(machine, event);
  return { phase: machine.phase, effects, machine };
}
const waits = (effects: readonly RegistrationEffect[]) =>
  effects.flatMap((effect) => (effect.do === 'wait' ? [effect.ms / 1000] : []));

describe('registration at a carrier (RFC 3261 §10.2)', () => {
  const start = { kind: 'start' } as const;
  const due = { kind: 'due' } as const;
  const stop = { kind: 'stop' } as const;

  it('idle -> start -> asking (register)', () => {
    assert.deepEqual(after([start]).effects, [{ do: 'register', seconds: 600, gateway: 0 }]);
  });

  it('asking -> 200 -> registered (refresh between half and three quarters of what was granted)', () => {
    for (const [unit, seconds] of [
      [0, 60],
      [1, 90],
    ] as const) {
      const { phase, effects } = after([start, answered(200, { expires: 120 }, unit)]);
      assert.equal(phase, 'registered');
      assert.deepEqual(effects, [
        { do: 'registered', seconds: 120 },
        { do: 'wait', ms: seconds * 1000 },
      ]);
    }
  });

  it('registered -> due -> asking (register)', () => {
    const { phase, effects } = after([start, ok, due]);
    assert.equal(phase, 'asking');
    assert.deepEqual(effects, [{ do: 'register', seconds: 600, gateway: 0 }]);
  });

  it('asking -> 423 -> asking with Min-Expires, which is kept; but not for ever (§10.2.8)', () => {
    const longer = answered(423, { minExpires: 1800 });
    assert.deepEqual(after([start, longer]).effects, [{ do: 'register', seconds: 1800, gateway: 0 }]);
    assert.deepEqual(after([start, longer, answered(200), due]).effects, [
      { do: 'register', seconds: 1800, gateway: 0 },
    ]);
    assert.equal(after([start, longer, longer]).phase, 'waiting');
    assert.equal(after([start, answered(423, { minExpires: 1_000_000 })]).phase, 'waiting');
  });

  it('asking -> 503 -> waiting, longer each time, up to half an hour (RFC 5626 §4.5)', () => {
    const seen: number[] = [];
    const events: RegistrationEvent[] = [start];
    for (let i = 0; i < 10; i++) {
      events.push(answered(503, {}, 1));
      seen.push(...waits(after(events).effects));
      events.push(due);
    }
    assert.deepEqual(seen, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]);
    assert.deepEqual(
      waits(after([start, answered(503, {}, 0)]).effects),
      [15],
      'the dice take up to half off',
    );
  });

  it('a success forgets the failures', () => {
    const { effects } = after([start, answered(503), due, answered(503), due, ok, due, answered(503, {}, 1)]);
    assert.deepEqual(waits(effects), [30]);
  });

  it('what is refused is not asked again soon: 401 and 403 five minutes, then longer', () => {
    assert.deepEqual(waits(after([start, answered(403, {}, 1)]).effects), [300]);
    assert.deepEqual(waits(after([start, answered(401, {}, 1), due, answered(401, {}, 1)]).effects), [600]);
  });

  it('Retry-After counts, with a little more and no more than an hour', () => {
    assert.deepEqual(waits(after([start, answered(503, { retryAfter: 100 }, 0)]).effects), [100]);
    assert.deepEqual(waits(after([start, answered(503, { retryAfter: 100 }, 1)]).effects), [110]);
    assert.deepEqual(waits(after([start, answered(503, { retryAfter: 999_999 }, 0)]).effects), [3600]);
  });

  it('the next gateway is asked at once, and the pause is after all of them', () => {
    const first = after([start, answered(408)], 2);
    assert.deepEqual(waits(first.effects), [1]);
    const second = after([start, answered(408), due], 2);
    assert.deepEqual(second.effects, [{ do: 'register', seconds: 600, gateway: 1 }]);
    assert.deepEqual(waits(after([start, answered(408), due, answered(408, {}, 1)], 2).effects), [30]);
  });

  it('registered -> stop -> leaving (register 0) -> any answer -> gone', () => {
    const { phase, effects } = after([start, ok, stop]);
    assert.equal(phase, 'leaving');
    assert.deepEqual(effects, [{ do: 'register', seconds: 0, gateway: 0 }]);
    for (const status of [200, 408, 503])
      assert.deepEqual(after([start, ok, stop, answered(status)]).effects, [{ do: 'gone' }]);
  });

  it('asking -> stop -> ending; leaves once the answer is there, and only where it was taken', () => {
    assert.deepEqual(after([start, stop]).effects, []);
    assert.deepEqual(after([start, stop, ok]).effects, [{ do: 'register', seconds: 0, gateway: 0 }]);
    assert.deepEqual(after([start, stop, answered(403)]).effects, [{ do: 'gone' }]);
  });

  it('waiting -> stop -> gone; but what an earlier REGISTER left there is taken away', () => {
    assert.deepEqual(after([start, answered(403), stop]).effects, [{ do: 'gone' }]);
    assert.equal(after([start, ok, due, answered(503), stop]).phase, 'leaving');
  });

  it('whatever comes in whatever order: a timer or a request is always pending until it is gone', () => {
    const event = fc.oneof(
      fc.constantFrom(due, stop, start),
      fc
        .record({
          status: fc.constantFrom(200, 401, 403, 408, 423, 500, 503),
          expires: fc.nat(4000),
          minExpires: fc.nat(4000),
          unit: fc.double({ min: 0, max: 1, noNaN: true }),
        })
        .map(({ status, expires, minExpires, unit }) => answered(status, { expires, minExpires }, unit)),
    );
    fc.assert(
      fc.property(fc.array(event), fc.integer({ min: 1, max: 3 }), (events, gateways) => {
        let machine = startRegistration(600, gateways);
        let waiting = 0;
        let asking = 0;
        for (const next of [start, ...events]) {
          if ((next.kind === 'due' && waiting === 0) || (next.kind === 'answered' && asking === 0)) continue;
          if (next.kind === 'due') waiting--;
          if (next.kind === 'answered') asking--;
          const [after_, effects] = stepRegistration(machine, next);
          machine = after_;
          // The driver's timer goes with the leaving.
          if (machine.phase === 'leaving' || machine.phase === 'gone') waiting = 0;
          for (const effect of effects) {
            if (effect.do === 'wait') waiting++;
            if (effect.do === 'register') asking++;
            if (effect.do === 'wait') assert.ok(effect.ms >= 0 && effect.ms <= 3_960_000);
          }
          assert.ok(asking <= 1 && waiting <= 1);
          if (machine.phase !== 'gone') assert.ok(asking + waiting > 0, machine.phase);
        }
      }),
    );
  });
});
