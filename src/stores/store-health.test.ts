import assert from 'node:assert/strict';
import { silentLogger } from '../base/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { StoreHealth } from './store-health.ts';
import { StoreUnavailable } from './write-through.ts';

const settle = () => new Promise(setImmediate);

describe('health of what is kept', () => {
  let clock: VirtualClock;
  let health: StoreHealth;
  let working: boolean;
  let probes: number;
  let said: string[];
  const work = async () => {
    if (!working) throw new Error('disk full');
    return 'done';
  };
  beforeEach(() => {
    clock = new VirtualClock();
    [working, probes, said] = [true, 0, []];
    health = new StoreHealth({
      advice: 'make room',
      clock,
      probe: async () => {
        probes++;
        await work();
      },
      log: {
        ...silentLogger,
        error: (fields: object) => said.push(`error ${JSON.stringify(fields)}`),
        warn: (fields: object) => said.push(`warn ${JSON.stringify(fields)}`),
      },
    });
    health.events.on('writable', () => said.push('writable'));
  });
  afterEach(() => {
    health.close();
    assert.equal(clock.pending, 0);
  });

  it('says a failure once, with what to do, and once that it works again', async () => {
    assert.equal(await health.watch(work), 'done');
    assert.deepEqual([said, clock.pending], [[], 0]);
    working = false;
    await assert.rejects(health.watch(work), (error) => error instanceof StoreUnavailable);
    await assert.rejects(health.watch(work), /disk full/);
    assert.deepEqual(health.state, { ok: false, reason: 'disk full', since: clock.wall() });
    assert.deepEqual(said, ['error {"error":"disk full","advice":"make room"}']);
    clock.advance(4000);
    working = true;
    await health.watch(work);
    assert.deepEqual(health.state, { ok: true });
    assert.deepEqual(said.slice(1), ['warn {"seconds":4}', 'writable']);
  });

  it('looks every five seconds while it fails, and no more when it works', async () => {
    working = false;
    await assert.rejects(health.watch(work));
    for (let n = 1; n <= 3; n++) {
      clock.advance(5000);
      await settle();
      assert.equal(probes, n);
    }
    working = true;
    clock.advance(5000);
    await settle();
    assert.equal(health.state.ok, true);
    clock.advance(60_000);
    await settle();
    assert.equal(probes, 4);
    assert.equal(said.length, 3);
  });

  it('looks at once when something hints at it', async () => {
    working = false;
    health.suspect();
    await settle();
    assert.equal(health.state.ok, false);
  });

  it('guards a store: what fails in it counts, and is what a caller may try again', async () => {
    class Store {
      readonly name = 'store';
      readonly #inside = 7;
      async read() {
        await work();
        return this.#inside;
      }
    }
    const store = health.guard(new Store());
    assert.deepEqual([store.name, await store.read()], ['store', 7]);
    working = false;
    await assert.rejects(store.read(), StoreUnavailable);
    assert.equal(health.state.ok, false);
  });
});
