import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { systemRandom, type Random } from '../../base/index.ts';
import type { NamingRecord, Resolver, ServiceRecord } from '../../net/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { inServiceOrder, UriResolver, type ResolveOptions } from './resolve.ts';

type Zone = {
  naptr?: Record<string, [number, number, string, string][]>;
  srv?: Record<string, [number, number, number, string][]>;
  a?: Record<string, string[]>;
  aaaa?: Record<string, string[]>;
};

type Asked = { readonly resolver: Resolver; readonly log: string[] };

const zoneResolver = (zone: Zone): Asked => {
  const log: string[] = [];
  const look = async <T>(
    kind: string,
    table: Record<string, T> | undefined,
    name: string,
  ): Promise<T | undefined> => {
    log.push(`${kind} ${name}`);
    if (name.includes('broken')) return await Promise.reject(new Error('SERVFAIL'));
    return await Promise.resolve(table?.[name]);
  };
  const resolver: Resolver = {
    naming: async (name) =>
      ((await look('NAPTR', zone.naptr, name)) ?? []).map(
        ([order, preference, service, replacement]): NamingRecord => ({
          order,
          preference,
          service,
          replacement,
          flags: 's',
        }),
      ),
    services: async (name) =>
      ((await look('SRV', zone.srv, name)) ?? []).map(([priority, weight, port, host]): ServiceRecord => ({
        priority,
        weight,
        port,
        name: host,
      })),
    addresses: async (name, family) =>
      (family === 4 ? await look('A', zone.a, name) : await look('AAAA', zone.aaaa, name)) ?? [],
  };
  return { resolver, log };
};

const first: Random = { hex: () => '', unit: () => 0 };

const resolverFor = (zone: Zone, options: Partial<ResolveOptions> = {}) => {
  const asked = zoneResolver(zone);
  const clock = new VirtualClock();
  const uris = new UriResolver({
    resolver: asked.resolver,
    clock,
    random: first,
    can: (_protocol, family) => family === 4,
    reaches: () => true,
    ...options,
  });
  const places = async (uri: string) =>
    (await uris.resolve(uri)).map((d) =>
      d.kind === 'address' ? `${d.protocol} ${d.remote.address} ${d.remote.port}` : '',
    );
  return { uris, places, clock, log: asked.log };
};

const zone: Zone = {
  naptr: {
    'example.com': [
      [90, 50, 'SIP+D2T', '_sip._tcp.example.com'],
      [50, 50, 'SIPS+D2T', '_sips._tcp.example.com'],
      [100, 50, 'SIP+D2U', '_sip._udp.example.com'],
      [10, 10, 'E2U+sip', 'other.example.com'],
    ],
  },
  srv: {
    '_sips._tcp.example.com': [[0, 1, 5061, 's1.example.com']],
    '_sip._tcp.example.com': [
      [1, 1, 5070, 's2.example.com'],
      [0, 1, 5060, 's1.example.com'],
    ],
    '_sip._udp.example.com': [[0, 1, 5080, 's2.example.com']],
    '_sip._udp.plain.example': [[0, 0, 5090, 'host.plain.example']],
    '_sip._udp.none.example': [[0, 0, 0, '.']],
  },
  a: {
    's1.example.com': ['192.0.2.1', '192.0.2.11'],
    's2.example.com': ['192.0.2.2'],
    'host.plain.example': ['192.0.2.3'],
    'none.example': ['192.0.2.4'],
    'bare.example': ['192.0.2.5'],
  },
  aaaa: { 'bare.example': ['2001:db8::5'] },
};

