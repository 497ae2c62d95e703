import { createSocket, type Socket } from 'node:dgram';
import {
  buildRtp,
  digitEvent,
  eventDigit,
  packetKind,
  parseRtcp,
  parseRtp,
  TelephoneEventDetector,
  TelephoneEventGenerator,
  type CodecName,
  type RtcpPacket,
  type SrtpSuite,
} from '../rtp/index.ts';
import { analyseRtp, type ReceivedRtp, type RtpAnalysis } from './rtp-analysis.ts';
import { RtpCrypto } from './rtp-crypto.ts';
import { RtpSound, staticCodec } from './rtp-sound.ts';
import { readStamp, stampTime, writeStamp } from './rtp-stamp.ts';

export type RtpAddress = { readonly address: string; readonly port: number };

export type RtpEndpointOptions = {
  /** Said in every payload it sends; at most 16 characters. */
  readonly name: string;
  readonly address?: string;
  /** 0 is PCMU, 8 PCMA, 9 G.722; for others say which `codec` they are. */
  readonly payloadType?: number;
  /** Of `payloadType`, if that is dynamic. */
  readonly codec?: CodecName;
  /** Sends and wants SRTP with a key of its own in the SDP (SDES). */
  readonly srtp?: SrtpSuite;
  readonly eventPayloadType?: number;
  /** Milliseconds. */
  readonly ptime?: number;
  readonly ssrc?: number;
};

const UNKNOWN_CODEC: CodecName = { name: 'PCMU', clockRate: 8000, channels: 1 };

type Waiter = { readonly holds: () => boolean; readonly resolve: () => void };

/** Of stamped payloads, whatever the codec. */
const OCTETS_PER_MS = 8;
const RTP_PAIR_TRIES = 50;

/**
 * A phone's media for tests, on real UDP sockets: sends a stream whose payload names its sender and counts (or a tone in
 * any codec), keeps all that it receives, and can say what that was. RTCP has the next port. Close it when done.
 */
