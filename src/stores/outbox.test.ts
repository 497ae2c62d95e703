import assert from 'node:assert/strict';
import { silentLogger, type Logger } from '../base/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { Outbox } from './index.ts';

/** Lets promises run that are waiting for nothing but each other. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('outbox', () => {
  let clock: VirtualClock;
  let written: number[][];
  let broken: boolean;
  let errors: string[];
  let outbox: Outbox<number>;
  beforeEach(() => {
    clock = new VirtualClock();
    written = [];
    broken = false;
    errors = [];
    const log: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message ?? '') };
    outbox = new Outbox<number>({
      what: 'numbers',
      clock,
      log,
      limit: 5,
      write: async (batch) => {
        if (broken) throw new Error('database or disk is full');
        written.push([...batch]);
      },
    });
  });

  it('writes the first at once, and what comes meanwhile together', async () => {
    outbox.put(1);
    outbox.put(2);
    outbox.put(3);
    await settle();
    assert.deepEqual(written, [[1]]);
    clock.advance(50);
    await settle();
    assert.deepEqual(written, [[1], [2, 3]]);
    assert.equal(outbox.waiting, 0);
  });

  it('more than fit together are written one batch after the other, without a pause', async () => {
    const many = new Outbox<number>({
      what: 'numbers',
      clock,
      log: silentLogger,
      write: async (batch) => void written.push([...batch]),
    });
    for (let i = 0; i < 500; i++) many.put(i);
    await settle();
    clock.advance(50);
    for (let i = 0; i < 3; i++) {
      await settle();
      clock.advance(0);
    }
    assert.deepEqual(
      written.map((batch) => batch.length),
      [1, 200, 200, 99],
    );
    await many.close();
  });

  it('keeps what cannot be written, says so, and makes up for it', async () => {
    broken = true;
    outbox.put(1);
    outbox.put(2);
    await settle();
    assert.deepEqual(errors, ['cannot be written; kept in memory']);
    clock.advance(1000);
    await settle();
    assert.equal(errors.length, 2);
    broken = false;
    clock.advance(1999);
    await settle();
    assert.deepEqual(written, []);
    clock.advance(1);
    await settle();
    assert.deepEqual(written, [[1, 2]]);
  });

  it('loses the oldest beyond its limit, and says so', async () => {
    broken = true;
    for (let i = 1; i <= 8; i++) outbox.put(i);
    await settle();
    assert.equal(outbox.lost, 3);
    assert.ok(errors.includes('too many wait; the oldest are lost'));
    broken = false;
    await outbox.flush();
    assert.deepEqual(written, [[4, 5, 6, 7, 8]]);
  });

  it('closing writes what waits and leaves no timer', async () => {
    outbox.put(1);
    outbox.put(2);
    await outbox.close();
    assert.deepEqual(written.flat(), [1, 2]);
    broken = true;
    outbox.put(3);
    await outbox.close();
    assert.ok(errors.includes('lost: never written'));
    assert.equal(clock.pending, 0);
  });

  it('what is journalled is left to the next start, and is not called lost', async () => {
    const log: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message ?? '') };
    const kept = new Outbox<number>({
      what: 'numbers',
      clock,
      log,
      journalled: true,
      write: () => Promise.reject(new Error('database or disk is full')),
    });
    kept.put(1);
    await kept.close();
    assert.deepEqual(new Set(errors), new Set(['cannot be written; kept in memory']));
    assert.equal(clock.pending, 0);
  });
});
