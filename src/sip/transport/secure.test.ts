import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { testCertificate } from '../../testing/test-certificate.ts';
import { ask, atEnd, endAll, outgoing, request, start, tcpPeer, until } from '../../testing/transport-kit.ts';
import { createResponse, type SipRequest } from '../message/index.ts';

afterEach(endAll);

const secure = { tls: { ...testCertificate, ca: testCertificate.cert } };

type WebPeer = { socket: WebSocket; got: string[]; next(): Promise<string> };

const webPeer = async (url: string, protocols: string[] = ['sip']): Promise<WebPeer> => {
  const socket = new WebSocket(url, protocols, { ca: testCertificate.cert });
  const got: string[] = [];
  socket.on('message', (data: Buffer) => got.push(data.toString()));
  socket.on('error', () => undefined);
  atEnd(() => socket.terminate());
  await once(socket, 'open');
  return {
    socket,
    got,
    next: async () => {
      await until(() => got.length > 0, 'a WebSocket message');
      return got.shift() ?? '';
    },
  };
};

describe('transport: TLS', () => {
  it('takes messages from a client and answers over the same connection', async () => {
    const kit = await start(['tls'], secure);
    const client = connectTls({ port: kit.port('tls'), host: '127.0.0.1', ca: testCertificate.cert });
    atEnd(() => void client.destroy());
    let text = '';
    client.on('data', (data: Buffer) => (text += data.toString()));
    await once(client, 'secureConnect');
    const bytes = Buffer.from(request({ via: 'SIP/2.0/TLS 10.0.0.1;rport;branch=z9hG4bKa' }));
    for (const byte of bytes) client.write(Buffer.of(byte));
    const { message, flow } = await kit.next();
    assert.equal(flow.protocol, 'tls');
    kit.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
    await until(() => text.startsWith('SIP/2.0 200 OK'));
  });

  it('dials by the name the certificate carries and reuses the connection by it (RFC 5922 §4)', async () => {
    const [a, b] = [await start(['tls'], secure), await start(['tls'], secure)];
    const remote = { address: '127.0.0.1', port: b.port('tls') };
    const named = (serverName: string) => ({ kind: 'address', protocol: 'tls', remote, serverName }) as const;
    const first = await ask(a.layer, outgoing(a.layer, 'tls'), named('pbx.test'));
    const second = await ask(a.layer, outgoing(a.layer, 'tls'), named('pbx.test'));
    const third = await ask(a.layer, outgoing(a.layer, 'tls'), named('localhost'));
    assert.ok(first.ok && second.ok && third.ok);
    assert.equal(first.flow, second.flow);
    assert.notEqual(first.flow, third.flow);
    for (let i = 0; i < 3; i++) assert.equal((await b.next()).flow.protocol, 'tls');
  });

  it('sends nothing to a peer whose certificate is for another name, or unknown', async () => {
    const b = await start(['tls'], secure);
    const remote = { address: '127.0.0.1', port: b.port('tls') };
    const trusting = await start(['tls'], secure);
    const stranger = await start(['tls'], { tls: testCertificate });
    for (const [kit, serverName] of [
      [trusting, 'other.test'],
      [stranger, 'pbx.test'],
    ] as const) {
      const result = await ask(kit.layer, outgoing(kit.layer, 'tls'), {
        kind: 'address',
        protocol: 'tls',
        remote,
        serverName,
      });
      assert.ok(!result.ok && result.failure === 'refused', JSON.stringify(result));
    }
    assert.equal((b.layer.describe() as { counters: { requestsIn: number } }).counters.requestsIn, 0);
  });

  it('ends a client that never shakes hands', async () => {
    const kit = await start(['tls'], { ...secure, limits: { handshakeMs: 100 } });
    const peer = await tcpPeer(kit.port('tls'));
    await peer.closed();
    const garbage = await tcpPeer(kit.port('tls'));
    garbage.socket.write(request({}));
    await garbage.closed();
  });
});

