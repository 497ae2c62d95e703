import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { rtpHeaderLength, writeRtpHeader, writeUint32 } from '../../src/rtp/index.ts';

/** 20 ms of G.711. */
const PTIME = 20;
const PAYLOAD = 160;
const HEADER = 12;
/** What a packet says after its header: stream, count, phase of the measurement, time of sending. */
const STREAM = HEADER;
const COUNT = HEADER + 4;
const PHASE = HEADER + 8;
const SENT_AT = HEADER + 12;
const BUCKET_MS = 0.02;
const BUCKETS = 50_000;
const SOCKET_BUFFER = 4 << 20;
const ADDRESS = '127.0.0.1';

type Stream = {
  readonly socket: Socket;
  readonly packet: Buffer;
  port: number;
  sequence: number;
  timestamp: number;
  /** Of the current phase. */
  sent: number;
  received: number;
  lastCount: number;
  disordered: number;
};

export type LoadFigures = {
  readonly streams: number;
  readonly sent: number;
  readonly lost: number;
  readonly disordered: number;
  /** Milliseconds from sending to receiving, both in the generator. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** How late the generator itself sent, milliseconds: where it is large, the generator is the limit. */
  readonly late99: number;
};

class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;
  max = 0;

  add(ms: number): void {
    const bucket = Math.max(0, Math.min(BUCKETS - 1, Math.floor(ms / BUCKET_MS)));
    this.#counts[bucket]! += 1;
    this.#total += 1;
    if (ms > this.max) this.max = ms;
  }

  quantile(share: number): number {
    const rank = this.#total * share;
    let sum = 0;
    for (let i = 0; i < BUCKETS; i += 1) {
      sum += this.#counts[i]!;
      if (sum >= rank) return (i + 0.5) * BUCKET_MS;
    }
    return 0;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.max = 0;
  }
}

/**
 * Sends G.711 streams evenly spread over 20 ms and counts what comes back. Many streams share few sockets: an engine
 * tells them apart by its own ports, and the generator stays cheap enough to load a relay written in C.
 */
export class MediaLoad {
  readonly #sockets: readonly Socket[];
  readonly #streams: Stream[] = [];
  readonly #delay = new Histogram();
  readonly #late = new Histogram();
  /** What is stamped on packets: 0 outside of a measurement. And which packets count on arrival. */
  #phase = 0;
  #counted = 0;
  #timer: NodeJS.Timeout | undefined;
  #start = 0;
  #next = 0;
  #quiet = true;

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
    for (const socket of sockets) socket.on('message', (packet) => this.#receive(packet));
  }

  static async open(count = 16): Promise<MediaLoad> {
    const sockets = Array.from({ length: count }, () =>
      createSocket({
        type: 'udp4',
        recvBufferSize: SOCKET_BUFFER,
        sendBufferSize: SOCKET_BUFFER,
        lookup: (host, _options, found) => found(null, host, 4),
      }),
    );
    await Promise.all(
      sockets.map((socket) => {
        // The address needs no look-up, so that it may listen before bind returns.
        const listening = once(socket, 'listening');
        socket.bind(0, ADDRESS);
        return listening;
      }),
    );
    return new MediaLoad(sockets);
  }

  /** Where stream `index` receives, as an SDP says it. */
  sdp(index: number): string {
    const lines = ['v=0', `o=- ${index} 1 IN IP4 ${ADDRESS}`, 's=-', `c=IN IP4 ${ADDRESS}`, 't=0 0'];
    const { port } = this.#sockets[index % this.#sockets.length]!.address();
    // With telephone events, as phones have them: without, the embedded relay listens for digits in the sound.
    const codecs = ['a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-15'];
    return [...lines, `m=audio ${port} RTP/AVP 0 101`, ...codecs, 'a=sendrecv', ''].join('\r\n');
  }

  port(index: number): number {
    return this.#sockets[index % this.#sockets.length]!.address().port;
  }

  /** Adds a stream that is sent to `port`. */
  add(port: number): void {
    const index = this.#streams.length;
    const packet = Buffer.alloc(HEADER + PAYLOAD, 0xff);
    writeRtpHeader(packet, {
      marker: false,
      payloadType: 0,
      sequence: 0,
      timestamp: 0,
      ssrc: 0x1000 + index,
    });
    writeUint32(packet, STREAM, index);
    this.#streams.push({
      socket: this.#sockets[index % this.#sockets.length]!,
      packet,
      port,
      sequence: 0,
      timestamp: 0,
      sent: 0,
      received: 0,
      lastCount: -1,
      disordered: 0,
    });
  }

  start(): void {
    this.#start = performance.now();
    this.#next = 0;
    this.#quiet = false;
    this.#tick();
  }

  /** Sends for `seconds`, lets the last packets arrive, and tells what happened meanwhile. */
  async measure(seconds: number): Promise<LoadFigures> {
    for (const stream of this.#streams) {
      stream.sent = 0;
      stream.received = 0;
      stream.lastCount = -1;
      stream.disordered = 0;
    }
    this.#delay.clear();
    this.#late.clear();
    this.#counted += 1;
    this.#phase = this.#counted;
    await pause(seconds * 1000);
    this.#phase = 0;
    await pause(300);
    const sent = this.#sum((s) => s.sent);
    return {
      streams: this.#streams.length,
      sent,
      lost: sent - this.#sum((s) => s.received),
      disordered: this.#sum((s) => s.disordered),
      p50: this.#delay.quantile(0.5),
      p99: this.#delay.quantile(0.99),
      max: this.#delay.max,
      late99: this.#late.quantile(0.99),
    };
  }

  async close(): Promise<void> {
    this.#quiet = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#sockets.map((socket) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #sum(of: (stream: Stream) => number): number {
    return this.#streams.reduce((sum, stream) => sum + of(stream), 0);
  }

  #tick(): void {
    if (this.#quiet) return;
    const count = this.#streams.length;
    const now = performance.now();
    for (;;) {
      const due = this.#start + (this.#next / count) * PTIME;
      if (due > now) break;
      this.#late.add(now - due);
      this.#send(this.#streams[this.#next % count]!);
      this.#next += 1;
    }
    this.#timer = setTimeout(() => this.#tick(), 1);
  }

  #send(stream: Stream): void {
    const { packet } = stream;
    stream.sequence = (stream.sequence + 1) & 0xffff;
    stream.timestamp = (stream.timestamp + PAYLOAD) >>> 0;
    packet[2] = stream.sequence >> 8;
    packet[3] = stream.sequence & 0xff;
    writeUint32(packet, 4, stream.timestamp);
    writeUint32(packet, COUNT, stream.sent);
    writeUint32(packet, PHASE, this.#phase);
    packet.writeDoubleBE(performance.now(), SENT_AT);
    if (this.#phase > 0) stream.sent += 1;
    stream.socket.send(packet, stream.port, ADDRESS);
  }

  #receive(packet: Buffer): void {
    // The relay owns the header; what it relays is the payload.
    const header = rtpHeaderLength(packet);
    if (header !== HEADER || packet.length < SENT_AT + 8) return;
    if (packet.readUInt32BE(PHASE) !== this.#counted || this.#counted === 0) return;
    const stream = this.#streams[packet.readUInt32BE(STREAM)];
    if (stream === undefined) return;
    const count = packet.readUInt32BE(COUNT);
    stream.received += 1;
    if (count < stream.lastCount) stream.disordered += 1;
    stream.lastCount = count;
    this.#delay.add(performance.now() - packet.readDoubleBE(SENT_AT));
  }
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
