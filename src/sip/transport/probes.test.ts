import assert from 'node:assert/strict';
import { silentLogger, systemRandom } from '../../base/index.ts';
import { systemResolver } from '../../net/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
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
});