export class RtpEndpoint {
  readonly name: string;
  readonly address: string;
  payloadType: number;
  eventPayloadType: number;
  readonly ptime: number;
  readonly port: number;
  readonly ssrc: number;
  /** Everything received, in order of arrival. */
  readonly packets: ReceivedRtp[] = [];
  readonly rtcp: { readonly arrival: number; readonly packets: readonly RtcpPacket[] }[] = [];
  /** Digits received as telephone events, each at its end. */
  digits = '';
  /** Their durations in timestamp units. */
  readonly digitDurations: number[] = [];
  /** Packets sent so far; the next stamp's count. */
  sent = 0;
  sequence = Math.floor(Math.random() * 0x1_0000);
  timestamp = Math.floor(Math.random() * 0x1_0000_0000);
  /** Where it sends; undefined sends nothing. */
  target: RtpAddress | undefined;
  /** Frequencies in Hz that it sends in place of stamped silence; empty for stamps. */
  tone: readonly number[] = [];
  /** What the payload type is; the clock of timestamps and events is its. */
  readonly codec: CodecName;
  /** Keys and counts of SRTP, if it speaks that. */
  readonly crypto: RtpCrypto | undefined;
  readonly #sound: RtpSound;
  readonly #rtp: Socket;
  readonly #control: Socket;
  readonly #waiters = new Set<Waiter>();
  readonly #events = new TelephoneEventDetector({
    started: () => undefined,
    ended: (event, duration) => {
      this.digits += eventDigit(event) ?? '?';
      this.digitDurations.push(duration);
    },
  });
  readonly #presses: TelephoneEventGenerator[] = [];
  #pressedAt: number | undefined;
  #pause = 0;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #marker = true;

  private constructor(options: RtpEndpointOptions, parts: readonly [Socket, Socket, RtpSound]) {
    [this.#rtp, this.#control, this.#sound] = parts;
    this.name = options.name;
    this.address = options.address ?? '127.0.0.1';
    this.payloadType = options.payloadType ?? 0;
    this.eventPayloadType = options.eventPayloadType ?? 101;
    this.ptime = options.ptime ?? 20;
    this.ssrc = options.ssrc ?? Math.floor(Math.random() * 0x1_0000_0000);
    this.codec = options.codec ?? staticCodec(this.payloadType) ?? UNKNOWN_CODEC;
    this.crypto = options.srtp && new RtpCrypto(options.srtp);
    this.port = this.#rtp.address().port;
    this.#rtp.on('message', (packet, from) => this.#receive(packet, `${from.address}:${from.port}`));
    this.#control.on('message', (packet) => this.#receiveControl(packet));
  }

  /** Opens an even RTP port and the odd RTCP port after it. */
  static async open(options: RtpEndpointOptions): Promise<RtpEndpoint> {
    const address = options.address ?? '127.0.0.1';
    const sound = await RtpSound.open(options.payloadType ?? 0, options.codec);
    for (let tries = 0; tries < RTP_PAIR_TRIES; tries += 1) {
      const rtp = await bind(address, 0);
      const port = rtp?.address().port ?? 1;
      const control = rtp && port % 2 === 0 ? await bind(address, port + 1) : undefined;
      if (rtp && control) return new RtpEndpoint(options, [rtp, control, sound]);
      rtp?.close();
    }
    throw new Error(`no pair of free UDP ports on ${address}`);
  }

  /** Starts sending a packet every ptime to `target`, or to the address in an SDP; SRTP needs the SDP, for its key. */
  start(target: RtpAddress | string): this {
    if (typeof target === 'string') this.crypto?.learn(target);
    this.target = typeof target === 'string' ? sdpAddress(target) : target;
    if (this.#timer === undefined) {
      this.#next = performance.now();
      this.#marker = true;
      this.#tick();
    }
    return this;
  }

  /** Stops sending; it goes on receiving. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    this.stop();
    this.#waiters.clear();
    this.#rtp.close();
    this.#control.close();
    this.#sound.close();
  }

  /** Presses digits one after the other while sending; resolves when the last end packet is out. */
  async press(digits: string, options: { duration?: number; pause?: number } = {}): Promise<void> {
    const { duration = 100, pause = 60 } = options;
    this.#pause = pause;
    for (const digit of digits) {
      const event = digitEvent(digit);
      if (event < 0) throw new Error(`${digit} is no digit`);
      this.#presses.push(
        new TelephoneEventGenerator({
          event,
          duration,
          volume: 10,
          clockRate: this.codec.clockRate,
          ptime: this.ptime,
        }),
      );
    }
    if (this.#timer === undefined) throw new Error(`${this.name} presses digits but is not sending`);
    await this.until(() => this.#presses.length === 0, `digits ${digits} sent`);
  }

  /** Sends any octets to the target from the RTP port: a stranger's packet, STUN, garbage. */
  sendRaw(bytes: Uint8Array, target = this.target): void {
    if (target) this.#rtp.send(bytes, target.port, target.address);
  }

  /** Sends RTCP to the port after the target's. */
  sendControl(bytes: Uint8Array, target = this.target): void {
    const packet = this.crypto?.protect(Buffer.from(bytes), 'rtcp') ?? bytes;
    if (target) this.#control.send(packet, target.port + 1, target.address);
  }

  /** Waits until `holds` is true, looking after every packet received or sent; rejects after `timeout` ms with what it has. */
  until(holds: () => boolean, what: string, timeout = 5000): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(
          new Error(`${this.name} waited ${timeout} ms for ${what}: ${JSON.stringify(this.describe())}`),
        );
      }, timeout);
      const waiter: Waiter = {
        holds,
        resolve: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Waits until `count` more packets came, from the named sender if given. */
  hears(count: number, who?: string): Promise<void> {
    const start = this.packets.length;
    const heard = () => this.packets.slice(start).filter((p) => who === undefined || p.who === who).length;
    return this.until(() => heard() >= count, `${count} packets ${who ? `of ${who}` : ''}`);
  }

  /** Audio packets, telephone events left out, from index `from` of `packets`. */
  audio(from = 0): ReceivedRtp[] {
    return this.packets.slice(from).filter((p) => p.payloadType !== this.eventPayloadType);
  }

  analyse(from = 0): RtpAnalysis {
    const { eventPayloadType, samples } = this;
    return analyseRtp(this.packets.slice(from), { eventPayloadType, samplesPerPacket: samples });
  }

  /** Timestamp units of a packet. */
  get samples(): number {
    return (this.ptime * this.codec.clockRate) / 1000;
  }

  /** The last `ms` of sound received, in samples of the codec's rate (8 kHz for G.711). */
  pcm(ms = 200): Int16Array {
    return this.#sound.pcm(ms).pcm;
  }

  /** The share, 0 to 1, of the last `ms` of received sound that is a sine of `frequency`. */
  toneShare(frequency: number, ms = 200): number {
    return this.#sound.toneShare(frequency, ms);
  }

  /** Which of `frequencies` make up more than a quarter each of the last `ms` of received sound. */
  heardTones(frequencies: readonly number[], ms = 200): number[] {
    return frequencies.filter((frequency) => this.toneShare(frequency, ms) > 0.25);
  }

  /** An SDP that describes this endpoint. */
  sdp(direction = 'sendrecv'): string {
    const family = this.address.includes(':') ? 'IP6' : 'IP4';
    const { name, clockRate, channels } = staticCodec(this.payloadType) ?? this.codec;
    const codec = `${name}/${clockRate}${channels > 1 ? `/${channels}` : ''}`;
    return [
      'v=0',
      `o=${this.name} 1 1 IN ${family} ${this.address}`,
      's=-',
      `c=IN ${family} ${this.address}`,
      't=0 0',
      `m=audio ${this.port} RTP/${this.crypto ? 'S' : ''}AVP ${this.payloadType} ${this.eventPayloadType}`,
      `a=rtpmap:${this.payloadType} ${codec}`,
      `a=rtpmap:${this.eventPayloadType} telephone-event/${clockRate}`,
      `a=fmtp:${this.eventPayloadType} 0-15`,
      `a=ptime:${this.ptime}`,
      ...(this.crypto ? [this.crypto.line] : []),
      `a=${direction}`,
      '',
    ].join('\r\n');
  }

  describe(): object {
    const { senders, speakers, packets, missing, ssrcChanges } = this.analyse();
    const { name, port, target, sent, digits } = this;
    return { name, port, target, sent, digits, packets, missing, ssrcChanges, speakers, senders };
  }

  #tick(): void {
    this.#sendOne();
    this.#next += this.ptime;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, this.#next - performance.now()));
    this.#settle();
  }

  #sendOne(): void {
    const { samples } = this;
    const press = this.#presses[0];
    if (press !== undefined && this.#pressedAt === undefined) this.#pressedAt = this.timestamp;
    if (press !== undefined && this.#pressedAt !== undefined) this.#sendEvent(press, this.#pressedAt);
    else this.#send(this.#audioPayload(), this.timestamp, this.payloadType, this.#marker);
    this.timestamp = (this.timestamp + samples) >>> 0;
    if (this.#pressedAt === undefined) this.#marker = false;
  }

  #sendEvent(press: TelephoneEventGenerator, start: number): void {
    const payload = Buffer.alloc(4);
    press.next(payload);
    this.#send(payload, (start + press.timestampOffset) >>> 0, this.eventPayloadType, press.marker);
    if (!press.done) return;
    this.#presses.shift();
    this.#pressedAt = undefined;
    this.#marker = true;
    // The pause: RFC 4733 has no packets between events, real phones go back to audio; here the clock just runs on.
    this.timestamp = (this.timestamp + (this.#pause * this.codec.clockRate) / 1000) >>> 0;
    this.#next += this.#pause;
  }

  #send(payload: Buffer, timestamp: number, payloadType: number, marker: boolean): void {
    const { sequence, ssrc, target } = this;
    if (target) {
      const packet = buildRtp({ marker, payloadType, sequence, timestamp, ssrc }, payload);
      this.#rtp.send(this.crypto?.protect(packet, 'rtp') ?? packet, target.port, target.address);
    }
    this.sequence = (sequence + 1) & 0xffff;
  }

  #audioPayload(): Buffer {
    const count = this.sent;
    this.sent += 1;
    const tone = this.tone.length > 0 && this.#sound.tone(this.payloadType, this.tone, this.ptime);
    if (tone) return tone;
    const payload = Buffer.alloc(this.ptime * OCTETS_PER_MS, this.payloadType === 8 ? 0xd5 : 0xff);
    writeStamp(payload, { name: this.name, count, sentAt: stampTime() });
    return payload;
  }

  #receive(received: Buffer, from: string): void {
    const arrival = stampTime();
    if (packetKind(received) === 'rtcp') return this.#receiveControl(received);
    const packet = this.crypto ? this.crypto.unprotect(received, 'rtp') : received;
    const rtp = packet && parseRtp(packet);
    if (rtp === undefined) return;
    const stamp = readStamp(rtp.payload);
    const { ssrc, sequence, timestamp, payloadType, marker } = rtp;
    const payload = Buffer.from(rtp.payload);
    const said = { who: stamp?.name, count: stamp?.count, sentAt: stamp?.sentAt };
    this.packets.push({ arrival, from, ssrc, sequence, timestamp, payloadType, marker, payload, ...said });
    if (payloadType === this.eventPayloadType) this.#events.receive(payload, 0, timestamp, arrival);
    else this.#sound.hear(payloadType, payload);
    this.#settle();
  }

  #receiveControl(received: Buffer): void {
    const packet = this.crypto ? this.crypto.unprotect(received, 'rtcp') : received;
    const packets = packet && parseRtcp(packet);
    if (packets) this.rtcp.push({ arrival: stampTime(), packets });
    this.#settle();
  }

  #settle(): void {
    for (const waiter of this.#waiters) if (waiter.holds()) waiter.resolve();
  }
}

function bind(address: string, port: number): Promise<Socket | undefined> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind(port, address, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Where the first audio line of an SDP wants its RTP: c= of the media section, else of the session. */
export function sdpAddress(sdp: string): RtpAddress {
  const media = sdp.slice(Math.max(0, sdp.search(/^m=audio /m)));
  const port = /^m=audio (\d+)/m.exec(media)?.[1];
  const address = (/^c=IN IP[46] ([^\s/]+)/m.exec(media) ?? /^c=IN IP[46] ([^\s/]+)/m.exec(sdp))?.[1];
  if (port === undefined || address === undefined) throw new Error(`no audio address in SDP:\n${sdp}`);
  return { address, port: Number(port) };
}
