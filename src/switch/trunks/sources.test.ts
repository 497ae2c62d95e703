import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { silentLogger } from '../../base/index.ts';
import { MemoryDirectoryStore, type FlowProtocol, type Trunk } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import { settle } from '../testing/world.ts';
import { contains, readAddress, readNetwork } from './networks.ts';
import { Sources, type ResolveName } from './sources.ts';

const domain = 'pbx.test';

describe('where trunks call from', () => {
  let directory: MemoryDirectoryStore;
  const clock = new VirtualClock();
  const open: Sources[] = [];
  const names = new Map<string, readonly string[]>();
  const resolve: ResolveName = async (name) => {
    const found = names.get(name);
    if (found === undefined) throw new Error('no name server answers');
    return found;
  };

  beforeEach(async () => {
    names.clear();
    directory = new MemoryDirectoryStore();
    await directory.putDomain({ name: domain, aliases: [] });
  });
  afterEach(() => {
    for (const sources of open.splice(0)) sources.close();
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  const put = (name: string, more: Partial<Trunk>) =>
    directory.putTrunk({ id: name, domain, name, host: 'x', transport: 'udp', register: false, ...more });
  const table = () => {
    const sources = new Sources({ directory, clock, log: silentLogger, resolve });
    open.push(sources);
    return (address: string, port = 5060, protocol: FlowProtocol = 'udp') =>
      sources.at({ address, port, protocol })?.name;
  };

  it('by the gateways themselves: from its port where that is given, from any where it is not', async () => {
    await put('exact', { host: '192.0.2.1', port: 5090 });
    await put('any', { host: '192.0.2.2', more: [{ host: '2001:db8::2' }] });
    const at = table();
    assert.equal(at('192.0.2.1', 5090), 'exact');
    assert.equal(at('192.0.2.1', 5060), undefined);
    assert.equal(at('192.0.2.2', 40_000), 'any');
    assert.equal(at('2001:DB8:0::2', 7), 'any');
    assert.equal(at('::ffff:192.0.2.2'), 'any');
    assert.equal(at('192.0.2.3'), undefined);
    assert.equal(at('not an address'), undefined);
  });

  it('by addresses, networks and ports that it names; the narrowest counts', async () => {
    await put('wide', { inbound: { sources: ['198.51.100.0/24', '2001:db8::/32'] } });
    await put('narrow', { inbound: { sources: ['198.51.100.7', '198.51.100.8:5070'] } });
    const at = table();
    assert.equal(at('198.51.100.1', 1), 'wide');
    assert.equal(at('198.51.100.7', 1), 'narrow');
    assert.equal(at('198.51.100.8', 5070), 'narrow');
    assert.equal(at('198.51.100.8', 5071), 'wide');
    assert.equal(at('2001:db8:ffff::1'), 'wide');
    assert.equal(at('2001:db9::1'), undefined);
  });

  it('no source at all is nobody’s', async () => {
    await put('none', { host: '192.0.2.1', inbound: { sources: [] } });
    assert.equal(table()('192.0.2.1'), undefined);
  });

  it('never over a weaker transport than its own, and a connection comes from any port', async () => {
    await put('secure', { host: '192.0.2.1', port: 5061, transport: 'tls' });
    await put('stream', { host: '192.0.2.2', port: 5060, transport: 'tcp' });
    const at = table();
    assert.equal(at('192.0.2.1', 5061, 'udp'), undefined);
    assert.equal(at('192.0.2.1', 33_333, 'tcp'), undefined);
    assert.equal(at('192.0.2.1', 33_333, 'tls'), 'secure');
    assert.equal(at('192.0.2.2', 33_333, 'tcp'), 'stream');
    assert.equal(at('192.0.2.2', 33_333, 'ws'), undefined);
  });

  it('by names, which are looked up again, and kept while nobody answers', async () => {
    names.set('sip.carrier.example', ['203.0.113.1', '203.0.113.2']);
    await put('named', { host: 'SIP.carrier.example' });
    const at = table();
    await settle();
    assert.equal(at('203.0.113.2', 5062), 'named');
    names.set('sip.carrier.example', ['203.0.113.9']);
    clock.advance(60_000);
    await settle();
    assert.equal(at('203.0.113.2'), undefined);
    assert.equal(at('203.0.113.9'), 'named');
    names.clear();
    clock.advance(60_000);
    await settle();
    assert.equal(at('203.0.113.9'), 'named', 'a silent name server shuts nobody out');
    names.set('sip.carrier.example', ['203.0.113.3']);
    clock.advance(60_000);
    await settle();
    assert.equal(at('203.0.113.3'), 'named');
  });

  it('follows the directory', async () => {
    const at = table();
    assert.equal(at('192.0.2.1'), undefined);
    await put('new', { host: '192.0.2.1' });
    assert.equal(at('192.0.2.1'), 'new');
    await directory.removeTrunk('new');
    assert.equal(at('192.0.2.1'), undefined);
  });

  it('reads every address and no other text', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV6(), fc.integer({ min: 1, max: 65_535 }), (four, six, port) => {
        for (const text of [four, six]) {
          const address = readAddress(text);
          const network = readNetwork(text);
          assert.ok(address !== undefined && network !== undefined, text);
          assert.ok(contains(network, address, port), text);
        }
        const exact = readNetwork(`[${six}]:${port}`);
        assert.equal(exact?.port, port);
      }),
    );
    for (const text of [
      '',
      '1.2.3',
      '1.2.3.256',
      '1.2.3.4/33',
      ':::',
      '1:2:3:4:5:6:7',
      'a.example',
      '::1/129',
      '1::2::3',
    ])
      assert.equal(readNetwork(text), undefined, text);
  });
});
