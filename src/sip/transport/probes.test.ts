import assert from 'node:assert/strict';
import { silentLogger, systemRandom, type Clock } from '../../base/index.ts';
import { systemResolver } from '../../net/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import { Probes } from './probes.ts';
import { createTransport } from './transport.ts';

describe('probes of what waits in front of a socket', () => {
  it('tell how long a datagram took, and the age of one that is still on its way', async () => {
    const clock = new VirtualClock();
    const transport = await createTransport({
      listen: [{ protocol: 'udp', address: '127.0.0.1', port: 0 }],
      clock,
      random: systemRandom,
      logger: silentLogger,
      resolver: systemResolver(),
    });
    transport.onMessage(() => assert.fail('no SIP message'));
    const told: number[] = [];
    let arrived: () => void = () => undefined;
    const probe = () =>
      transport.probe?.((ms) => {
        told.push(ms);
        arrived();
      });
    probe();
    // It cannot be read before this turn of the event loop ends.
    clock.advance(70);
    probe();
    assert.deepEqual(told, [70]);
    clock.advance(30);
    await new Promise<void>((done) => (arrived = done));
    assert.deepEqual(told, [70, 100]);
    probe();
    await new Promise<void>((done) => (arrived = done));
    assert.deepEqual(told, [70, 100, 0]);
    await transport.close();
  });

  it('tell how long a turn of the event loop takes where there are only connections to read', async () => {
    let now = 0;
    const due: (() => void)[] = [];
    const clock: Clock = {
      now: () => now,
      wall: () => now,
      after: (_ms, action) => {
        due.push(action);
        return { cancel: () => undefined };
      },
    };
    const told: number[] = [];
    new Probes(clock, systemRandom).send([], (ms) => told.push(ms));
    assert.deepEqual(told, []);
    now = 120;
    for (const action of due.splice(0)) action();
    assert.deepEqual(told, [120]);
  });
});