describe('transport: WebSocket (RFC 7118)', () => {
  for (const protocol of ['ws', 'wss'] as const) {
    it(`${protocol}: a request in, a response and a request out over the same connection`, async () => {
      const kit = await start([protocol, `${protocol} ::1`], secure);
      const peer = await webPeer(`${protocol}://127.0.0.1:${kit.port(protocol)}/any`);
      assert.equal(peer.socket.protocol, 'sip');
      const via = `SIP/2.0/${protocol.toUpperCase()} df7jal23ls0d.invalid;rport;branch=z9hG4bKa`;
      peer.socket.send(request({ via }));
      peer.socket.send(Buffer.from(request({ via })), { binary: true });
      const { message, flow } = await kit.next();
      await kit.next();
      assert.equal(flow.protocol, protocol);
      assert.match(message.headers.get('via') ?? '', /;rport=\d+;received=127\.0\.0\.1$/);
      kit.layer.sendResponse(createResponse(message as SipRequest, 200), flow, () => undefined);
      assert.match(await peer.next(), /^SIP\/2\.0 200 OK\r\n/);
      const to = { kind: 'flow', flow } as const;
      assert.equal(kit.layer.listenerFor(to)?.protocol, protocol);
      assert.ok((await ask(kit.layer, outgoing(kit.layer, protocol), to)).ok);
      assert.match(
        await peer.next(),
        new RegExp(`^OPTIONS [^]*Via: SIP/2.0/${protocol.toUpperCase()} 127.0.0.1:`),
      );
      peer.socket.send('\r\n\r\n');
      assert.equal(await peer.next(), '\r\n');
      peer.socket.close();
      await until(() => kit.closed.length === 1);
      assert.equal(kit.closed[0], flow);
      const gone = await ask(kit.layer, outgoing(kit.layer, protocol), to);
      assert.ok(!gone.ok && gone.failure === 'closed');
    });
  }

  it('sends a body that is no UTF-8 as binary', async () => {
    const kit = await start(['ws']);
    const peer = await webPeer(`ws://127.0.0.1:${kit.port('ws')}`);
    const kinds: boolean[] = [];
    peer.socket.on('message', (_data, isBinary) => kinds.push(isBinary));
    peer.socket.send(request({}));
    const to = { kind: 'flow', flow: (await kit.next()).flow } as const;
    await ask(kit.layer, outgoing(kit.layer, 'ws', Buffer.from('ä')), to);
    await ask(kit.layer, outgoing(kit.layer, 'ws', Buffer.of(0xff, 0xfe)), to);
    await until(() => kinds.length === 2);
    assert.deepEqual(kinds, [false, true]);
  });

  it('refuses a client that does not offer sip, and what is no WebSocket', async () => {
    const kit = await start(['ws']);
    const url = `127.0.0.1:${kit.port('ws')}`;
    await assert.rejects(webPeer(`ws://${url}`, []), /400/);
    await assert.rejects(webPeer(`ws://${url}`, ['xmpp']), /400/);
    const status = await new Promise((resolve, reject) => {
      httpRequest(`http://${url}/`, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    assert.equal(status, 426);
  });

  it('ends a client whose message is too large, and one that does not answer pings', async () => {
    const kit = await start(['ws'], { limits: { messageBytes: 2_000, pingMs: 50 } });
    const url = `ws://127.0.0.1:${kit.port('ws')}`;
    const large = await webPeer(url);
    large.socket.send(request({ body: 'x'.repeat(3_000) }));
    await until(() => kit.closed.length === 1);
    const silent = new WebSocket(url, ['sip'], { autoPong: false });
    const alive = await webPeer(url);
    atEnd(() => silent.terminate());
    await once(silent, 'close');
    assert.equal(alive.socket.readyState, WebSocket.OPEN);
  });

  it('is never dialled, and an .invalid host is never looked up', async () => {
    const kit = await start(['ws', 'udp'], {
      resolver: {
        naming: () => assert.fail('asked DNS'),
        services: () => assert.fail('asked DNS'),
        addresses: () => assert.fail('asked DNS'),
      },
    });
    assert.deepEqual(kit.layer.destinationsNow('sip:a@df7jal23ls0d.invalid;transport=ws'), []);
    assert.deepEqual(await kit.layer.resolve('sip:a@DF7.INVALID'), []);
    const remote = { address: '127.0.0.1', port: 9 };
    const result = await ask(kit.layer, outgoing(kit.layer, 'ws'), {
      kind: 'address',
      protocol: 'ws',
      remote,
    });
    assert.ok(!result.ok && result.failure === 'closed');
  });
});
