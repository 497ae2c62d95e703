import assert from 'node:assert/strict';
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts';
import {
  ask,
  endAll,
  noNames,
  outgoing,
  request,
  start,
  tcpPeer,
  udpPeer,
  until,
} from '../../testing/transport-kit.ts';
import { createResponse, parseMessage, topVia, type SipRequest } from '../message/index.ts';
import { createTransport } from './index.ts';
import type { SendResult } from './types.ts';

afterEach(endAll);

describe('transport: UDP', () => {
  it('writes received and rport into the Via (RFC 3581 §4) and answers to the source', async () => {
    const kit = await start(['udp']);
    const peer = await udpPeer();
    peer.send(request({ via: 'SIP/2.0/UDP 10.1.1.1:5999;rport;branch=z9hG4bKa' }), kit.port('udp'));
    const { message, flow } = await kit.next();
    assert.equal(
      message.headers.get('via'),
      `SIP/2.0/UDP 10.1.1.1:5999;branch=z9hG4bKa;rport=${peer.port};received=127.0.0.1`,
    );
    assert.deepEqual(flow.remote, { address: '127.0.0.1', port: peer.port });
    assert.equal(flow.reliable, false);
    kit.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
    assert.match((await peer.next()).toString(), /^SIP\/2\.0 200 OK\r\n/);
  });

  it('without rport answers to the port of the Via (RFC 3261 §18.2.2)', async () => {
    const kit = await start(['udp']);
    const [peer, other] = [await udpPeer(), await udpPeer()];
    peer.send(
      request({ via: `SIP/2.0/UDP host.example.com:${other.port};branch=z9hG4bKa` }),
      kit.port('udp'),
    );
    const { message, flow } = await kit.next();
    assert.equal(topVia(message)?.parameters.get('received'), '127.0.0.1');
    kit.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
    assert.match((await other.next()).toString(), /^SIP\/2\.0 200 OK\r\n/);
  });

  it('replaces received and rport that the sender made up', async () => {
    const kit = await start(['udp']);
    const peer = await udpPeer();
    const via = 'SIP/2.0/UDP 127.0.0.1:9;received=192.0.2.1;rport=7;branch=z9hG4bKa, SIP/2.0/UDP 1.1.1.1';
    peer.send(request({ via }), kit.port('udp'));
    const { message } = await kit.next();
    assert.deepEqual(message.headers.list('via'), [
      `SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKa;rport=${peer.port};received=127.0.0.1`,
      'SIP/2.0/UDP 1.1.1.1',
    ]);
  });

  it('gives the same flow for the same peer', async () => {
    const kit = await start(['udp']);
    const peer = await udpPeer();
    peer.send(request({}), kit.port('udp'));
    peer.send(request({}), kit.port('udp'));
    const [a, b] = [await kit.next(), await kit.next()];
    assert.equal(a.flow, b.flow);
    assert.equal(kit.layer.isOpen(a.flow), true);
    assert.equal((await ask(kit.layer, outgoing(kit.layer, 'udp'), { kind: 'flow', flow: a.flow })).ok, true);
    assert.match((await peer.next()).toString(), /^OPTIONS /);
  });

  it('answers STUN (RFC 5626 §3.5.2) and hands up no keep-alive', async () => {
    const kit = await start(['udp']);
    const peer = await udpPeer();
    const binding = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
    peer.send('\r\n\r\n', kit.port('udp'));
    peer.send(Buffer.alloc(4), kit.port('udp'));
    peer.send(binding, kit.port('udp'));
    const answer = await peer.next();
    assert.equal(answer.toString('hex', 0, 24), '0101000c2112a442000102030405060708090a0b00200008');
    assert.equal(answer.readUInt16BE(26) ^ 0x2112, peer.port);
    assert.equal((answer.readUInt32BE(28) ^ 0x2112a442) >>> 0, 0x7f000001);
    peer.send(request({}), kit.port('udp'));
    await kit.next();
    assert.equal((kit.layer.describe() as { counters: { keepAlives: number } }).counters.keepAlives, 3);
  });

  it('answers what is malformed where it can (RFC 4475), and floods of it no more', async () => {
    const kit = await start(['udp'], { limits: { garbage: 3 } });
    const peer = await udpPeer();
    const bad = request({}).replace('CSeq: 1 OPTIONS', 'CSeq: x OPTIONS').replace('5070', String(peer.port));
    for (let i = 0; i < 50; i++) peer.send(bad, kit.port('udp'));
    for (let i = 0; i < 50; i++) peer.send(Buffer.alloc(100, i + 65), kit.port('udp'));
    // Whoever sent garbage is still heard when it sends SIP.
    peer.send(request({}), kit.port('udp'));
    await kit.next();
    for (let i = 0; i < 3; i++) assert.match((await peer.next()).toString(), /^SIP\/2\.0 400 /);
    const { counters } = kit.layer.describe() as { counters: Record<string, number> };
    assert.equal(counters['unparseableAnswered'], 3);
    assert.equal(counters['dropped'], 97);
  });

  it('works over IPv6', async () => {
    const kit = await start(['udp ::1', 'udp']);
    const peer = await udpPeer('::1');
    peer.send(request({ via: 'SIP/2.0/UDP [::1]:5060;rport;branch=z9hG4bKa' }), kit.port('udp'));
    const { message, flow } = await kit.next();
    assert.match(message.headers.get('via') ?? '', /;received=::1$/);
    kit.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
    assert.match((await peer.next()).toString(), /^SIP\/2\.0 200 OK/);
    const [to] = kit.layer.destinationsNow(`sip:[::1]:${peer.port}`) ?? [];
    assert.ok(to);
    assert.equal(kit.layer.listenerFor(to)?.local.address, '::1');
    assert.equal((await ask(kit.layer, outgoing(kit.layer, 'udp'), to)).ok, true);
    assert.match((await peer.next()).toString(), /Via: SIP\/2\.0\/UDP \[::1\]:\d+;rport;branch=z9hG4bKout/);
  });

  it('listens on every address where it is told to, so that Via names one that can be answered', async () => {
    const kit = await start([], {
      listen: [
        { protocol: 'udp', address: '0.0.0.0', port: 0, external: { address: '198.51.100.1', port: 5060 } },
      ],
    });
    const addresses = kit.layer.listeners.map(({ local }) => local.address);
    assert.ok(addresses.includes('127.0.0.1') && !addresses.includes('0.0.0.0'), String(addresses));
    for (const listener of kit.layer.listeners) {
      const named = listener.local.address.startsWith('127.')
        ? `127.0.0.1:${listener.local.port}`
        : '198.51.100.1:5060';
      assert.equal(kit.layer.viaFor(listener, 'z9hG4bKx'), `SIP/2.0/UDP ${named};rport;branch=z9hG4bKx`);
    }
  });

  it('tells when a request is too large for a datagram, or there is no endpoint for it', async () => {
    const kit = await start(['udp']);
    const to = (address: string) =>
      ({ kind: 'address', protocol: 'udp', remote: { address, port: 9 } }) as const;
    const large = await ask(kit.layer, outgoing(kit.layer, 'udp', Buffer.alloc(66_000)), to('127.0.0.1'));
    assert.ok(!large.ok && large.failure === 'too-large');
    const six = await ask(kit.layer, outgoing(kit.layer, 'udp'), to('::1'));
    assert.ok(!six.ok && six.failure === 'no-transport');
    assert.equal(kit.layer.listenerFor(to('::1')), undefined);
  });

  it('asks the admission of a source before it parses', async () => {
    const [denied, peer] = [await udpPeer(), await udpPeer()];
    const kit = await start(['udp'], { admit: (flow) => flow.remote.port !== denied.port });
    denied.send(request({ branch: 'z9hG4bKdenied' }), kit.port('udp'));
    peer.send(request({ branch: 'z9hG4bKasked' }), kit.port('udp'));
    assert.equal(topVia((await kit.next()).message)?.parameters.get('branch'), 'z9hG4bKasked');
  });

  it('says which endpoint cannot be bound', async () => {
    const kit = await start(['udp']);
    const port = kit.port('udp');
    await assert.rejects(
      createTransport({
        listen: [{ protocol: 'udp', address: '127.0.0.1', port }],
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        resolver: noNames,
      }),
      new RegExp(`udp 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`),
    );
  });
});

