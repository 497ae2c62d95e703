import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { silentLogger, systemClock, systemRandom } from '../base/index.ts';
import { bindDatagram } from '../net/index.ts';
import { VirtualClock } from '../testing/index.ts';
import {
  decodeBencode,
  encodeBencode,
  NgClient,
  ngList,
  ngNumber,
  NgServer,
  ngText,
  parseNgMessage,
  printNgMessage,
  type NgDictionary,
  type NgValue,
} from './index.ts';

const value: fc.Arbitrary<NgValue> = fc.letrec<{ value: NgValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: false }),
  ),
})).value;

describe('ng: bencode', () => {
  it('reads back what it wrote', () =>
    fc.assert(
      fc.property(value, (before) => {
        const bytes = encodeBencode(before);
        const after = decodeBencode(bytes);
        assert.equal(after?.length, bytes.length);
        assert.deepEqual(JSON.stringify(after.value), JSON.stringify(before));
      }),
    ));

  it('never throws, whatever arrives', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeBencode(bytes);
        parseNgMessage(bytes);
        parseNgMessage(Buffer.concat([Buffer.from('c d'), bytes]));
      }),
      { numRuns: 2000 },
    ));

  it('never throws on a message that was damaged', () =>
    fc.assert(
      fc.property(value, fc.nat(), fc.nat(255), (before, at, octet) => {
        const bytes = encodeBencode({ a: before });
        bytes[at % bytes.length] = octet;
        decodeBencode(bytes);
        decodeBencode(bytes.subarray(0, at % bytes.length));
      }),
      { numRuns: 2000 },
    ));

  it('refuses nesting without end, and lengths that lie', () => {
    assert.equal(decodeBencode(Buffer.from('l'.repeat(100_000))), undefined);
    assert.equal(decodeBencode(Buffer.from('99999999999:x')), undefined);
    assert.equal(decodeBencode(Buffer.from('-1:x')), undefined);
    assert.equal(decodeBencode(Buffer.from('i--1e')), undefined);
    assert.equal(decodeBencode(Buffer.from('d1:ae')), undefined);
  });

  it('keeps octets that are no text, and keys that look like parts of an object', () => {
    const octets = Buffer.from([0xff, 0xfe, 0]);
    const decoded = decodeBencode(encodeBencode({ blob: octets, ['__proto__x']: 1, constructor: 2 }))!
      .value as NgDictionary;
    assert.deepEqual(Buffer.from(decoded['blob'] as Uint8Array), octets);
    assert.equal(decoded['constructor'], 2);
    const proto = decodeBencode(Buffer.from('d9:__proto__d3:fooi1eee'))!.value as NgDictionary;
    assert.equal(({} as NgDictionary)['foo'], undefined);
    assert.deepEqual(Object.keys(proto), ['__proto__']);
  });

  it('takes numbers and texts for each other where that is meant', () => {
    const dictionary = { number: 7, text: '8', list: ['a', 1, 'b'], one: 'x' };
    assert.deepEqual([ngText(dictionary, 'number'), ngNumber(dictionary, 'text')], ['7', 8]);
    assert.deepEqual(
      [ngList(dictionary, 'list'), ngList(dictionary, 'one'), ngList(dictionary, 'no')],
      [['a', 'b'], ['x'], []],
    );
  });
});

