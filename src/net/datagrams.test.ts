import assert from 'node:assert/strict';
import { nodeDatagrams, openDatagrams, type DatagramIo, type DatagramSocket } from './index.ts';

const opened = await openDatagrams('auto');

/** The next datagram that a socket receives, as text, and from where. */
const next = (socket: DatagramSocket): Promise<{ text: string; port: number; address: string }> =>
  new Promise((resolve) => {
    socket.onMessage = (packet, { address, port }) => resolve({ text: packet.toString(), address, port });
  });

/** What any implementation must do. */
const contract = (open: () => DatagramIo): void => {
  const sockets: DatagramSocket[] = [];
  const bind = (options: { address?: string; port?: number } = {}): DatagramSocket => {
    const socket = open().bind({ address: '127.0.0.1', port: 0, ...options });
    sockets.push(socket);
    return socket;
  };
  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close()));
  });

  for (const address of ['127.0.0.1', '::1'])
    it(`carries datagrams and tells who sent them, ${address}`, async () => {
      const [here, there] = [bind({ address }), bind({ address })];
      assert.equal(here.address, address);
      assert.notEqual(here.port, there.port);
      const arrived = next(there);
      here.send(Buffer.from('hello'), there.port, address);
      assert.deepEqual(await arrived, { text: 'hello', address, port: here.port });
      const answered = next(here);
      there.send(Buffer.from('good day'), here.port, address);
      assert.deepEqual(await answered, { text: 'good day', address, port: there.port });
    });
};

describe('datagrams by node:dgram', () => contract(() => nodeDatagrams));

describe('datagrams by io_uring', function () {
  before(function () {
    if (opened.io.kind !== 'io_uring') this.skip();
  });
  contract(() => opened.io);
});
