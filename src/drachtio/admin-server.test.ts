import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { silentLogger } from '../base/index.ts';
import { AdminServer } from './admin-server.ts';
import type { Application } from './application.ts';
import type { Command } from './command.ts';
import { authenticate } from './commands/authenticate.ts';
import { ping } from './commands/ping.ts';
import { removeRoute } from './commands/remove-route.ts';
import { route } from './commands/route.ts';
import { createFrameReader, FrameWriter } from './frame.ts';
import { Verbs } from './verbs.ts';

/** A client that speaks frames. */
class Client {
  readonly socket: Socket;
  readonly #reader = createFrameReader(1_000_000);
  readonly #frames: string[] = [];
  #wake: () => void = () => undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (data: Buffer) => {
      this.#reader.push(data, (frame) => this.#frames.push(frame.toString()));
      this.#wake();
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    this.socket.on('error', () => undefined);
  }

  send(...messages: string[]): void {
    const writer = new FrameWriter();
    for (const message of messages) writer.add(message);
    this.socket.write(Buffer.concat(writer.take()));
  }

  /** The next message without its own id; undefined when the server closed the connection. */
  async next(): Promise<string | undefined> {
    while (this.#frames.length === 0 && !this.closed) await new Promise<void>((wake) => (this.#wake = wake));
    return this.#frames.shift()?.replace(/^[^|]*\|/, '');
  }
}

describe('admin server', () => {
  let server: AdminServer;
  let port: number;
  const clients: Client[] = [];
  const verbs = new Verbs<Application>();
  const lost: Application[] = [];

  const client = () => {
    const one = new Client(port);
    clients.push(one);
    return one;
  };

  beforeEach(async () => {
    const commands = new Map<string, Command>([
      [
        'authenticate',
        authenticate({
          secret: 'cymru',
          greeting: () => 'udp/a:1|v0.9.10|udp/a:1',
          onAuthenticated: () => undefined,
        }),
      ],
      ['ping', ping],
      ['route', route(verbs)],
      ['remove_route', removeRoute(verbs)],
    ]);
    let ids = 0;
    server = new AdminServer({
      host: '127.0.0.1',
      port: 0,
      maxFrameBytes: 100_000,
      maxBacklogBytes: 1_000_000,
      newId: () => `c${++ids}`,
      log: silentLogger,
      commands,
      onLost: (application) => {
        verbs.removeAll(application);
        lost.push(application);
      },
    });
    ({ port } = await server.listen());
  });

  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await server.close();
  });

  it('greets who knows the secret, and answers pings and subscriptions', async () => {
    const one = client();
    one.send('1|authenticate|cymru|blue,green', '2|ping', '3|route|invite', '4|remove_route|invite');
    assert.equal(await one.next(), 'response|1|OK|udp/a:1|v0.9.10|udp/a:1');
    assert.equal(await one.next(), 'response|2|OK|pong');
    assert.equal(await one.next(), 'response|3|OK');
    assert.equal(await one.next(), 'response|4|OK');
    assert.deepEqual(
      [...server.applications].map((a) => [...a.tags]),
      [['blue', 'green']],
    );
  });

  it('refuses a wrong secret and closes', async () => {
    const one = client();
    one.send('1|authenticate|wrong|', '2|ping');
    assert.equal(await one.next(), 'response|1|NO|incorrect secret');
    assert.equal(await one.next(), undefined);
  });

  it('does nothing for who has not authenticated', async () => {
    for (const command of ['route|invite', 'sip|||\r\nOPTIONS sip:a@b SIP/2.0\r\n\r\n', 'ping', 'nonsense']) {
      const one = client();
      one.send(`1|${command}`);
      assert.equal(await one.next(), 'response|1|NO|not authenticated');
      assert.equal(await one.next(), undefined);
    }
    assert.equal(verbs.has('invite'), false);
  });

  it('closes on an unknown type, on a leader without type and on what is no frame', async () => {
    for (const [bytes, answer] of [
      ['9|nonsense', 'response|9|NO|Unknown message type'],
      ['9|constructor', 'response|9|NO|Unknown message type'],
      ['9', 'response|9|NO|Invalid message format'],
    ] as const) {
      const one = client();
      one.send('1|authenticate|cymru|', bytes);
      await one.next();
      assert.equal(await one.next(), answer);
      assert.equal(await one.next(), undefined);
    }
    const one = client();
    one.socket.write('hello, world#');
    assert.equal(await one.next(), undefined);
  });

  it('takes large frames, but not from who has not authenticated', async () => {
    const large = 'x'.repeat(50_000);
    const stranger = client();
    stranger.send(`1|${large}`);
    assert.equal(await stranger.next(), undefined);
    const one = client();
    one.send('1|authenticate|cymru|', `2|ping|${large}`);
    await one.next();
    assert.equal(await one.next(), 'response|2|OK|pong');
  });

  it('forgets the subscriptions of a lost connection', async () => {
    const one = client();
    one.send('1|authenticate|cymru|', '2|route|invite');
    await one.next();
    await one.next();
    assert.ok(verbs.has('invite'));
    const before = lost.length;
    one.socket.destroy();
    while (lost.length === before) await new Promise((turn) => setImmediate(turn));
    assert.equal(verbs.has('invite'), false);
  });

  it('says which address is taken', async () => {
    const second = new AdminServer({
      host: '127.0.0.1',
      port,
      maxFrameBytes: 1000,
      maxBacklogBytes: 1000,
      newId: () => 'x',
      log: silentLogger,
      commands: new Map(),
      onLost: () => undefined,
    });
    await assert.rejects(second.listen(), new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
  });
});
