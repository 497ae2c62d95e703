import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { parseMessage, StreamFramer } from '../src/sip/message/index.ts';
import { Product } from './product.ts';

const ours = resolve(import.meta.dirname, '../test/torture/rfc5118');
const rfc4475 = resolve(import.meta.dirname, '../../shared/rfc4475');
const filesOf = (folder: string) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((f) => f.endsWith('.dat'))
        .map((f) => join(folder, f))
    : [];

const options = (host: string, port: number, transport: string, id: string) =>
  Buffer.from(
    [
      `OPTIONS sip:${host} SIP/2.0`,
      `Via: SIP/2.0/${transport} ${host}:${port};branch=z9hG4bK${id};rport`,
      'Max-Forwards: 70',
      `From: <sip:probe@${host}>;tag=1`,
      `To: <sip:${host}>`,
      `Call-ID: ${id}`,
      'CSeq: 1 OPTIONS',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );

/** What comes back on a connection of its own, up to the answer to an OPTIONS sent behind or the end of the connection. */
const overTcp = (port: number, bytes: Buffer, id: string): Promise<number[]> =>
  new Promise((done, fail) => {
    const statuses: number[] = [];
    const framer = new StreamFramer();
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes);
      socket.write(options('127.0.0.1', socket.localPort ?? 0, 'TCP', id));
    });
    socket.on('error', fail);
    socket.on('close', () => done(statuses));
    socket.on('data', (chunk) => {
      for (const event of framer.push(chunk)) {
        if (event.kind !== 'message') continue;
        const result = parseMessage(event.bytes);
        // A 400 to what lacks most headers is no message that a parser would take; its status line is what counts.
        const status = Number(/^SIP\/2\.0 (\d{3})/.exec(event.bytes.toString())?.[1]);
        if (result.ok && result.message.headers.get('call-id') === id) socket.end();
        else if (status > 100) statuses.push(status);
      }
    });
  });

// RFC 4475: those whose section says which answer, by file; on a stream a broken Content-Length also ends the connection.
const answers: Record<string, number> = {
  TC_BADINV01_I: 400,
  TC_NCL_I: 400,
  TC_SCALAR02_V: 400,
  TC_QUOTBAL_I: 400,
  TC_LTGTRURI_I: 400,
  TC_LWSRURI_I: 400,
  TC_LWSSTART_V: 400,
  TC_TRWS_I: 400,
  TC_REGBADCT_I: 400,
  TC_BADVERS_V: 505,
  TC_MISMATCH01_V: 400,
  TC_MISMATCH02_V: 400,
  TC_INSUF_I: 400,
  TC_MULTI01_I: 400,
  TC_MCL01_I: 400,
  TC_INV2543_I: 400,
};
const unanswered = ['TC_SCALARLG_V', 'TC_BIGCODE_V', 'TC_BCAST_V', 'TC_NOREASON_V', 'TC_UNREASON_V'];

describe('torture messages at the whole product', function () {
  this.timeout(30_000);
  let product: Product;
  before(async () => {
    product = await Product.start();
  });
  after(() => product.close());
  const port = (protocol: string) =>
    product.signaling.listeners.find((l) => l.protocol === protocol)?.port ?? 0;

  for (const file of filesOf(rfc4475)) {
    const name = /([^/]+)\.dat$/.exec(file)?.[1] ?? file;
    const status = answers[name];
    if (status === undefined && !unanswered.includes(name)) continue;
    it(`RFC 4475 ${name} over TCP: ${status ?? 'no answer'}`, async () => {
      const statuses = await overTcp(port('tcp'), readFileSync(file), `probe-${name}`);
      assert.deepEqual(statuses, status === undefined ? [] : [status]);
    });
  }

  it('goes on answering after all of them came over UDP, cut short and whole', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    for (const file of [...filesOf(rfc4475), ...filesOf(ours)]) {
      const bytes = readFileSync(file);
      for (const end of [bytes.length, Math.floor(bytes.length / 2), 30]) {
        socket.send(bytes.subarray(0, end), port('udp'), '127.0.0.1');
      }
    }
    const answered = new Promise<void>((done) => {
      socket.on('message', (bytes) => {
        const result = parseMessage(bytes);
        if (result.ok && result.message.headers.get('call-id') === 'alive') done();
      });
    });
    socket.send(options('127.0.0.1', socket.address().port, 'UDP', 'alive'), port('udp'), '127.0.0.1');
    await answered;
    socket.close();
    await once(socket, 'close');
  });
});