describe('ng: server and client', () => {
  const start = (
    handle: (request: NgDictionary) => NgDictionary | Promise<NgDictionary>,
    clock = systemClock,
  ) => new NgServer({ address: '127.0.0.1', port: 0, clock, logger: silentLogger, handle });

  /** Sends datagrams from one socket and collects the answers. */
  async function exchange(
    server: NgServer,
    datagrams: readonly (string | Buffer)[],
    answers: number,
  ): Promise<string[]> {
    const socket = bindDatagram({ address: '127.0.0.1', port: 0 });
    const received: string[] = [];
    const done = new Promise<void>((resolve) => {
      socket.onMessage = (bytes) => {
        received.push(bytes.toString('latin1'));
        if (received.length === answers) resolve();
      };
    });
    for (const datagram of datagrams) socket.send(Buffer.from(datagram as string), server.port, '127.0.0.1');
    await done;
    await socket.close();
    return received;
  }

  it('a cookie that comes again gets the same answer and does not run again, whoever sends it and whatever it says', async () => {
    let runs = 0;
    const server = start(() => ({ result: 'ok', runs: ++runs }));
    const first = await exchange(server, ['k1 d7:command6:deletee', 'k1 d7:command6:deletee'], 2);
    const other = await exchange(server, ['k1 d7:command5:querye', 'k2 d7:command6:deletee'], 2);
    assert.deepEqual([...first, ...other].sort(), [
      ...Array.from({ length: 3 }, () => 'k1 d6:result2:ok4:runsi1ee'),
      'k2 d6:result2:ok4:runsi2ee',
    ]);
    await server.close();
  });

  it('a repetition that arrives while the first still runs waits for its answer', async () => {
    let finish: (reply: NgDictionary) => void = () => undefined;
    let runs = 0;
    const server = start(() => {
      runs++;
      return new Promise((resolve) => (finish = resolve));
    });
    const answers = exchange(server, ['k d7:command6:deletee', 'k d7:command6:deletee', 'k2 garbage'], 3);
    // The refusal of the third shows that the two before it have arrived.
    const started = () => runs > 0;
    while (!started()) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    finish({ result: 'late' });
    const got = await answers;
    assert.equal(runs, 1);
    assert.equal(got.filter((text) => text.includes('late')).length, 2);
    await server.close();
  });

  it('forgets a cookie after 10 to 20 s', async () => {
    const clock = new VirtualClock();
    let runs = 0;
    const server = start(() => ({ runs: ++runs }), clock);
    await exchange(server, ['k d7:command6:deletee'], 1);
    clock.advance(11_000);
    assert.deepEqual(await exchange(server, ['k d7:command6:deletee'], 1), ['k d4:runsi1ee']);
    clock.advance(21_000);
    assert.deepEqual(await exchange(server, ['k d7:command6:deletee'], 1), ['k d4:runsi2ee']);
    await server.close();
    assert.equal(clock.pending, 0);
  });

  it('keeps no answer to what only asks: asked again, it is looked up again', async () => {
    let runs = 0;
    const server = start(() => ({ runs: ++runs }));
    await exchange(server, ['k d7:command5:querye'], 1);
    assert.deepEqual(await exchange(server, ['k d7:command5:querye'], 1), ['k d4:runsi2ee']);
    await server.close();
  });

  it('answers JSON in JSON, garbage with the words of rtpengine, and nothing without a cookie', async () => {
    const server = start((request) => ({ result: 'pong', said: ngText(request, 'command') ?? '' }));
    const datagrams = ['nospace', 'a {"command":"ping"}', 'b xyz', 'c d7:comm', 'd {"comm'];
    const answers = (await exchange(server, datagrams, 4)).sort();
    assert.deepEqual(answers, [
      'a {"result":"pong","said":"ping"}',
      'b d6:result5:error12:error-reason22:Invalid NG data formate',
      'c d6:result5:error12:error-reason35:Could not decode bencode dictionarye',
      'd {"result":"error","error-reason":"Could not decode JSON dictionary"}',
    ]);
    await server.close();
  });

  it('a fault in a command is answered and does not end the server', async () => {
    const server = start(() => {
      throw new Error('oops');
    });
    assert.match((await exchange(server, ['a d7:command4:pinge'], 1))[0]!, /oops/);
    assert.match((await exchange(server, ['b d7:command4:pinge'], 1))[0]!, /oops/);
    await server.close();
  });

  it('the client repeats a request with its cookie until it is answered, and gives up in the end', async () => {
    const clock = new VirtualClock();
    const deaf = bindDatagram({ address: '127.0.0.1', port: 0 });
    const cookies: string[] = [];
    deaf.onMessage = (bytes, from) => {
      const message = parseNgMessage(bytes)!;
      cookies.push(message.cookie);
      if (cookies.length === 3)
        deaf.send(printNgMessage(message.cookie, 'bencode', { result: 'pong' }), from.port, from.address);
    };
    const client = new NgClient({ address: '127.0.0.1', port: deaf.port, clock, random: systemRandom });
    const reply = client.request('ping');
    for (let seen = 1; cookies.length < 3;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (cookies.length < seen) continue;
      seen = cookies.length + 1;
      clock.advance(1000);
    }
    assert.deepEqual({ ...(await reply) }, { result: 'pong' });
    assert.equal(new Set(cookies).size, 1);
    deaf.onMessage = () => undefined;
    const lost = assert.rejects(client.request('query'), /no answer to ng command query/);
    clock.advance(10_000);
    await lost;
    await Promise.all([client.close(), deaf.close()]);
    assert.equal(clock.pending, 0);
  });
});
