import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  bindDatagram,
  nodeDatagrams,
  openDatagrams,
  type DatagramChoice,
  type DatagramIo,
  type DatagramSocket,
} from './index.ts';
import { openRing } from './ring/open.ts';

const LOOPBACK = '127.0.0.1';

/** The next datagram that a socket receives, as text, and from where. */
const next = (socket: DatagramSocket): Promise<{ text: string; port: number; address: string }> =>
  new Promise((resolve) => {
    socket.onMessage = (packet, { address, port }) => resolve({ text: packet.toString(), address, port });
  });

const failure = (socket: DatagramSocket): Promise<Error> =>
  new Promise((resolve) => {
    socket.onError = resolve;
  });

/** Tries until it succeeds; the test's own limit of time is the end of that. */
const again = async (attempt: () => unknown): Promise<void> => {
  for (;;)
    try {
      return void attempt();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
};

const openFiles = () => readdirSync('/proc/self/fd').length;

/** What each way of carrying datagrams must do. */
const contract = (io: () => DatagramIo): void => {
  const sockets: DatagramSocket[] = [];
  const bind = (options: { address?: string; port?: number } = {}): DatagramSocket => {
    const socket = io().bind({ address: LOOPBACK, port: 0, receiveBuffer: 1 << 18, ...options });
    sockets.push(socket);
    return socket;
  };
  const pair = (): [DatagramSocket, DatagramSocket] => [bind(), bind()];

  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close()));
  });

  for (const address of [LOOPBACK, '::1'])
    it(`carries datagrams and tells who sent them, ${address}`, async () => {
      const [here, there] = [bind({ address }), bind({ address })];
      assert.equal(here.address, address);
      assert.equal(here.family, address === LOOPBACK ? 'IPv4' : 'IPv6');
      assert.notEqual(here.port, there.port);
      const arrived = next(there);
      here.send(Buffer.from('hello'), there.port, address);
      assert.deepEqual(await arrived, { text: 'hello', address, port: here.port });
      const answered = next(here);
      there.send(Buffer.from('good day'), here.port, address);
      assert.deepEqual(await answered, { text: 'good day', address, port: there.port });
    });

  it('tells sources apart that take turns, and an empty datagram from none', async () => {
    const [here, there] = pair();
    const third = bind();
    const heard: string[] = [];
    const all = new Promise<void>((resolve) => {
      there.onMessage = (packet, from) => {
        heard.push(`${packet.toString()} of ${from.size} from ${from.port}`);
        if (heard.length === 4) resolve();
      };
    });
    for (const [socket, text] of [
      [here, 'a'],
      [third, ''],
      [here, 'bc'],
      [third, 'd'],
    ] as const)
      socket.send(Buffer.from(text), there.port, LOOPBACK);
    await all;
    const wanted = [
      `a of 1 from ${here.port}`,
      ` of 0 from ${third.port}`,
      `bc of 2 from ${here.port}`,
      `d of 1 from ${third.port}`,
    ];
    assert.deepEqual(heard, wanted);
  });

  it('a packet may be changed and sent on where it lies', async () => {
    const [here, there] = pair();
    there.onMessage = (packet, from) => {
      packet[0] = 0x42;
      there.send(packet.subarray(0, 3), from.port, from.address);
      there.send(packet.subarray(1), from.port, from.address);
    };
    const answers: string[] = [];
    const both = new Promise<void>((resolve) => {
      here.onMessage = (packet) => {
        answers.push(packet.toString());
        if (answers.length === 2) resolve();
      };
    });
    here.send(Buffer.from('abcdef'), there.port, LOOPBACK);
    await both;
    assert.deepEqual(answers, ['Bbc', 'bcdef']);
  });

  it('takes the octets of a packet at once', async () => {
    const [here, there] = pair();
    const packet = Buffer.from('before');
    const arrived = next(there);
    here.send(packet, there.port, LOOPBACK);
    packet.write('after ');
    assert.equal((await arrived).text, 'before');
  });

  it('carries many datagrams of many sockets, each in order, when they come all at once', async () => {
    const each = 60;
    const receivers = Array.from({ length: 40 }, () => bind());
    const sender = bind();
    const counts = receivers.map(() => 0);
    let left = each * receivers.length;
    const all = new Promise<void>((resolve) => {
      for (const [i, receiver] of receivers.entries())
        receiver.onMessage = (packet) => {
          assert.equal(packet.readUInt16BE(0), counts[i]);
          counts[i]!++;
          if (--left === 0) resolve();
        };
    });
    for (let n = 0; n < each; n++)
      for (const receiver of receivers) {
        const packet = Buffer.alloc(172, n);
        packet.writeUInt16BE(n);
        sender.send(packet, receiver.port, LOOPBACK);
      }
    await all;
  });

  it('carries what a call has at its longest: 20 ms of linear stereo sound at 48 kHz', async () => {
    const [here, there] = pair();
    const packet = Buffer.alloc(12 + 3840);
    for (let i = 0; i < packet.length; i++) packet[i] = i % 251;
    const arrived = new Promise<Buffer>((resolve) => {
      there.onMessage = (received) => resolve(Buffer.from(received));
    });
    here.send(packet, there.port, LOOPBACK);
    assert.deepEqual(await arrived, packet);
  });

  it('what cannot be sent is no harm to anything else', async () => {
    const [here, there] = pair();
    here.send(Buffer.alloc(65_536), there.port, LOOPBACK);
    here.send(Buffer.from('x'), there.port, '::1');
    here.send(Buffer.alloc(1 << 20), there.port, LOOPBACK);
    const arrived = next(there);
    here.send(Buffer.from('still'), there.port, LOOPBACK);
    assert.equal((await arrived).text, 'still');
  });

  it('says what is wrong with an address or port that cannot be bound', () => {
    const { port } = bind();
    assert.throws(() => bind({ port }), { code: 'EADDRINUSE' });
    assert.throws(() => bind({ address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' });
  });

  it('sends what was sent before a close, nothing behind it, and the port is free again', async () => {
    const [here, there] = pair();
    const heard: string[] = [];
    const last = new Promise<void>((resolve) => {
      there.onMessage = (packet) => {
        heard.push(packet.toString());
        if (packet.toString() === 'from another') resolve();
      };
    });
    here.send(Buffer.from('before'), there.port, LOOPBACK);
    const closed = here.close();
    here.send(Buffer.from('after'), there.port, LOOPBACK);
    assert.equal(here.close(), closed);
    await closed;
    bind({ port: here.port }).send(Buffer.from('from another'), there.port, LOOPBACK);
    await last;
    assert.deepEqual(heard, ['before', 'from another']);
  });

  it('a listener may close its socket and open others', async () => {
    const [here, there] = pair();
    const opened = new Promise<DatagramSocket>((resolve) => {
      there.onMessage = () => {
        void there.close();
        resolve(bind());
      };
    });
    here.send(Buffer.from('1'), there.port, LOOPBACK);
    here.send(Buffer.from('2'), there.port, LOOPBACK);
    const other = await opened;
    await there.close();
    const arrived = next(other);
    here.send(Buffer.from('3'), other.port, LOOPBACK);
    assert.equal((await arrived).text, '3');
  });

  it('a listener that throws costs that packet only', async () => {
    const [here, there] = pair();
    const thrown = Promise.withResolvers<unknown>();
    const runner = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', thrown.resolve);
    there.onMessage = () => {
      throw new Error('a fault');
    };
    here.send(Buffer.from('1'), there.port, LOOPBACK);
    try {
      assert.match(String(await thrown.promise), /a fault/);
    } finally {
      for (const listener of runner) process.on('uncaughtException', listener);
    }
    const arrived = next(there);
    here.send(Buffer.from('2'), there.port, LOOPBACK);
    assert.equal((await arrived).text, '2');
  });

  it('leaves no file open', async function () {
    if (process.platform !== 'linux') this.skip();
    const before = openFiles();
    for (let round = 0; round < 3; round++) {
      const many = Array.from({ length: 100 }, () => bind());
      assert.ok(openFiles() >= before + 100);
      await Promise.all(many.map((socket) => socket.close()));
    }
    sockets.length = 0;
    assert.ok(openFiles() < before + 50, `${openFiles()} files are open, ${before} were`);
  });

  it('waits without work', async () => {
    const [here, there] = pair();
    const arrived = next(there);
    here.send(Buffer.from('warm'), there.port, LOOPBACK);
    await arrived;
    const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
    const before = turns();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(turns() - before < 1000, `${turns() - before} turns of the event loop in 100 ms`);
  });
};

const endOfThreads = (choice: DatagramChoice, kind: DatagramIo['kind']): void => {
  for (const end of ['terminate', 'throw'] as const)
    it(`a thread that ends gives its ports back: ${end}`, async () => {
      const index = new URL('./index.ts', import.meta.url).href;
      const code = `
        const { parentPort } = require('node:worker_threads');
        import('${index}').then(async ({ openDatagrams }) => {
          const { io } = await openDatagrams('${choice}');
          const socket = io.bind({ address: '${LOOPBACK}', port: 0 });
          socket.onMessage = () => { throw new Error('a fault'); };
          parentPort.postMessage({ port: socket.port, kind: io.kind });
        });`;
      const worker = new Worker(code, { eval: true });
      const failed = new Promise((resolve) => worker.once('error', resolve));
      const gone = new Promise((resolve) => worker.once('exit', resolve));
      const started = await new Promise<{ port: number; kind: string }>((resolve) =>
        worker.once('message', resolve),
      );
      assert.equal(started.kind, kind);
      const address = { address: LOOPBACK, port: started.port };
      assert.throws(() => bindDatagram(address), { code: 'EADDRINUSE' });
      if (end === 'terminate') await worker.terminate();
      else {
        const other = bindDatagram({ address: LOOPBACK, port: 0 });
        other.send(Buffer.from('x'), started.port, LOOPBACK);
        assert.match(String(await failed), /a fault/);
        await other.close();
      }
      await gone;
      // The system ends what a thread had under way a moment after the thread.
      await again(() => bindDatagram(address).close());
    });
};

describe('datagrams by node:dgram', () => {
  contract(() => nodeDatagrams);
  endOfThreads('node', 'node:dgram');
});

/** With the queues in memory of the process, or in the kernel's as before Linux 6.10. */
for (const mapped of [false, true])
  describe(`datagrams by io_uring${mapped ? ', mapped' : ''}`, () => {
    let io = nodeDatagrams;
    before(async function () {
      const opened = await openDatagrams('auto', () => openRing(mapped));
      ({ io } = opened);
      if (io.kind !== 'io_uring') {
        console.log(`    no io_uring here: ${opened.reason}`);
        this.skip();
      }
    });
    after(() => io.close());

    contract(() => io);
    if (!mapped) endOfThreads('auto', 'io_uring');

    it('tells of a datagram that is longer than its buffers, and goes on', async () => {
      const [here, there] = [
        io.bind({ address: LOOPBACK, port: 0 }),
        io.bind({ address: LOOPBACK, port: 0 }),
      ];
      const long = failure(there);
      here.send(Buffer.alloc(4096), there.port, LOOPBACK);
      assert.match((await long).message, /too long/);
      const arrived = next(there);
      here.send(Buffer.from('short'), there.port, LOOPBACK);
      assert.equal((await arrived).text, 'short');
      await Promise.all([here.close(), there.close()]);
    });

    it('tells what the system did not send', async () => {
      const socket = io.bind({ address: LOOPBACK, port: 0 });
      const long = failure(socket);
      socket.send(Buffer.alloc(65_536), socket.port, LOOPBACK);
      assert.match((await long).message, /errno 90/);
      const foreign = failure(socket);
      socket.send(Buffer.from('x'), socket.port, '::1');
      assert.match((await foreign).message, /::1/);
      await socket.close();
    });
  });

describe('how datagrams are carried', () => {
  it('is node:dgram where that is asked for', async () => {
    assert.deepEqual(await openDatagrams('node'), { io: nodeDatagrams });
  });

  it('is node:dgram, with the reason, where there is no ring', async () => {
    const refused = () => Promise.reject(new Error('io_uring_setup EPERM'));
    assert.deepEqual(await openDatagrams('auto', refused), {
      io: nodeDatagrams,
      reason: 'io_uring_setup EPERM',
    });
  });
});
