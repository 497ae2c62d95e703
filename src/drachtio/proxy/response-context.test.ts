import assert from 'node:assert/strict';
import { newContext, stepContext, type ContextEvent } from './response-context.ts';

/** Runs events and tells the effects as `start 0`, `forward 1`, `done`. */
const run = (
  options: { targets: number; serial?: boolean; invite?: boolean },
  events: readonly ContextEvent[],
) => {
  let state = newContext(options.targets, options.serial ?? false, options.invite ?? true);
  const told: string[] = [];
  for (const event of [{ type: 'start' } as const, ...events]) {
    const [next, effects] = stepContext(state, event);
    state = next;
    told.push(effects.map((e) => ('branch' in e ? `${e.type} ${e.branch}` : e.type)).join(', '));
  }
  return told;
};
const final = (branch: number, status: number, added = 0) =>
  ({ type: 'final', branch, status, added }) as const;
const provisional = (branch: number, status: number) => ({ type: 'provisional', branch, status }) as const;

describe('proxy response context (RFC 3261 §16.7)', () => {
  it('parallel: starts all, the first 2xx goes up and the others are cancelled', () => {
    assert.deepEqual(
      run({ targets: 3 }, [provisional(0, 180), final(1, 200), final(0, 487), final(2, 487)]),
      ['start 0, start 1, start 2', 'forward 0', 'forward 1, cancel 0, cancel 2', '', 'done'],
    );
  });

  it('a second 2xx to an INVITE goes up as well', () => {
    assert.deepEqual(run({ targets: 2 }, [final(0, 200), final(1, 200)]), [
      'start 0, start 1',
      'forward 0, cancel 1',
      'forward 1, done',
    ]);
  });

  it('parallel: the best of the failures, when all have failed', () => {
    assert.deepEqual(
      run({ targets: 3 }, [final(0, 503), final(1, 486), final(2, 404)]).at(-1),
      'forward 2, done',
    );
    assert.deepEqual(run({ targets: 2 }, [final(0, 404), final(1, 407)]).at(-1), 'forward 1, done');
    assert.deepEqual(run({ targets: 2 }, [final(0, 503), final(1, 500)]).at(-1), 'forward 1, done');
  });

  it('6xx cancels the others and wins over what they say', () => {
    assert.deepEqual(run({ targets: 2 }, [final(0, 603), final(1, 487)]), [
      'start 0, start 1',
      'cancel 1',
      'forward 0, done',
    ]);
  });

  it('serial: the next one after a failure', () => {
    assert.deepEqual(run({ targets: 3, serial: true }, [final(0, 486), final(1, 200)]), [
      'start 0',
      'start 1',
      'forward 1, done',
    ]);
  });

  it('serial: credentials are asked of the caller at once', () => {
    assert.deepEqual(run({ targets: 2, serial: true }, [final(0, 401)]), ['start 0', 'forward 0, done']);
  });

  it('serial: an overdue target is cancelled and the next one tried; its late 2xx still goes up', () => {
    assert.deepEqual(run({ targets: 2, serial: true }, [{ type: 'overdue', branch: 0 }, final(0, 200)]), [
      'start 0',
      'cancel 0, start 1',
      'forward 0, cancel 1',
    ]);
  });

  it('follows redirects with new targets', () => {
    assert.deepEqual(run({ targets: 1, serial: true }, [final(0, 302, 2), final(1, 486), final(2, 486)]), [
      'start 0',
      'start 1',
      'start 2',
      'forward 1, done',
    ]);
  });

  it('the caller gives up: all are cancelled, a 487 goes up when all have ended', () => {
    assert.deepEqual(
      run({ targets: 2 }, [provisional(0, 180), { type: 'cancel' }, final(0, 487), final(1, 487)]),
      ['start 0, start 1', 'forward 0', 'cancel 0, cancel 1', '', 'forward 0, done'],
    );
  });

  it('100 does not go up, and nothing provisional behind a final response', () => {
    assert.deepEqual(run({ targets: 2 }, [provisional(0, 100), final(0, 200), provisional(1, 180)]), [
      'start 0, start 1',
      '',
      'forward 0, cancel 1',
      '',
    ]);
  });

  it('no target at all has nothing to say', () =>
    assert.deepEqual(run({ targets: 0 }, []), ['nothing, done']));
});
