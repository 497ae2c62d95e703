import assert from 'node:assert/strict';
import type { DatagramIo, DatagramOptions, DatagramSocket } from '../../net/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { PortPool } from './port-pool.ts';

const address = '127.0.0.1';
const from = { address, port: 9, family: 'IPv4', size: 1 } as const;

describe('media / port pairs', () => {
  let clock: VirtualClock;
  let bound: Map<number, DatagramSocket>;
  let binds: number;

  const bind = ({ port }: DatagramOptions): DatagramSocket => {
    if (bound.has(port)) throw new Error('EADDRINUSE');
    binds++;
    const socket: DatagramSocket = {
      address,
      port,
      family: 'IPv4',
      onMessage: () => undefined,
      onError: () => undefined,
      send: () => undefined,
      close: async () => void bound.delete(port),
    };
    bound.set(port, socket);
    return socket;
  };
  const datagrams: DatagramIo = { kind: 'node:dgram', bind, close: async () => undefined };
  const pool = (first: number, last: number) => {
    clock = new VirtualClock();
    bound = new Map();
    binds = 0;
    return new PortPool({ address, ports: [first, last], datagrams, clock });
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const hears = (port: number) => bound.get(port)?.onMessage(Buffer.of(1), from);

  it('an even port and the one above it, each once, until there are none', () => {
    const ports = pool(10_001, 10_006);
    const pairs = [ports.allocate(), ports.allocate(), ports.allocate()];
    assert.deepEqual(
      pairs.map((pair) => [pair?.rtp.port, pair?.rtcp.port]),
      [
        [10_002, 10_003],
        [10_004, 10_005],
        [undefined, undefined],
      ],
    );
    assert.deepEqual([ports.used, ports.capacity], [2, 2]);
  });

  it('a pair that was given back is given out again once it was quiet for two seconds, without another bind', () => {
    const ports = pool(10_000, 10_003);
    const [one, two] = [ports.allocate()!, ports.allocate()!];
    ports.release(one);
    clock.advance(1900);
    assert.equal(ports.allocate(), undefined);
    assert.equal(ports.used, 2);
    clock.advance(700);
    assert.equal(ports.used, 1);
    assert.equal(ports.allocate()?.rtp, one.rtp);
    assert.deepEqual([ports.used, binds], [2, 4]);
    ports.release(two);
  });

  it('of several the one that has been quiet longest comes first', () => {
    const ports = pool(10_000, 10_005);
    const [one, two] = [ports.allocate()!, ports.allocate()!];
    ports.release(two);
    clock.advance(1000);
    ports.release(one);
    clock.advance(3000);
    assert.deepEqual([ports.allocate()?.rtp.port, ports.allocate()?.rtp.port], [two.rtp.port, one.rtp.port]);
  });

  it('what arrives meanwhile is nobody’s, and puts the quiet off', () => {
    const ports = pool(10_000, 10_001);
    const pair = ports.allocate()!;
    let heard = 0;
    pair.rtp.onMessage = () => heard++;
    pair.rtp.onError = () => heard++;
    ports.release(pair);
    for (let i = 0; i < 5; i++) {
      clock.advance(1500);
      hears(i % 2 === 0 ? 10_000 : 10_001);
    }
    pair.rtp.onError(new Error('ECONNREFUSED'));
    assert.equal(heard, 0);
    assert.equal(ports.allocate(), undefined);
    clock.advance(3000);
    assert.equal(ports.allocate()?.rtp, pair.rtp);
  });

  it('one that is never quiet is closed after half a minute, and its port bound anew', async () => {
    const ports = pool(10_000, 10_001);
    const pair = ports.allocate()!;
    ports.release(pair);
    for (let i = 0; i < 31; i++) {
      hears(10_000);
      clock.advance(1000);
    }
    await settled();
    assert.deepEqual([bound.size, ports.used], [0, 0]);
    const again = ports.allocate();
    assert.equal(again?.rtp.port, 10_000);
    assert.notEqual(again?.rtp, pair.rtp);
  });

  it('a spare one that hears anything is closed: nobody gets what was meant for another', async () => {
    const ports = pool(10_000, 10_001);
    const pair = ports.allocate()!;
    ports.release(pair);
    clock.advance(3000);
    hears(10_001);
    await settled();
    assert.equal(bound.size, 0);
    const again = ports.allocate();
    assert.equal(again?.rtp.port, 10_000);
    assert.notEqual(again?.rtp, pair.rtp);
  });

  it('what nobody wants for ten seconds is closed, and no timer is left', async () => {
    const ports = pool(10_000, 10_003);
    for (const pair of [ports.allocate()!, ports.allocate()!]) ports.release(pair);
    clock.advance(14_000);
    await settled();
    assert.deepEqual([bound.size, ports.used], [0, 0]);
    // The ports go on where they were, so that none is used twice in a short time.
    assert.equal(ports.allocate()?.rtp.port, 10_000);
  });

  it('closing it closes what rests and what is spare', async () => {
    const ports = pool(10_000, 10_005);
    const [one, two, three] = [ports.allocate()!, ports.allocate()!, ports.allocate()!];
    ports.release(one);
    clock.advance(3000);
    ports.release(two);
    await ports.close();
    assert.deepEqual([...bound.keys()], [three.rtp.port, three.rtcp.port]);
    assert.equal(ports.used, 1);
  });
});
