import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import { FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { FakeEngine } from '../testing/fake-engine.ts';
import type { CallEvents } from './call-view.ts';
import { Overload } from './overload.ts';

/** The stamp of a stack whose clock is `aheadMs` ahead of ours, for what it received `lateMs` ago. */
const stamp = (clock: VirtualClock, lateMs: number, aheadMs = 0): string => {
  const text = new Date(clock.wall() - lateMs + aheadMs).toISOString();
  return `${text.slice(11, 23)}000`;
};

type Lab = { readonly world: World; readonly clock: VirtualClock; readonly because: string[] };

const lab = async (busy = 1): Promise<Lab & { readonly overload: Overload }> => {
  const clock = new VirtualClock();
  const overload = new Overload({ clock, busy: () => busy });
  const limits = { callsPerSecond: 1e6, callBurst: 1e6, calls: 1e6, callsPerUser: 1e6 };
  const world = await World.create(clock, { limits }, new FakeEngine(), { overload });
  const because: string[] = [];
  world.core.events.on('refused', (event: CallEvents['refused']) => because.push(event.because));
  return { world, clock, because, overload };
};

/** One INVITE that the switch turns to only now, `lateMs` after the stack received it; it dials nobody. */
const arrive = async (
  { world, clock }: Lab,
  lateMs: number,
  { headers = {}, dialled = '999', aheadMs = 0 } = {},
) => {
  clock.advance(2);
  const incoming = new FakeIncoming(world.endpoint('1001'), undefined, headers);
  incoming.receivedAt = stamp(clock, lateMs, aheadMs);
  world.send(incoming, dialled);
  await settle();
  return incoming;
};

const statuses = async (at: Lab, count: number, lateMs: number, how = {}) => {
  const seen: (number | undefined)[] = [];
  for (let i = 0; i < count; i++) seen.push((await arrive(at, lateMs, how)).final?.status);
  return seen;
};

describe('overload of the switch', () => {
  it('RFC 7339: INVITEs that would be served late get 503 with Retry-After, and nothing is made for them', async () => {
    const at = await lab();
    await statuses(at, 5, 0);
    assert.ok((await statuses(at, 150, 400)).includes(503));
    let refused = await arrive(at, 400);
    for (let i = 0; i < 20 && refused.final?.status !== 503; i++) refused = await arrive(at, 400);
    assert.match(refused.final?.headers?.['Retry-After'] ?? '', /^[2-5]$/);
    assert.equal(at.world.core.calls.size, 0);
    assert.deepEqual([...new Set(at.because)], ['overload']);
    at.world.close();
  });

  it('is over as soon as nothing is late any more', async () => {
    const at = await lab();
    await statuses(at, 5, 0);
    await statuses(at, 300, 400);
    assert.ok(at.because.length > 0);
    // 3 s of calls in time, at a rate that can be served.
    for (let i = 0; i < 30; i++) {
      at.clock.advance(98);
      await arrive(at, 1);
    }
    const before = at.because.length;
    assert.ok(!(await statuses(at, 20, 1)).includes(503));
    assert.equal(at.because.length, before);
    at.world.close();
  });

  it('refuses nothing while the thread has time left: then the clocks differ, or the way is long', async () => {
    const at = await lab(0.5);
    await statuses(at, 5, 0);
    assert.ok(!(await statuses(at, 200, 400)).includes(503));
    at.world.close();
  });

  it('refuses as well when it is the media engine that does not keep up, however far away that is', async () => {
    const at = await lab(0.5);
    const pending: (() => void)[] = [];
    const watched = at.overload.watched({
      alive: true,
      command: () => new Promise((resolve) => pending.push(() => resolve({ result: 'ok' }))),
      close: () => undefined,
    });
    // Ten commands at once, all answered so much later.
    const ten = async (ms: number) => {
      const all = Array.from({ length: 10 }, () => watched.command('offer', {}));
      at.clock.advance(ms);
      for (const answer of pending.splice(0)) answer();
      await Promise.all(all);
    };
    let refused = 0;
    for (let i = 0; i < 20; i++) {
      await ten(80);
      refused += (await statuses(at, 10, 0)).filter((status) => status === 503).length;
    }
    assert.equal(refused, 0, 'a media engine 80 ms away');
    for (let i = 0; i < 20; i++) {
      await ten(400);
      refused += (await statuses(at, 10, 0)).filter((status) => status === 503).length;
    }
    assert.ok(refused > 50, `${refused} of 200`);
    at.world.close();
  });

  it('knows the clock of another machine by the least difference, whatever its time zone', async () => {
    for (const aheadMs of [2 * 3_600_000 + 7_000, -5.5 * 3_600_000 - 45_000]) {
      const at = await lab();
      assert.ok(!(await statuses(at, 200, 3, { aheadMs })).includes(503), `${aheadMs} ms ahead`);
      assert.ok((await statuses(at, 200, 400, { aheadMs })).includes(503));
      at.world.close();
    }
  });

  it('S0-74 a code that moves a live call goes before new calls', async () => {
    const at = await lab();
    await statuses(at, 5, 0);
    let [codes, calls] = [0, 0];
    for (let i = 0; i < 600; i++) {
      const dialled = i % 20 === 0 ? '*33' : '999';
      const { final } = await arrive(at, 400, { dialled });
      if (i < 200 || final?.status === 503) continue;
      if (dialled === '*33') codes += 1;
      else calls += 1;
    }
    assert.ok(codes * 19 > calls, `${codes} of 20 codes, ${calls} of 380 calls`);
    at.world.close();
  });

  it('says why a call is refused: too fast a caller, no room, being stopped', async () => {
    const clock = new VirtualClock();
    const limits = { callsPerSecond: 1, callBurst: 1, calls: 1, callsPerUser: 50 };
    const world = await World.create(clock, { limits });
    const because: string[] = [];
    world.core.events.on('refused', (event) => because.push(event.because));
    assert.equal((await world.dial('1001', '200')).final, undefined, 'rings');
    assert.equal((await world.dial('1002', '200')).final?.status, 503);
    world.at('2001').fail(600);
    await settle();
    assert.equal((await world.dial('1002', '200')).final?.status, 503);
    const drained = world.core.drain(0);
    assert.equal((await world.dial('1002', '200')).final?.status, 503);
    assert.deepEqual(because, ['limit', 'rate', 'draining']);
    clock.advance(1);
    await drained;
    world.close();
  });
});
