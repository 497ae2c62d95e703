import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { systemClock, systemRandom, type Logger } from '../src/base/index.ts';
import { startMediaEngine, type MediaEngineOptions } from '../src/media/index.ts';
import { NgClient, ngText } from '../src/ng/index.ts';

const loopback = '127.0.0.1';

const sdp = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 6000 RTP/AVP 0',
  '',
].join('\r\n');

/** The datagrams of an event log, and a wait for what is in them. */
class Listener {
  readonly socket: Socket = createSocket('udp4');
  readonly #said: Record<string, unknown>[] = [];
  #look = () => undefined as void;

  constructor() {
    this.socket.on('message', (bytes) => {
      this.#said.push(JSON.parse(bytes.toString()) as Record<string, unknown>);
      this.#look();
    });
  }

  bind(): Promise<number> {
    return new Promise((resolve) => this.socket.bind(0, loopback, () => resolve(this.socket.address().port)));
  }

  async until(count: number): Promise<Record<string, unknown>[]> {
    while (this.#said.length < count) await new Promise<void>((resolve) => (this.#look = resolve));
    return this.#said;
  }
}

describe('media engine: its threads', () => {
  let listener: Listener;
  let engine: Awaited<ReturnType<typeof startMediaEngine>>;
  let client: NgClient;
  const errors: string[] = [];
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_fields, message) => errors.push(message ?? ''),
    child: () => log,
  };

  const start = async (threads: number) => {
    errors.length = 0;
    listener = new Listener();
    const options: MediaEngineOptions = {
      listen: { address: loopback, port: 0 },
      addresses: { IP4: loopback },
      ports: [20_000, 60_000],
      dtmfLog: { address: loopback, port: await listener.bind() },
      threads,
    };
    engine = await startMediaEngine(options, log);
    const { address, port } = engine;
    client = new NgClient({ address, port, clock: systemClock, random: systemRandom, timeoutMs: 15_000 });
  };

  afterEach(async () => {
    await client.close();
    await engine.close();
    listener.socket.close();
  });

  const offer = (call: string) => client.request('offer', { 'call-id': call, 'from-tag': 'a', sdp });

  for (const threads of [1, 2])
    it(`the whole engine dies (relays: ${threads}): it is there again at the same port, and each lost call is announced`, async () => {
      await start(threads);
      for (const call of ['one', 'two', 'three']) assert.equal(ngText(await offer(call), 'result'), 'ok');
      assert.equal(ngText(await client.request('delete', { 'call-id': 'two' }), 'result'), 'ok');
      await engine.kill();
      const lost = await listener.until(2);
      assert.deepEqual(
        lost.map(({ type, callid }) => [type, callid]),
        [
          ['CALL_LOST', 'one'],
          ['CALL_LOST', 'three'],
        ],
      );
      assert.deepEqual(errors, ['the media thread died; its calls are lost']);
      assert.equal(
        ngText(await client.request('query', { 'call-id': 'one' }), 'error-reason'),
        'Unknown call-id',
      );
      assert.equal(ngText(await offer('one'), 'result'), 'ok');
    }).timeout(30_000);

  it('several relays: commands and replies in JSON, statistics of all of them, and refusals', async () => {
    await start(2);
    const socket = createSocket('udp4');
    const asked = async (request: object): Promise<Record<string, unknown>> => {
      const reply = new Promise<Buffer>((resolve) => socket.once('message', resolve));
      socket.send(`${systemRandom.hex(8)} ${JSON.stringify(request)}`, engine.port, engine.address);
      const text = (await reply).toString();
      return JSON.parse(text.slice(text.indexOf(' ') + 1)) as Record<string, unknown>;
    };
    try {
      for (const call of ['one', 'two', 'drei ß']) {
        const told = await asked({ command: 'offer', 'call-id': call, 'from-tag': 'a', sdp });
        assert.match(String(told['sdp']), /^m=audio \d+ RTP\/AVP 0\r$/m);
      }
      assert.equal((await asked({ command: 'query', 'call-id': 'drei ß' }))['result'], 'ok');
      assert.deepEqual(await asked({ command: 'query', 'call-id': 'four' }), {
        result: 'error',
        'error-reason': 'Unknown call-id',
      });
      const { statistics } = (await asked({ command: 'statistics' })) as {
        statistics: Record<string, Record<string, unknown>>;
      };
      assert.equal(statistics['currentstatistics']?.['sessionsown'], 3);
      const proxies = statistics['controlstatistics']?.['proxies'] ?? [];
      assert.equal((proxies as Record<string, unknown>[])[0]?.['errorcount'], 1);
      const refused = await client.request('offer', { 'call-id': 'five', 'from-tag': 'a', sdp: 'nonsense' });
      assert.equal(ngText(refused, 'result'), 'error');
      assert.deepEqual((await client.request('list'))['calls'], ['one', 'two', 'drei ß']);
    } finally {
      socket.close();
    }
  });

  it('a first offer that is refused leaves nothing behind', async () => {
    await start(1);
    const refused = await client.request('offer', { 'call-id': 'one', 'from-tag': 'a', sdp: 'nonsense' });
    assert.equal(ngText(refused, 'result'), 'error');
    assert.deepEqual((await client.request('list'))['calls'], []);
  });
});
