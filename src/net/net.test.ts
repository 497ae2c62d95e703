import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  bindUdp,
  defaultConnectionLimits,
  dialStream,
  listenForConnections,
  localAddresses,
  systemResolver,
  type CloseReason,
  type Connection,
  type ConnectionServer,
  type StreamProtocol,
} from './index.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const limits = { ...defaultConnectionLimits, handshakeMs: 2_000 };

type Ear = { readonly connections: Connection[]; readonly data: Buffer[]; readonly closed: CloseReason[] };

const listen = async (
  protocol: StreamProtocol,
  options: Partial<typeof limits> = {},
): Promise<ConnectionServer & { readonly ear: Ear }> => {
  const ear: Ear = { connections: [], data: [], closed: [] };
  const server = await listenForConnections({
    protocol,
    local: { address: '127.0.0.1', port: 0 },
    limits: { ...limits, ...options },
    onConnection(connection) {
      ear.connections.push(connection);
      return { onData: (data) => ear.data.push(data), onClosed: (reason) => ear.closed.push(reason) };
    },
  });
  ends.push(() => server.close());
  return Object.assign(Object.create(server) as typeof server, { ear, local: server.local });
};

type Dialled = {
  readonly connection: Connection;
  readonly opened: Promise<void>;
  readonly closed: Promise<{ readonly reason: CloseReason; readonly detail: string }>;
  readonly text: () => string;
};

const dial = (port: number, options: Partial<typeof limits> = {}): Dialled => {
  let text = '';
  const opening = Promise.withResolvers<void>();
  const closing = Promise.withResolvers<{ reason: CloseReason; detail: string }>();
  const connection = dialStream(
    { protocol: 'tcp', remote: { address: '127.0.0.1', port }, limits: { ...limits, ...options } },
    {
      onOpen: () => opening.resolve(),
      onData: (data) => (text += data.toString()),
      onClosed: (reason, detail) => closing.resolve({ reason, detail }),
    },
  );
  ends.push(() => connection.destroy('local'));
  return { connection, opened: opening.promise, closed: closing.promise, text: () => text };
};

const until = async (holds: () => boolean): Promise<void> => {
  const end = Date.now() + 5_000;
  while (!holds()) {
    assert.ok(Date.now() < end, 'it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

describe('net: streams', () => {
  it('says which address cannot be bound, for every protocol', async () => {
    const { port } = (await listen('tcp')).local;
    for (const protocol of ['tcp', 'ws'] as const) {
      await assert.rejects(
        listenForConnections({
          protocol,
          local: { address: '127.0.0.1', port },
          limits,
          onConnection: () => assert.fail(),
        }),
        new RegExp(`^Error: ${protocol} 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`),
      );
    }
    await assert.rejects(
      bindUdp({
        local: { address: '192.0.2.1', port: 0 },
        handlers: { onDatagram: () => undefined, onError: () => undefined },
      }),
      /^Error: udp 192\.0\.2\.1:0: .*EADDRNOTAVAIL/,
    );
  });

  it('close sends what was written first', async () => {
    const server = await listen('tcp');
    const { connection, opened, closed } = dial(server.local.port);
    await opened;
    assert.equal(connection.remote.port, server.local.port);
    assert.notEqual(connection.local.port, 0);
    for (let i = 0; i < 100; i++) assert.equal(connection.write('x'.repeat(1_000)), true);
    connection.close();
    assert.equal(connection.write('late'), false);
    assert.equal((await closed).reason, 'local');
    await until(() => server.ear.closed.length === 1);
    assert.deepEqual(server.ear.closed, ['peer']);
    assert.equal(Buffer.concat(server.ear.data).length, 100_000);
  });

  it('tells a refused dial from one that gets no answer', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', () => resolve()));
    const { port } = taken.address() as AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    const refused = await dial(port).closed;
    assert.equal(refused.reason, 'refused');
    assert.match(refused.detail, /ECONNREFUSED/);
    // A TLS server that says nothing: TCP is up, the handshake never is.
    const held: Socket[] = [];
    const silent = createServer((socket) => held.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
    ends.push(() => {
      for (const socket of held) socket.destroy();
      silent.close();
    });
    const reason = await new Promise<CloseReason>((resolve) => {
      dialStream(
        {
          protocol: 'tls',
          remote: { address: '127.0.0.1', port: (silent.address() as AddressInfo).port },
          limits: { ...limits, handshakeMs: 50 },
        },
        { onData: () => undefined, onClosed: (why) => resolve(why) },
      );
    });
    assert.equal(reason, 'timeout');
  });

  it('ends an idle connection, and counts what it refused', async () => {
    const server = await listen('tcp', { idleMs: 60, connections: 1 });
    const first = dial(server.local.port);
    await first.opened;
    await until(() => server.ear.connections.length === 1);
    const second = dial(server.local.port);
    await second.closed;
    assert.deepEqual([server.refused, server.connections], [1, 1]);
    assert.equal((await first.closed).reason, 'peer');
    await until(() => server.ear.closed.length === 1);
    assert.deepEqual(server.ear.closed, ['idle']);
    // There is room again.
    await until(() => server.connections === 0);
    await dial(server.local.port).opened;
    await until(() => server.ear.connections.length === 2);
  });

  it('closing the server ends its connections', async () => {
    const server = await listen('tcp');
    const { opened, closed } = dial(server.local.port);
    await opened;
    await until(() => server.ear.connections.length === 1);
    await server.close();
    await closed;
    assert.equal(server.ear.closed.length, 1);
  });
});

describe('net: names and addresses', () => {
  it('knows localhost without a name server (RFC 6761 §6.3)', async () => {
    const resolver = systemResolver();
    assert.deepEqual(await resolver.addresses('LocalHost', 4), ['127.0.0.1']);
    assert.deepEqual(await resolver.addresses('phone.localhost.', 6), ['::1']);
  });

  it('lists the addresses of this machine', () => {
    const addresses = localAddresses();
    assert.ok(addresses.some(({ address, prefix }) => address === '127.0.0.1' && prefix === 8));
    assert.ok(!addresses.some(({ address }) => address.startsWith('fe80')));
  });
});