describe('transport: TCP', () => {
  it('reads a stream byte by byte, and many messages in one write', async () => {
    const kit = await start(['tcp']);
    const peer = await tcpPeer(kit.port('tcp'));
    peer.socket.setNoDelay(true);
    const text = request({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKa', body: 'Hällo' });
    for (const byte of Buffer.from(text)) peer.socket.write(Buffer.of(byte));
    assert.equal((await kit.next()).message.body.toString(), 'Hällo');
    peer.socket.write(text.repeat(100));
    const events = [];
    for (let i = 0; i < 100; i++) events.push(await kit.next());
    assert.ok(events.every(({ message, flow }) => message.body.toString() === 'Hällo' && flow.reliable));
    for (const { message, flow } of events) {
      kit.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
    }
    await until(() => peer.text().split('SIP/2.0 200 OK').length === 101);
  });

  it('answers a double CRLF with one (RFC 5626 §3.5.1), and STUN', async () => {
    const kit = await start(['tcp']);
    const peer = await tcpPeer(kit.port('tcp'));
    peer.socket.write('\r\n\r\n');
    assert.equal(await peer.until('\r\n'), '\r\n');
    const binding = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
    peer.socket.write(binding.subarray(0, 7));
    peer.socket.write(Buffer.concat([binding.subarray(7), Buffer.from(request({}))]));
    await kit.next();
    await until(() => peer.text().length === 2 + 32);
  });

  it('sends requests over the flow a peer came on, and tells when it closed', async () => {
    const kit = await start(['tcp']);
    const peer = await tcpPeer(kit.port('tcp'));
    peer.socket.write(request({ via: 'SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKa' }));
    const { flow } = await kit.next();
    const to = { kind: 'flow', flow } as const;
    assert.equal(kit.layer.listenerFor(to)?.protocol, 'tcp');
    assert.equal((await ask(kit.layer, outgoing(kit.layer, 'tcp'), to)).ok, true);
    await peer.until('OPTIONS sip:x@127.0.0.1');
    // By address it is the same connection (RFC 3261 §18: reuse).
    const again = await ask(kit.layer, outgoing(kit.layer, 'tcp'), {
      kind: 'address',
      protocol: 'tcp',
      remote: flow.remote,
    });
    assert.ok(again.ok && again.flow === flow);
    peer.socket.end();
    await until(() => kit.closed.length === 1);
    assert.equal(kit.closed[0], flow);
    assert.equal(kit.layer.isOpen(flow), false);
    const gone = await ask(kit.layer, outgoing(kit.layer, 'tcp'), to);
    assert.ok(!gone.ok && gone.failure === 'closed');
  });

  it('dials once for many requests, and tells when nobody is there', async () => {
    const [a, b] = [await start(['tcp']), await start(['tcp'])];
    const to = {
      kind: 'address',
      protocol: 'tcp',
      remote: { address: '127.0.0.1', port: b.port('tcp') },
    } as const;
    const results = await Promise.all([1, 2, 3].map(() => ask(a.layer, outgoing(a.layer, 'tcp'), to)));
    assert.ok(results.every((result) => result.ok));
    const events = [await b.next(), await b.next(), await b.next()];
    assert.equal(new Set(events.map(({ flow }) => flow.id)).size, 1);
    await b.layer.close();
    await until(() => a.closed.length === 1);
    const refused = await ask(a.layer, outgoing(a.layer, 'tcp'), to);
    assert.ok(!refused.ok && refused.failure === 'refused');
  });

  it('opens a connection to the Via of a request whose own is gone (RFC 3261 §18.2.2)', async () => {
    const [a, b] = [await start(['tcp']), await start(['tcp'])];
    const peer = await tcpPeer(a.port('tcp'));
    peer.socket.write(request({ via: `SIP/2.0/TCP 127.0.0.1:${b.port('tcp')};branch=z9hG4bKa` }));
    const { message, flow } = await a.next();
    peer.socket.end();
    await until(() => a.closed.length === 1);
    a.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
    const { message: response } = await b.next();
    assert.ok(response.kind === 'response' && response.status === 200);
  });

  it('asks DNS for the host of that Via when nobody is at the source (RFC 3263 §5)', async () => {
    const resolver = {
      ...noNames,
      addresses: (_name: string, family: number) => Promise.resolve(family === 6 ? ['::1'] : []),
    };
    const [a, b] = [await start(['tcp', 'tcp ::1'], { resolver }), await start(['tcp ::1'])];
    const peer = await tcpPeer(a.port('tcp'));
    peer.socket.write(request({ via: `SIP/2.0/TCP host.example:${b.port('tcp')};branch=z9hG4bKa` }));
    const { message, flow } = await a.next();
    peer.socket.end();
    await until(() => a.closed.length === 1);
    const response = createResponse(message as SipRequest, 200);
    const result = await new Promise<SendResult>((resolve) => a.layer.sendResponse(response, flow, resolve));
    assert.ok(result.ok && result.flow.remote.address === '::1');
    assert.equal((await b.next()).message.kind, 'response');
  });

  it('closes a stream it cannot read on, after an answer', async () => {
    const kit = await start(['tcp']);
    const peer = await tcpPeer(kit.port('tcp'));
    peer.socket.write(
      request({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKa' }).replace('th: 0', 'th: 99999999'),
    );
    await peer.closed();
    assert.match(peer.text(), /^SIP\/2\.0 513 /);
  });

  it('limits the connections of one source, and ends those that say nothing', async () => {
    const kit = await start(['tcp'], { limits: { connectionsPerSource: 2, firstMessageMs: 100 } });
    const peers = [
      await tcpPeer(kit.port('tcp')),
      await tcpPeer(kit.port('tcp')),
      await tcpPeer(kit.port('tcp')),
    ];
    await peers[2]?.closed();
    peers[0]?.socket.write(request({}));
    await kit.next();
    await peers[1]?.closed();
    assert.equal(peers[0]?.socket.closed, false);
  });

  it('ends an idle connection', async () => {
    const kit = await start(['tcp'], { limits: { idleMs: 100 } });
    const peer = await tcpPeer(kit.port('tcp'));
    peer.socket.write(request({}));
    await kit.next();
    await peer.closed();
    await until(() => kit.closed.length === 1);
  });

  it('ends the connection of a peer that does not read', async () => {
    const kit = await start(['tcp'], { limits: { writeBufferBytes: 100_000 } });
    const peer = await tcpPeer(kit.port('tcp'));
    peer.socket.write(request({}));
    const { flow } = await kit.next();
    peer.socket.pause();
    const big = outgoing(kit.layer, 'tcp', Buffer.alloc(50_000));
    let last: SendResult | undefined;
    for (let i = 0; i < 2_000 && last?.ok !== false; i++)
      last = await ask(kit.layer, big, { kind: 'flow', flow });
    assert.ok(last?.ok === false && last.failure === 'closed');
    await until(() => kit.closed.length === 1);
  });
});

describe('transport: UDP requests that are too large for UDP (RFC 3261 §18.1.1)', () => {
  const body = Buffer.alloc(2_000, 'a');

  it('go over TCP', async () => {
    const [a, b] = [await start(['udp', 'tcp']), await start(['tcp'])];
    const sent = outgoing(a.layer, 'udp', body);
    const remote = { address: '127.0.0.1', port: b.port('tcp') };
    const result = await ask(a.layer, sent, { kind: 'address', protocol: 'udp', remote });
    assert.ok(result.ok && result.flow.protocol === 'tcp');
    const { message } = await b.next();
    assert.match(message.headers.get('via') ?? '', new RegExp(`^SIP/2.0/TCP 127.0.0.1:${a.port('tcp')};`));
    assert.equal(topVia(message)?.parameters.get('branch'), 'z9hG4bKout');
  });

  it('go over UDP where the peer takes no TCP, the next one at once', async () => {
    const a = await start(['udp', 'tcp']);
    const peer = await udpPeer();
    const to = {
      kind: 'address',
      protocol: 'udp',
      remote: { address: '127.0.0.1', port: peer.port },
    } as const;
    for (let i = 0; i < 2; i++) {
      const result = await ask(a.layer, outgoing(a.layer, 'udp', body), to);
      assert.ok(result.ok && result.flow.protocol === 'udp');
      const parsed = parseMessage(await peer.next());
      assert.ok(parsed.ok && topVia(parsed.message)?.transport === 'UDP');
      assert.equal(parsed.message.body.length, body.length);
    }
  });

  it('go over UDP where that is switched off or there is no TCP endpoint', async () => {
    const peer = await udpPeer();
    const to = {
      kind: 'address',
      protocol: 'udp',
      remote: { address: '127.0.0.1', port: peer.port },
    } as const;
    for (const kit of [await start(['udp', 'tcp'], { largeRequestsToTcp: false }), await start(['udp'])]) {
      const result = await ask(kit.layer, outgoing(kit.layer, 'udp', body), to);
      assert.ok(result.ok && result.flow.protocol === 'udp');
      await peer.next();
    }
  });
});
