import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import Srf from 'drachtio-srf';
import { silentLogger } from '../../src/base/index.ts';
import { startSignalingEngine, type SignalingEngine } from '../../src/drachtio/index.ts';
import { runEngine, type Engine } from '../../src/drachtio/engine.ts';
import { testCertificate } from '../../src/testing/test-certificate.ts';
import { AdminClient } from './admin-client.ts';

const register = (port: number, contact: string) =>
  [
    'REGISTER sip:pbx.test SIP/2.0',
    `Via: SIP/2.0/TCP 127.0.0.1:${port};branch=z9hG4bK-reg-1`,
    'From: <sip:1001@pbx.test>;tag=a',
    'To: <sip:1001@pbx.test>',
    'Call-ID: reg-1',
    'CSeq: 1 REGISTER',
    `Contact: <${contact}>;expires=60`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');

/** Reads from the socket until the text fits. */
const read = async (socket: Socket, fits: RegExp): Promise<string> => {
  let text = '';
  while (!fits.test(text)) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    text += data.toString();
  }
  return text;
};

describe('flows (RFC 5626 §5.3)', () => {
  let engine: Engine;
  let app: AdminClient;
  let phone: Socket;

  beforeEach(async () => {
    engine = await runEngine(
      { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'], admin: { secret: 's' } },
      silentLogger,
    );
    app = await AdminClient.open(engine.admin.port, 's', 'register', 'flow-closed');
    phone = connect(engine.listeners.find(({ protocol }) => protocol === 'tcp')?.port ?? 0, '127.0.0.1');
    await once(phone, 'connect');
  });

  afterEach(async () => {
    phone.destroy();
    app.close();
    await engine.close();
  });

  const registered = async (contact: string) => {
    phone.write(register(phone.localPort ?? 0, contact));
    const event = await app.event('REGISTER ');
    assert.equal(event.tokens[4], 'tcp');
    await app.command(
      `sip|${event.tokens[8]}|\r\nSIP/2.0 200 OK\r\nContact: <${contact}>;expires=60\r\n\r\n`,
    );
    await read(phone, /SIP\/2\.0 200 OK/);
  };

  it('a request for a registered contact goes over the connection on which it registered', async () => {
    // Nothing listens at the contact, and its host resolves to nothing.
    await registered('sip:1001@phone.invalid;transport=tcp');
    const invite = read(phone, /^INVITE sip:1001@phone\.invalid;transport=tcp SIP\/2\.0\r\n/);
    const sent = await app.command('sip||\r\nINVITE sip:1001@phone.invalid;transport=tcp SIP/2.0\r\n\r\n');
    assert.equal(sent.tokens[0], 'OK');
    assert.match(await invite, /Contact: <sip:127\.0\.0\.1:\d+;transport=tcp>/);
  });

  it('the next hop that the application names may be the address of an open connection', async () => {
    const invite = read(phone, /^INVITE sip:1001@pbx\.test SIP\/2\.0\r\n/);
    phone.write(register(phone.localPort ?? 0, 'sip:1001@x.invalid'));
    await app.event('REGISTER ');
    const hop = `sip:127.0.0.1:${phone.localPort};transport=tcp`;
    const sent = await app.command(`sip|||${hop}\r\nINVITE sip:1001@pbx.test SIP/2.0\r\n\r\n`);
    assert.equal(sent.tokens[0], 'OK');
    await invite;
  });

  it('its close is told to who subscribed to flow-closed', async () => {
    await registered('sip:1001@phone.invalid;transport=tcp');
    const { localPort } = phone;
    phone.end();
    const event = await app.event('FLOW-CLOSED ');
    assert.match(event.sip, new RegExp(`^FLOW-CLOSED sip:127.0.0.1:${localPort};transport=tcp SIP/2.0\r\n`));
    assert.deepEqual(event.tokens.slice(4, 7), ['tcp', '127.0.0.1', String(localPort)]);
    const ignored = await app.command(`sip|${event.tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
    assert.equal(ignored.tokens[0], 'NOK');
    const gone = await app.command('sip||\r\nOPTIONS sip:1001@phone.invalid;transport=tcp SIP/2.0\r\n\r\n');
    assert.equal(gone.tokens[0], 'NOK');
  });
});

describe('transports', () => {
  it('an engine that has TCP alone uses it for a URI that names no transport', async () => {
    const callee = createServer();
    callee.listen(0, '127.0.0.1');
    await once(callee, 'listening');
    const engine = await runEngine({ listen: ['tcp:127.0.0.1:0'], admin: { secret: 's' } }, silentLogger);
    const app = await AdminClient.open(engine.admin.port, 's');
    const called = once(callee, 'connection') as Promise<[Socket]>;
    const { port } = callee.address() as AddressInfo;
    const sent = await app.command(`sip||\r\nOPTIONS sip:x@127.0.0.1:${port} SIP/2.0\r\n\r\n`);
    assert.deepEqual([sent.tokens[0], sent.tokens[3]], ['OK', 'tcp']);
    const [socket] = await called;
    assert.match(await read(socket, /\r\n\r\n/), /^OPTIONS .*\r\nVia: SIP\/2\.0\/TCP /m);
    socket.destroy();
    app.close();
    await engine.close();
    callee.close();
  });
});

describe('engine on its own thread', () => {
  let engine: SignalingEngine | undefined;

  afterEach(async () => {
    await engine?.close();
    engine = undefined;
  });

  it('tells where it listens, serves drachtio-srf, counts, describes itself, and closes', async () => {
    engine = await startSignalingEngine({ listen: ['udp:127.0.0.1:0'], admin: { secret: 's' } });
    const { host, port } = engine.admin;
    const srf = new Srf();
    void srf.connect({ host, port, secret: 's' });
    const [error, hostports] = (await once(srf, 'connect')) as [Error | null, string];
    assert.equal(error, null);
    assert.equal(hostports, `udp/127.0.0.1:${engine.listeners[0]?.port}`);
    assert.equal((await engine.stats()).applications, 1);
    assert.ok('transport' in (await engine.describe()));
    srf.disconnect();
    await engine.close();
    await assert.rejects(engine.stats(), /has ended/);
  });

  it('listens on every transport, IPv6 too, and tells applications so', async () => {
    const protocols = ['udp', 'tcp', 'tls', 'ws', 'wss'];
    const listen = protocols.map((p) => `${p}:127.0.0.1:0`).concat('udp:[::1]:0');
    engine = await startSignalingEngine({ listen, tls: testCertificate, admin: { secret: 's' } });
    const app = new AdminClient(connect(engine.admin.port, engine.admin.host));
    const { tokens } = await app.command('authenticate|s|');
    const told = engine.listeners.map(({ protocol, address, port }) =>
      address.includes(':') ? `${protocol}/[${address}]:${port}` : `${protocol}/${address}:${port}`,
    );
    assert.deepEqual(tokens, ['OK', told.join(','), 'v0.9.10-flipswitch', told.join(',')]);
    assert.deepEqual(
      engine.listeners.map(({ protocol }) => protocol).toSorted(),
      [...protocols, 'udp'].toSorted(),
    );
    app.close();
  });

  it('says what is wrong with an address: taken, absent, misspelt', async () => {
    engine = await startSignalingEngine({ listen: ['udp:127.0.0.1:0'], admin: { secret: 's' } });
    const { port } = engine.listeners[0] ?? { port: 0 };
    const start = (listen: string, adminPort = 0) =>
      startSignalingEngine({ listen: [listen], admin: { secret: 's', port: adminPort } });
    await assert.rejects(start(`udp:127.0.0.1:${port}`), new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
    await assert.rejects(start('udp:127.0.0.1:0', engine.admin.port), /EADDRINUSE/);
    await assert.rejects(start('udp:192.0.2.1:0'), /192\.0\.2\.1.*EADDRNOTAVAIL/);
    await assert.rejects(start('udp:127.0.0.1'), /udp:127\.0\.0\.1.*no listening address/);
    await assert.rejects(start('wss:127.0.0.1:0'), /wss 127\.0\.0\.1:0 needs a TLS key/);
    const tls = { key: 'nonsense', cert: 'nonsense' };
    const broken = startSignalingEngine({ listen: ['tls:127.0.0.1:0'], tls, admin: { secret: 's' } });
    await assert.rejects(broken, /TLS key or certificate is not usable/);
  });
});