describe('resolution of SIP URIs (RFC 3263)', () => {
  it('§4.1: NAPTR in its order, SRV by priority, every address', async () => {
    const { places } = resolverFor(zone);
    assert.deepEqual(await places('sip:a@example.com'), [
      'tls 192.0.2.1 5061',
      'tls 192.0.2.11 5061',
      'tcp 192.0.2.1 5060',
      'tcp 192.0.2.11 5060',
      'tcp 192.0.2.2 5070',
      'udp 192.0.2.2 5080',
    ]);
  });

  it('§4.1: only what can be sent over, and for sips only TLS', async () => {
    const udpOnly = resolverFor(zone, { can: (protocol, family) => protocol === 'udp' && family === 4 });
    assert.deepEqual(await udpOnly.places('sip:a@example.com'), ['udp 192.0.2.2 5080']);
    const { uris, places } = resolverFor(zone);
    assert.deepEqual(await places('sips:a@example.com'), ['tls 192.0.2.1 5061', 'tls 192.0.2.11 5061']);
    // RFC 5922 §4: the name of the certificate is the domain, not the server that SRV named.
    const [one] = await uris.resolve('sips:a@example.com');
    assert.ok(one?.kind === 'address' && one.serverName === 'example.com');
  });

  it('§4.1: with transport, SRV of that transport; without NAPTR, SRV of every one', async () => {
    const { places, log } = resolverFor(zone);
    assert.deepEqual(await places('sip:a@example.com;transport=UDP'), ['udp 192.0.2.2 5080']);
    assert.ok(!log.some((question) => question.startsWith('NAPTR')));
    assert.deepEqual(await places('sip:plain.example'), ['udp 192.0.2.3 5090']);
  });

  it('§4.2: with a port, or without any record, the address of the host', async () => {
    const { places, log } = resolverFor(zone);
    assert.deepEqual(await places('sip:a@bare.example:5999'), ['udp 192.0.2.5 5999']);
    assert.deepEqual(log, ['A bare.example']);
    assert.deepEqual(await places('sip:a@bare.example'), ['udp 192.0.2.5 5060']);
    assert.deepEqual(await places('sip:a@bare.example;transport=tls'), ['tls 192.0.2.5 5061']);
    // RFC 2782: "." is no host.
    assert.deepEqual(await places('sip:a@none.example'), ['udp 192.0.2.4 5060']);
  });

  it('asks for IPv6 where there is an endpoint, and puts last what none reaches', async () => {
    const both = { can: () => true };
    assert.deepEqual(await resolverFor(zone, both).places('sip:bare.example:1'), [
      'udp 2001:db8::5 1',
      'udp 192.0.2.5 1',
    ]);
    const far = resolverFor(zone, { ...both, reaches: (_protocol, address) => !address.includes(':') });
    assert.deepEqual(await far.places('sip:bare.example:1'), ['udp 192.0.2.5 1', 'udp 2001:db8::5 1']);
  });

  it('knows numeric hosts without asking, and what is never reached by address', async () => {
    const { uris, places, log } = resolverFor(zone);
    assert.deepEqual(uris.now('sip:a@192.0.2.9'), [
      { kind: 'address', protocol: 'udp', remote: { address: '192.0.2.9', port: 5060 } },
    ]);
    assert.deepEqual(await places('sip:a@example.com;maddr=192.0.2.8'), ['udp 192.0.2.8 5060']);
    assert.deepEqual(await places('sips:a@[2001:db8::1]'), ['tls 2001:db8::1 5061']);
    assert.deepEqual(await places('sips:a@192.0.2.9;transport=tcp'), ['tls 192.0.2.9 5061']);
    assert.deepEqual(await places('sip:a@192.0.2.9:80;transport=ws'), ['ws 192.0.2.9 80']);
    assert.deepEqual(uris.now('sip:a@example.com'), undefined);
    for (const uri of [
      'sip:a@x.invalid',
      'tel:+15550100',
      'nonsense',
      'sips:a@h;transport=udp',
      'sip:h;transport=sctp',
    ]) {
      assert.deepEqual(uris.now(uri), [], uri);
    }
    assert.deepEqual(log, []);
  });

  it('asks once for what it knows, and again when that is old or was an error', async () => {
    const { places, clock, log } = resolverFor(zone, { cacheMs: 1_000 });
    await Promise.all([places('sip:bare.example:1'), places('sip:bare.example:2')]);
    assert.equal(log.length, 1);
    clock.advance(1_001);
    await places('sip:bare.example:1');
    assert.equal(log.length, 2);
    await assert.rejects(places('sip:broken.example:1'), /SERVFAIL/);
    await assert.rejects(places('sip:broken.example'), /SERVFAIL/);
    assert.equal(log.filter((question) => question === 'A broken.example').length, 2);
  });
});

describe('the order of SRV records (RFC 2782)', () => {
  const record = fc.record({
    priority: fc.nat(3),
    weight: fc.nat(5),
    port: fc.nat(65_535),
    name: fc.domain(),
  });

  it('keeps every record, by priority', () => {
    fc.assert(
      fc.property(fc.array(record), (records) => {
        const ordered = inServiceOrder(records, systemRandom);
        assert.deepEqual(new Set(ordered), new Set(records));
        assert.equal(ordered.length, records.length);
        for (let i = 1; i < ordered.length; i++) {
          assert.ok((ordered[i - 1]?.priority ?? 0) <= (ordered[i]?.priority ?? 0));
        }
      }),
    );
  });

  it('gives each its share by weight', () => {
    const records = [1, 3].map((weight) => ({ priority: 0, weight, port: weight, name: 'h' }));
    let heavy = 0;
    for (let i = 0; i < 400; i++) {
      const random = { hex: () => '', unit: () => (i + 0.5) / 400 };
      if (inServiceOrder(records, random)[0]?.weight === 3) heavy++;
    }
    assert.equal(heavy, 300);
  });
});
