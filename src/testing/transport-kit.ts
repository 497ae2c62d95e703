import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { silentLogger, systemClock, systemRandom } from '../base/index.ts';
import type { Resolver } from '../net/index.ts';
import { createRequest, type SipRequest } from '../sip/message/index.ts';
import {
  createTransport,
  type Destination,
  type Flow,
  type MessageEvent,
  type SendResult,
  type TransportLayer,
  type TransportOptions,
} from '../sip/transport/index.ts';

/** A resolver that knows nothing. */
export const noNames: Resolver = {
  naming: async () => await Promise.resolve([]),
  services: async () => await Promise.resolve([]),
  addresses: async () => await Promise.resolve([]),
};

/** What is left to do at the end of a test; each test file calls this after each test. */
const ends: (() => Promise<unknown> | void)[] = [];
export const endAll = async (): Promise<void> => {
  for (const end of ends.splice(0).toReversed()) await end();
};

/** Something to be done by `endAll`. */
export const atEnd = (end: () => Promise<unknown> | void): void => void ends.push(end);

/** A transport layer on loopback and what it received. */
export type Kit = {
  readonly layer: TransportLayer;
  /** The next message, or one that has come already. */
  next(): Promise<MessageEvent>;
  readonly closed: Flow[];
  port(protocol: string): number;
};

/** Waits until something is so; fails the test when it never is. */
export const until = async (holds: () => boolean, what = 'the condition'): Promise<void> => {
  const end = Date.now() + 5_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

/** Starts a layer: `['udp', 'tcp ::1']`, each on a free port. */
export const start = async (
  listen: readonly string[],
  options: Partial<TransportOptions> = {},
): Promise<Kit> => {
  const layer = await createTransport({
    listen: listen.map((text) => {
      const [protocol, address] = text.split(' ');
      return { protocol: protocol as 'udp', address: address ?? '127.0.0.1', port: 0 };
    }),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    resolver: noNames,
    ...options,
  });
  atEnd(() => layer.close());
  const seen: MessageEvent[] = [];
  const waiters: ((event: MessageEvent) => void)[] = [];
  const closed: Flow[] = [];
  layer.onMessage((event) => {
    const waiter = waiters.shift();
    if (waiter === undefined) seen.push(event);
    else waiter(event);
  });
  layer.onClosed((flow) => closed.push(flow));
  return {
    layer,
    closed,
    next: () => {
      const event = seen.shift();
      return event === undefined ? new Promise((resolve) => waiters.push(resolve)) : Promise.resolve(event);
    },
    port: (protocol) => layer.listeners.find((l) => l.protocol === protocol)?.local.port ?? 0,
  };
};

export type RequestText = { via?: string; branch?: string; method?: string; body?: string; extra?: string };

/** The text of a request. */
export const request = ({
  via,
  branch = 'z9hG4bK1',
  method = 'OPTIONS',
  body = '',
  extra = '',
}: RequestText): string =>
  `${method} sip:a@127.0.0.1 SIP/2.0\r\n` +
  `Via: ${via ?? `SIP/2.0/UDP 127.0.0.1:5070;branch=${branch}`}\r\n` +
  'From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: c1@example.com\r\n' +
  `CSeq: 1 ${method}\r\nMax-Forwards: 70\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A request that leaves from the listener of that protocol. */
export const outgoing = (layer: TransportLayer, protocol: string, body?: Buffer): SipRequest => {
  const listener = layer.listeners.find((l) => l.protocol === protocol);
  assert.ok(listener);
  return createRequest(
    'OPTIONS',
    'sip:x@127.0.0.1',
    [
      { name: 'Via', value: layer.viaFor(listener, 'z9hG4bKout') },
      { name: 'From', value: '<sip:b@example.com>;tag=1' },
      { name: 'To', value: '<sip:a@example.com>' },
      { name: 'Call-ID', value: 'c2@example.com' },
      { name: 'CSeq', value: '1 OPTIONS' },
    ],
    body,
  );
};

export type UdpPeer = {
  socket: UdpSocket;
  port: number;
  next(): Promise<Buffer>;
  send(data: string | Buffer, port: number): void;
};

/** A bare UDP socket. */
export const udpPeer = async (address = '127.0.0.1'): Promise<UdpPeer> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const got: Buffer[] = [];
  const waiters: ((data: Buffer) => void)[] = [];
  socket.on('message', (data) => (waiters.shift() ?? ((d: Buffer) => got.push(d)))(data));
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  atEnd(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return {
    socket,
    port: socket.address().port,
    next: () => {
      const data = got.shift();
      return data === undefined ? new Promise((resolve) => waiters.push(resolve)) : Promise.resolve(data);
    },
    send: (data, port) => socket.send(data, port, address),
  };
};

export type TcpPeer = {
  socket: Socket;
  text(): string;
  until(mark: string): Promise<string>;
  closed(): Promise<void>;
};

/** A bare TCP connection. */
export const tcpPeer = async (port: number, address = '127.0.0.1'): Promise<TcpPeer> => {
  const socket = connect(port, address);
  let text = '';
  let closed = false;
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  atEnd(() => void socket.destroy());
  return {
    socket,
    text: () => text,
    until: async (mark) => {
      await until(() => text.includes(mark), `"${mark}" from the server`);
      return text;
    },
    closed: () => until(() => closed, 'the close'),
  };
};

/** Sends a request and gives what came of it. */
export const ask = (layer: TransportLayer, ...args: [SipRequest, Destination]) =>
  new Promise<SendResult>((resolve) => layer.sendRequest(...args, resolve));
