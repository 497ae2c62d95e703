import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Connection } from '../../net/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { defaultMessageLimits } from '../message/index.ts';
import { Link } from './link.ts';

const remote = { address: '127.0.0.1', port: 5070 };

type Fake = Connection & { readonly written: Buffer[]; readonly ended: string[] };

const fakeConnection = (): Fake => {
  const written: Buffer[] = [];
  const ended: string[] = [];
  return {
    protocol: 'tcp',
    local: { address: '127.0.0.1', port: 5060 },
    remote,
    written,
    ended,
    get isOpen() {
      return ended.length === 0;
    },
    write: (data) => written.push(Buffer.from(data)) > 0,
    setIdle: () => undefined,
    close: () => void ended.push('close'),
    destroy: (reason) => void ended.push(reason),
  };
};

const linkOf = (writeBufferBytes = 1_000) => {
  const messages: string[] = [];
  let keepAlives = 0;
  const broken: string[] = [];
  const link = new Link({
    number: 1,
    listener: { protocol: 'tcp', local: { address: '127.0.0.1', port: 5060 } },
    key: 'k',
    messageLimits: defaultMessageLimits,
    writeBufferBytes,
    handlers: {
      onMessage: (bytes) => void messages.push(bytes.toString()),
      onKeepAlive: () => void keepAlives++,
      onBroken: (failure) => void broken.push(failure.reason),
      onClosed: () => undefined,
    },
  });
  return { link, messages, broken, keepAlives: () => keepAlives };
};

const message = (n: number): Buffer =>
  Buffer.from(`MESSAGE sip:a@b SIP/2.0\r\nCall-ID: ${n}\r\nContent-Length: ${n}\r\n\r\n${'x'.repeat(n)}`);
const stun = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
const ping = Buffer.from('\r\n\r\n');

describe('a link', () => {
  it('takes messages, pings and STUN apart however the stream is cut', () => {
    const part = fc.oneof(
      fc.nat(50).map((n) => message(n)),
      fc.constant(ping),
      fc.constant(stun),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 40 })),
        (parts, cuts) => {
          const { link, messages, broken } = linkOf();
          const connection = fakeConnection();
          link.open(connection);
          let rest = Buffer.concat(parts);
          for (let i = 0; rest.length > 0; i++) {
            const cut = cuts[i] ?? 30;
            link.received(rest.subarray(0, cut));
            rest = rest.subarray(cut);
          }
          const sent = parts.filter((p) => p !== ping && p !== stun).map(String);
          assert.deepEqual(messages, sent);
          assert.deepEqual(broken, []);
          const answers = connection.written.map((bytes) => (bytes.length === 2 ? 'pong' : 'stun'));
          assert.equal(
            answers.filter((answer) => answer === 'stun').length,
            parts.filter((p) => p === stun).length,
          );
          assert.equal(
            answers.filter((answer) => answer === 'pong').length,
            parts.filter((p) => p === ping).length,
          );
        },
      ),
    );
  });

  it('never throws at garbage, and holds little of it', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
        const { link } = linkOf();
        link.open(fakeConnection());
        for (const chunk of chunks) link.received(Buffer.from(chunk));
      }),
    );
  });

  it('holds back what is sent before it is up, within its limit, and tells of each what became of it', () => {
    const { link } = linkOf(100);
    const results: string[] = [];
    const note = (flow: unknown, failure?: string): void =>
      void results.push(flow === undefined ? (failure ?? '') : 'ok');
    link.write(Buffer.alloc(60), note);
    link.write(Buffer.alloc(60), note);
    assert.deepEqual(results, ['timeout']);
    const connection = fakeConnection();
    link.open(connection);
    link.flush();
    assert.deepEqual(results, ['timeout', 'ok']);
    assert.equal(connection.written.length, 1);

    const lost = linkOf();
    lost.link.write(Buffer.alloc(1), note);
    lost.link.closed('refused', 'nobody there');
    assert.deepEqual(results, ['timeout', 'ok', 'refused']);
  });

  it('ends when no message came in time', () => {
    const clock = new VirtualClock();
    for (const [proves, ended] of [
      [false, ['idle']],
      [true, []],
    ] as const) {
      const { link } = linkOf();
      const connection = fakeConnection();
      link.open(connection);
      link.mustProve(clock, 1_000);
      if (proves) link.proven();
      clock.advance(2_000);
      assert.deepEqual(connection.ended, ended);
    }
    assert.equal(clock.pending, 0);
  });
});
