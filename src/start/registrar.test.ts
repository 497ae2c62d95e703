import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { silentLogger, systemRandom } from '../base/index.ts';
import { parseConfig } from '../config/index.ts';
import { MemoryDirectoryStore } from '../stores/index.ts';
import { seedDirectory } from '../switch/directory/index.ts';
import { authorization, challengesOf } from '../switch/registrar/fixture.test.ts';
import { createRegistrar, serveRegistrar } from './registrar.ts';
import { seedOf } from './settings.ts';
import { connect } from './signaling.ts';

/** A signaling engine that says yes to everything and writes down what it is told (drachtio's protocol, by hand). */
class ScriptedEngine {
  readonly told: string[] = [];
  readonly #server = createServer((socket) => this.#serve(socket));
  #socket: Socket | undefined;
  #changed: () => void = () => undefined;
  #count = 0;
  #accept: boolean;

  constructor(accept = true) {
    this.#accept = accept;
  }

  listen(): Promise<number> {
    return new Promise((done) =>
      this.#server.listen(0, '127.0.0.1', () => done((this.#server.address() as AddressInfo).port)),
    );
  }

  close(): Promise<void> {
    this.#socket?.destroy();
    return new Promise((done) => this.#server.close(() => done()));
  }

  /** A request from the network. */
  send(protocol: string, port: number, sip: readonly string[]): void {
    const text = [...sip, 'Content-Length: 0', '', ''].join('\r\n');
    const meta = `network|${text.length}|${protocol}|192.0.2.1|${port}|12:00:00.000000`;
    this.#count += 1;
    this.#write(`e${this.#count}|sip|${meta}|t${this.#count}||\r\n${text}`);
  }

  /** The next thing told after those seen so far that fits. */
  async next(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.told.findIndex((text) => pattern.test(text));
      if (found >= 0) return this.told.splice(found, 1)[0] ?? '';
      await new Promise<void>((done) => (this.#changed = done));
    }
  }

  #serve(socket: Socket): void {
    this.#socket = socket;
    let rest = '';
    socket.on('data', (data) => {
      rest += data.toString();
      for (let cut = rest.indexOf('#'); cut > 0; cut = rest.indexOf('#')) {
        const end = cut + 1 + Number(rest.slice(0, cut));
        if (rest.length < end) return;
        this.#take(rest.slice(cut + 1, end));
        rest = rest.slice(end);
      }
    });
  }

  #take(frame: string): void {
    const [id = '', type = ''] = frame.split('|');
    this.told.push(frame);
    const yes = 'OK|udp/127.0.0.1:5060,tcp/[::1]:5060|v0.9.10|udp/127.0.0.1:5060';
    if (type === 'authenticate')
      this.#write(`r|response|${id}|${this.#accept ? yes : 'NO|incorrect secret'}`);
    else if (type === 'route') this.#write(`r|response|${id}|OK`);
    this.#changed();
  }

  #write(text: string): void {
    this.#socket?.write(`${Buffer.byteLength(text)}#${text}`);
  }
}

const config = parseConfig(
  {
    name: 'test',
    folder: '/tmp',
    text: JSON.stringify({
      domain: 'pbx.test',
      users: [
        {
          extension: '100',
          name: 'Ada',
          devices: [{ extension: '1001', name: 'App', password: 'secret-1001' }],
        },
      ],
    }),
  },
  {},
);

const register = (cseq: number, ...more: string[]) => [
  'REGISTER sip:pbx.test SIP/2.0',
  'Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1',
  'From: <sip:1001@pbx.test>;tag=a',
  'To: <sip:1001@pbx.test>',
  'Call-ID: ws-1',
  `CSeq: ${cseq} REGISTER`,
  'Contact: <sip:x@df7jal23ls0d.invalid;transport=ws>',
  ...more,
];

describe('registrar on a drachtio-srf connection', () => {
  it('S1-25 challenges, registers, and drops the bindings of a connection that is closed', async () => {
    const engine = new ScriptedEngine();
    const port = await engine.listen();
    const connection = await connect({ host: '127.0.0.1', port, secret: 's' }, true, silentLogger);
    const { srf, connected, listeners } = connection;
    const parts = createRegistrar(config, new MemoryDirectoryStore(), silentLogger);
    await seedDirectory(parts.directory, seedOf(config), systemRandom);
    const close = serveRegistrar(srf, config, parts);
    assert.ok(connected());
    assert.deepEqual(listeners(), [
      { protocol: 'udp', address: '127.0.0.1', port: 5060 },
      { protocol: 'tcp', address: '::1', port: 5060 },
    ]);
    await engine.next(/\|route\|register$/);
    await engine.next(/\|route\|flow-closed$/);

    // drachtio-server calls a WebSocket tcp; Via says what it is.
    engine.send('tcp', 40001, register(1));
    const challenge = await engine.next(/SIP\/2\.0 401 /);
    const lines = challenge.split('\r\n').filter((line) => /^www-authenticate: /i.test(line));
    assert.deepEqual(
      lines.map((line) => /algorithm=([\w-]+)/.exec(line)?.[1]),
      config.registrar.algorithms,
      'each on a line of its own',
    );
    const nonce = challengesOf({ 'WWW-Authenticate': lines[0] ?? '' })[0]?.nonce ?? '';
    const value = authorization({ nonce, algorithm: 'SHA-256' });
    engine.send('tcp', 40001, register(2, `Authorization: ${value}`));
    const granted = await engine.next(/SIP\/2\.0 200 /);
    assert.match(granted, /contact: <sip:x@df7jal23ls0d\.invalid;transport=ws>;expires=3600/i);
    assert.equal(parts.bindings.all()[0]?.flow.protocol, 'ws');

    const removed = new Promise<string>((done) =>
      parts.bindings.events.on('removed', ({ reason }) => done(reason)),
    );
    engine.send('ws', 40001, [
      'FLOW-CLOSED sip:192.0.2.1:40001;transport=ws SIP/2.0',
      'Via: SIP/2.0/WS 192.0.2.1:40001;branch=z9hG4bK2',
      'From: <sip:engine.invalid>;tag=b',
      'To: <sip:engine.invalid>',
      'Call-ID: closed',
      'CSeq: 1 FLOW-CLOSED',
    ]);
    assert.equal(await removed, 'flow closed');
    assert.equal(parts.bindings.size, 0);
    close();
    connection.close();
    await engine.close();
  });

  it('says when the engine refuses the secret', async () => {
    const engine = new ScriptedEngine(false);
    const port = await engine.listen();
    await assert.rejects(
      connect({ host: '127.0.0.1', port, secret: 'wrong' }, false, silentLogger),
      new RegExp(`127\\.0\\.0\\.1:${port}: failed to authenticate`),
    );
    await engine.close();
  });
});
