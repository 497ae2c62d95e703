import assert from 'node:assert/strict';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Admission } from './admission.ts';

type Load = { readonly perSecond: number; readonly seconds: number };

/** A server that takes `serviceMs` for each that it lets in, and `refusalMs` for each that it refuses, in order. */
class Server {
  readonly clock = new VirtualClock();
  readonly admission = new Admission({ clock: this.clock, targetMs: 50 });
  served: { readonly at: number; readonly late: number }[] = [];
  refused = 0;
  readonly #serviceMs: number;
  readonly #refusalMs: number;
  #freeAt = 0;

  constructor(serviceMs: number, refusalMs: number) {
    this.#serviceMs = serviceMs;
    this.#refusalMs = refusalMs;
  }

  run({ perSecond, seconds }: Load): this {
    const end = this.clock.now() + seconds * 1000;
    const gap = 1000 / perSecond;
    for (let arrived = this.clock.now(); arrived < end; arrived += gap) {
      const begins = Math.max(arrived, this.#freeAt);
      if (begins > this.clock.now()) this.clock.advance(begins - this.clock.now());
      this.admission.late(begins - arrived);
      const taken = this.admission.admit(false);
      this.#freeAt = begins + (taken ? this.#serviceMs : this.#refusalMs);
      if (taken) this.served.push({ at: arrived, late: begins - arrived });
      else this.refused += 1;
    }
    if (this.clock.now() < end) this.clock.advance(end - this.clock.now());
    return this;
  }

  /** Does nothing for a while: garbage collection, a host that has other things to do. */
  pause(ms: number): this {
    this.#freeAt = this.clock.now() + ms;
    return this;
  }

  lateness(quantile: number): number {
    const sorted = this.served.map(({ late }) => late).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * quantile)] ?? 0;
  }
}

