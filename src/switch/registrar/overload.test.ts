import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { Incoming } from '../call/signaling.ts';
import { Overload } from '../call/overload.ts';
import { registrarFixture, request, type Ask } from './fixture.test.ts';
import { RegisterOverload } from './index.ts';

/** The stamp of a stack for what it received so long ago. */
const stamp = (clock: VirtualClock, lateMs: number): string =>
  `${new Date(clock.wall() - lateMs).toISOString().slice(11, 23)}000`;

const lab = async (busy = 1) => {
  const clock = new VirtualClock();
  const overload = new RegisterOverload({ clock, busy: () => busy });
  const f = await registrarFixture({}, { clock, overload });
  /** One REGISTER that the switch turns to so much later; without credentials unless they are given. */
  const arrive = async (lateMs: number, ask: Ask = {}) => {
    clock.advance(0.25);
    return await f.registrar.answer({ ...request(ask), stackTime: stamp(clock, lateMs) });
  };
  /** How many of so many were refused; each is from an address of its own. */
  let source = 0;
  const refused = async (count: number, lateMs: number, ask: Ask = {}) => {
    let seen = 0;
    for (let i = 0; i < count; i++) {
      source += 1;
      const from = { source: `10.0.${(source >> 8) % 256}.${source % 256}`, ...ask };
      if ((await arrive(lateMs, from)).reason === 'Overloaded') seen += 1;
    }
    return seen;
  };
  return { ...f, overload, arrive, refused };
};

describe('overload of the registrar', () => {
  it('RFC 7339: REGISTERs that would be answered late get 503 with Retry-After, before anything else', async () => {
    const at = await lab();
    assert.equal(await at.refused(5, 0), 0);
    assert.ok((await at.refused(4000, 300)) > 1000);
    assert.ok(at.overload.refused > 1000);
    let last = await at.arrive(300);
    for (let i = 0; i < 50 && last.status !== 503; i++) last = await at.arrive(300);
    assert.equal(last.status, 503);
    assert.match(last.headers['Retry-After'] ?? '', /^([5-9]|1[0-4])$/);
    at.bindings.close();
  });

  it('is over as soon as nothing is late any more', async () => {
    const at = await lab();
    await at.refused(5, 0);
    await at.refused(4000, 300);
    for (let i = 0; i < 40; i++) {
      at.clock.advance(98);
      await at.refused(1, 1);
    }
    assert.equal(await at.refused(200, 1), 0);
    at.bindings.close();
  });

  it('refuses nothing while the thread has time left, nor what brings no stamp', async () => {
    const idle = await lab(0.5);
    await idle.refused(5, 0);
    assert.equal(await idle.refused(2000, 300), 0);
    idle.bindings.close();
    const f = await registrarFixture(
      {},
      { overload: new RegisterOverload({ clock: idle.clock, busy: () => 1 }) },
    );
    assert.equal((await f.registrar.answer(request())).status, 401);
    f.bindings.close();
  });

  it('keeps a phone that is registered, and one that has answered a challenge, before new ones', async () => {
    const at = await lab();
    const phone = { source: '192.0.2.7', port: 5071 };
    const granted = await at.register({ ...phone, headers: { contact: '<sip:1001@192.0.2.7:5071>' } });
    assert.equal(granted.status, 200);
    await at.refused(5, 0);
    await at.refused(2000, 300);
    const known = [phone, { headers: { authorization: 'Digest username="1001"' } }];
    const seen = { known: 0, strange: 0 };
    for (let i = 0; i < 8000; i++) {
      const isKnown = i % 20 === 0;
      seen[isKnown ? 'known' : 'strange'] += await at.refused(1, 300, isKnown ? known[(i / 20) % 2] : {});
    }
    assert.ok(seen.known < 20, `${seen.known} of 400 that are known`);
    assert.ok(seen.strange > 3000, `${seen.strange} of 7600 others`);
    at.bindings.close();
  });

  it('gives way before a call is refused', async () => {
    const at = await lab();
    const calls = new Overload({ clock: at.clock, busy: () => 1 });
    const call = (lateMs: number) =>
      calls.refusal(
        { receivedAt: stamp(at.clock, lateMs), uri: '', get: () => undefined } as unknown as Incoming,
        '200',
      );
    await at.refused(5, 0);
    call(0);
    let [refused, refusedCalls] = [0, 0];
    for (let i = 0; i < 4000; i++) {
      refused += await at.refused(1, 46);
      if (call(46) !== undefined) refusedCalls += 1;
    }
    assert.ok(refused > 400, `${refused} of 4000 REGISTERs`);
    assert.equal(refusedCalls, 0);
    at.bindings.close();
  });
});
