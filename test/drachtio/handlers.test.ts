import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { silentLogger } from '../../src/base/index.ts';
import { runEngine, type Engine } from '../../src/drachtio/engine.ts';
import { parseApplicationUri, parseInstruction } from '../../src/drachtio/handlers/instruction.ts';
import type { RequestHandler } from '../../src/drachtio/options.ts';
import { AdminClient } from './admin-client.ts';
import { SipPeer } from './sip-peer.ts';

const portOf = (server: Server | HttpServer) => (server.address() as AddressInfo).port;

describe('request handlers', () => {
  let engine: Engine | undefined;
  let caller: SipPeer;
  const servers: (Server | HttpServer)[] = [];
  const clients: AdminClient[] = [];

  beforeEach(async () => {
    caller = await SipPeer.open();
  });

  afterEach(async () => {
    caller.close();
    for (const client of clients.splice(0)) client.close();
    await engine?.close();
    engine = undefined;
    await Promise.all(servers.splice(0).map((s) => new Promise((done) => s.close(done))));
  });

  const start = async (...requestHandlers: RequestHandler[]): Promise<number> => {
    engine = await runEngine(
      { listen: ['udp:127.0.0.1:0'], admin: { secret: 's' }, requestHandlers },
      silentLogger,
    );
    return engine.listeners[0]?.port ?? 0;
  };

  /** An application that listens; each connection authenticates and is handed out. */
  const listening = async () => {
    const waiting: ((client: AdminClient) => void)[] = [];
    const server = createServer((socket) => {
      const client = new AdminClient(socket);
      clients.push(client);
      client.send('authenticate|s|');
      waiting.shift()?.(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    return { port: portOf(server), next: () => new Promise<AdminClient>((done) => waiting.push(done)) };
  };

  /** A routing service that gives these answers in turn, and what it was asked. */
  const routing = async (...answers: readonly string[]) => {
    const asked: { url: URL; body: string }[] = [];
    const server = createHttpServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        asked.push({ url: new URL(request.url ?? '', 'http://x'), body });
        const answer = answers[asked.length - 1] ?? '';
        response
          .writeHead(answer.startsWith('5') ? Number(answer) : 200, { Connection: 'close' })
          .end(answer);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    return { url: `http://127.0.0.1:${portOf(server)}/route?key=1`, asked };
  };

  it('an application that listens is dialled, authenticates, and then gets the request', async () => {
    const app = await listening();
    const port = await start({ method: 'INVITE', url: `tcp://127.0.0.1:${app.port}` });
    const arrived = app.next();
    caller.request(port, 'INVITE');
    const client = await arrived;
    const event = await client.event('INVITE ');
    await client.command(`sip|${event.tokens[8]}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
    await caller.nextResponse(486);
  });

  it('an application that is not there: 480', async () => {
    const port = await start({ method: '*', url: 'tcp://127.0.0.1:1' });
    caller.request(port, 'INVITE');
    await caller.nextResponse(480);
  });

  it('the routing service is told of the request and decides', async () => {
    const other = await SipPeer.open();
    const service = await routing(
      '{"action":"reject","data":{"status":404,"reason":"No Such Luck"}}',
      '{"action":"redirect","data":{"contact":["sip:a@x","sip:b@x"]}}',
      JSON.stringify({ action: 'proxy', data: { destination: other.uri } }),
      '{"action":"nonsense"}',
      'not JSON',
      '500',
      '{"action":"route","data":{"tag":"blue"}}',
    );
    const port = await start({ method: '*', url: service.url, httpMethod: 'POST' });
    caller.request(port, 'INVITE', { uri: `sip:200@127.0.0.1:${port};tenant=7` });
    assert.equal((await caller.nextResponse(404)).reason, 'No Such Luck');
    const [first] = service.asked;
    assert.match(first?.body ?? '', /^INVITE sip:200@/);
    const query = Object.fromEntries(first?.url.searchParams ?? []);
    assert.deepEqual(
      [
        query['key'],
        query['method'],
        query['uriUser'],
        query['protocol'],
        query['source_address'],
        query['tenant'],
      ],
      ['1', 'INVITE', '200', 'udp', '127.0.0.1', '7'],
    );
    caller.request(port, 'INVITE');
    assert.deepEqual((await caller.nextResponse(302)).headers.list('contact'), ['<sip:a@x>', '<sip:b@x>']);
    caller.request(port, 'INVITE');
    other.respond(await other.nextRequest('INVITE'), port, 486);
    await caller.nextResponse(486);
    for (let i = 0; i < 3; i++) {
      caller.request(port, 'MESSAGE');
      await caller.nextResponse(500);
    }
    caller.request(port, 'MESSAGE');
    await caller.nextResponse(480);
    other.close();
  });

  it('reads instructions, and nothing that is none', () => {
    const connect = { action: 'connect', host: '10.0.0.1', port: 9023, tls: true };
    assert.deepEqual(parseApplicationUri('10.0.0.1:9023;transport=tls'), connect);
    assert.deepEqual(
      parseInstruction('{"action":"route","data":{"uri":"10.0.0.1:9023;transport=tls"}}'),
      connect,
    );
    assert.deepEqual(parseApplicationUri('tcp://[::1]:9'), {
      action: 'connect',
      host: '::1',
      port: 9,
      tls: false,
    });
    for (const text of ['host', 'host:0', 'host:99999', 'http://host:80/x'])
      assert.equal(parseApplicationUri(text), undefined, text);
    for (const json of [
      '[]',
      'null',
      '{}',
      '{"action":"constructor"}',
      '{"action":"reject","data":{"status":200}}',
    ])
      assert.equal(parseInstruction(json), undefined, json);
  });
});