describe('Admission', () => {
  it('RFC 6357: refuses nothing below what can be served', () => {
    const server = new Server(3, 0.2).run({ perSecond: 300, seconds: 30 });
    assert.equal(server.refused, 0);
    assert.ok(server.served.length >= 9000);
  });

  for (const times of [2, 5]) {
    it(`RFC 6357 §5: at ${times} times the capacity, serves nearly all that it can, and in time`, () => {
      const server = new Server(3, 0.2).run({ perSecond: (1000 / 3) * times, seconds: 30 });
      // What is left of the time after the refusals.
      const spent = server.refused * 0.2 + server.served.length * 3;
      assert.ok(spent > 30_000 * 0.85, `busy for ${spent} ms of 30,000`);
      assert.ok(server.lateness(0.95) < 200, `95 % within ${server.lateness(0.95)} ms`);
      const settled = server.served.filter(({ at }) => at > 3000);
      assert.ok(settled.every(({ late }) => late < 300));
    });

    it(`is back to no limit within 5 s of an overload of ${times} times`, () => {
      const server = new Server(3, 0.2).run({ perSecond: (1000 / 3) * times, seconds: 30 });
      const { refused } = server;
      server.run({ perSecond: 150, seconds: 5 });
      assert.equal(server.admission.limit, Number.POSITIVE_INFINITY);
      assert.ok(server.refused - refused < 150, 'the first second at most');
      const before = server.refused;
      server.run({ perSecond: 150, seconds: 5 });
      assert.equal(server.refused, before);
    });
  }

  it('is not moved by a single pause', () => {
    const clock = new VirtualClock();
    const admission = new Admission({ clock, targetMs: 50 });
    for (let i = 0; i < 1000; i++) {
      clock.advance(5);
      // Once, 150 ms of garbage collection, worked off at twice the rate of arrivals.
      admission.late(i >= 500 && i < 560 ? Math.max(0, 150 - (i - 500) * 5) : 1);
      admission.admit(false);
    }
    assert.ok(admission.limit > 100, `${admission.limit} a second`);
  });

  for (const ms of [100, 200, 300])
    it(`refuses nothing while what stood for ${ms} ms is worked off at four fifths of the capacity`, () => {
      const server = new Server(2, 0.2);
      for (let i = 0; i < 10; i++) server.run({ perSecond: 400, seconds: 5 }).pause(ms);
      server.run({ perSecond: 400, seconds: 5 });
      assert.equal(server.refused, 0);
      assert.ok(server.lateness(1 - 1e-9) >= ms * 0.9);
    });

  it('is not moved by a stall of half a second where few come', () => {
    const clock = new VirtualClock();
    const admission = new Admission({ clock, targetMs: 50 });
    const arrive = (late: number) => {
      admission.late(late);
      assert.ok(admission.admit(false), `${late} ms late`);
    };
    // Twenty a second; then for half a second nobody has time, and after it for all of them at once.
    const second = () => {
      for (let i = 0; i < 20; i++) {
        clock.advance(50);
        arrive(1);
      }
    };
    second();
    clock.advance(500);
    for (let late = 500; late > 0; late -= 50) arrive(late);
    second();
    assert.equal(admission.limit, Number.POSITIVE_INFINITY);
  });

  it('lets what has begun go before what is new', () => {
    const clock = new VirtualClock();
    const admission = new Admission({ clock, targetMs: 50 });
    const taken = { begun: 0, fresh: 0 };
    for (let i = 0; i < 20_000; i++) {
      clock.advance(0.5);
      admission.late(200);
      const begun = i % 20 === 0;
      if (admission.admit(begun) && i > 10_000) taken[begun ? 'begun' : 'fresh'] += 1;
    }
    assert.ok(taken.begun * 19 > taken.fresh * 2, JSON.stringify(taken));
  });

  it('RFC 7339 §5.3: lets in little more than is kept further on, and all of it once nothing is refused there', () => {
    const clock = new VirtualClock();
    const admission = new Admission({ clock, targetMs: 200 });
    // Somebody further on who keeps 300 a second, of 1,500 that come.
    let tokens = 0;
    const seconds = (count: number, perSecond: number, keeps: number) => {
      const figures = { kept: 0, refusedBeyond: 0, refused: 0 };
      for (let i = 0; i < count * perSecond; i++) {
        clock.advance(1000 / perSecond);
        tokens = Math.min(20, tokens + keeps / perSecond);
        if (!admission.admit(false)) figures.refused += 1;
        else if (tokens >= 1) {
          tokens -= 1;
          figures.kept += 1;
        } else {
          admission.refusedBeyond();
          figures.refusedBeyond += 1;
        }
      }
      return figures;
    };
    seconds(3, 1500, 300);
    const { kept, refusedBeyond } = seconds(20, 1500, 300);
    assert.ok(kept > 300 * 20 * 0.95, `${kept} kept of 6,000`);
    assert.ok(refusedBeyond < 300 * 20 * 0.35, `${refusedBeyond} refused further on`);
    seconds(5, 200, 300);
    assert.equal(admission.limit, Number.POSITIVE_INFINITY);
    assert.equal(seconds(5, 200, 300).refused, 0);
  });

  it('always lets the floor in', () => {
    const clock = new VirtualClock();
    const admission = new Admission({ clock, targetMs: 50, floor: 10 });
    let taken = 0;
    for (let i = 0; i < 30_000; i++) {
      clock.advance(1);
      admission.late(10_000);
      if (admission.admit(false) && i >= 20_000) taken += 1;
    }
    assert.ok(taken >= 95 && taken <= 110, `${taken} in 10 s`);
  });

  it('forgets its limit when nobody came for a second', () => {
    const clock = new VirtualClock();
    const admission = new Admission({ clock, targetMs: 50 });
    for (let i = 0; i < 500; i++) {
      clock.advance(1);
      admission.late(500);
      admission.admit(false);
    }
    assert.ok(admission.limit < 2000);
    clock.advance(1200);
    assert.ok(admission.admit(false));
    assert.equal(admission.limit, Number.POSITIVE_INFINITY);
  });
});
