import assert from 'node:assert/strict';
import type { SdpCodec } from '../../sdp/index.ts';
import { DROP, Route } from './route.ts';
import type { Stream } from './stream.ts';

const codec = (payloadType: number, name: string, clockRate = 8000) =>
  ({ payloadType, name, clockRate, channels: 1 }) as SdpCodec;

/** Of a stream what its routes look at. */
const stream = (codecs: readonly SdpCodec[]): Stream =>
  ({
    direction: 'sendrecv',
    held: false,
    ports: {},
    codecs,
    told: codecs,
    added: [],
    accepted: [],
    packetTime: { ms: 20, fixed: false },
    outlet: {},
  }) as unknown as Stream;

const pcmu = codec(0, 'PCMU');
const between = (a: readonly SdpCodec[], b: readonly SdpCodec[]) => new Route(stream(a), stream(b), 'dialog');

describe('route', () => {
  it('phones that say the same have one table for all of their calls', () => {
    const both = [pcmu, codec(101, 'telephone-event')];
    const [one, other] = [between(both, both), between(both, both)];
    assert.equal(one.payloadTypes, other.payloadTypes);
    assert.equal(one.clockRates, other.clockRates);
    assert.deepEqual(
      [0, 101, 8].map((type) => one.payloadTypes[type]),
      [0, 101, DROP],
    );
  });

  it('phones that number their events otherwise have another', () => {
    const [a, b] = [
      [pcmu, codec(101, 'telephone-event')],
      [pcmu, codec(96, 'telephone-event')],
    ];
    assert.equal(between(a, b).payloadTypes[101], 96);
    assert.equal(between(b, a).payloadTypes[96], 101);
  });

  it('a route is right after its streams said something else, and after hundreds said something of their own', () => {
    const source = stream([pcmu, codec(101, 'telephone-event')]);
    const route = new Route(source, stream([pcmu, codec(101, 'telephone-event')]), 'dialog');
    for (let rate = 1000; rate < 1300; rate++) {
      const others = between([codec(97, 'X-OWN', rate)], [codec(98, 'X-OWN', rate)]);
      assert.equal(others.payloadTypes[97], 98);
      assert.equal(others.clockRates[97], rate);
    }
    assert.deepEqual([route.payloadTypes[101], route.clockRates[101]], [101, 8000]);
    Object.assign(source, { codecs: [pcmu, codec(110, 'telephone-event')], told: [] });
    route.refresh();
    assert.deepEqual([route.payloadTypes[110], route.payloadTypes[101]], [101, 101]);
  });
});
