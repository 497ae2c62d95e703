import { rtpHeaderLength, rtpPayloadEnd, rtpPayloadType, setRtpPayloadType } from '../../rtp/index.ts';
import { Egress } from '../links/egress.ts';
import { silence } from '../links/silence.ts';
import { DROP, NOISE, SCALE, SOUND, TRANSCODE, type Route } from './route.ts';
import type { Counters, Stream } from './stream.ts';

/** Something made here that a far end hears in place of what its source sends: a sound, or injected digits. */
export interface Performance {
  /** Whether it only fills a silence, and ends when its source speaks again. */
  readonly yields?: boolean;
  /** Makes what is due at `now`; false when there is nothing more. */
  step(now: number): boolean;
  /** Told once, when it ended or was taken away. */
  finished(): void;
}

/** The outgoing half of a stream: the one place where packets for its far end come together. */
export class Outlet {
  readonly stream: Stream;
  readonly egress = new Egress(8000);
  readonly sent: Counters = { packets: 0, bytes: 0, errors: 0 };
  /** What the far end hears now, and what it will hear from that source's first packet on. */
  current: Route | undefined;
  next: Route | undefined;
  /** The payload type last sent that was not an event. */
  payloadType = -1;
  /** Clock milliseconds of the first packet after its stream was connected; 0 before. */
  firstAt = 0;
  #performance: Performance | undefined;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  /** An RTP packet for the far end, its own to change. */
  hear(route: Route, packet: Buffer, headerLength: number, now: number): void {
    if (!route.open) return;
    const from = rtpPayloadType(packet);
    const type = route.payloadTypes[from]!;
    if (type === DROP) return this.skip(route);
    if (route.source.party.blocked && !route.source.isEvent(from)) return;
    if (this.current !== route && !this.#turnTo(route)) return;
    if (this.#performance !== undefined && !this.#makesWay(type)) {
      route.mapping.mapped = false;
      return;
    }
    if (type >= 0) this.#relay(route, packet, headerLength, now);
    else this.#remake(route, packet, headerLength, now);
  }

  /** A packet in whose place something else is heard. */
  #remake(route: Route, packet: Buffer, headerLength: number, now: number): void {
    const from = rtpPayloadType(packet);
    const type = route.payloadTypes[from]!;
    if (type === TRANSCODE) this.#transcode(route, packet, from, now);
    else if (type === SCALE) this.#scale(route, packet, from, now);
    else if (type === NOISE) this.#fill(route, packet, headerLength);
    else if (type === SOUND) this.skip(route);
  }

  /** What only filled a silence ends with it. */
  #makesWay(type: number): boolean {
    if (this.#performance?.yields !== true) return false;
    if (type !== NOISE) this.perform(undefined);
    return true;
  }

  /** The source describes its silence; here it sounds, until the source speaks again. */
  #fill(route: Route, packet: Buffer, headerLength: number): void {
    this.skip(route);
    if (route.source.party.silenced) return;
    route.noise.describe(packet.subarray(headerLength, rtpPayloadEnd(packet)));
    if (this.#performance === undefined) route.fill();
  }

  /** A packet that needs no more than other numbers. */
  #relay(route: Route, packet: Buffer, headerLength: number, now: number): void {
    const from = rtpPayloadType(packet);
    const type = route.payloadTypes[from]!;
    const { source } = route;
    if (!source.isEvent(from)) {
      this.payloadType = type;
      // The stream's clock is that of its audio; events may count in another (RFC 4733 §2.1).
      this.egress.clockRate = route.clockRates[from]!;
      if (source.party.silenced) return this.#hush(route, packet, headerLength, now);
    }
    if (type !== from) setRtpPayloadType(packet, type);
    this.egress.rewrite(packet, route.mapping, now);
    this.send(packet);
  }

  /** A packet of something that is not RTP. */
  pass(route: Route, packet: Buffer): void {
    if (route.open && (this.current === route || this.#turnTo(route))) this.send(packet);
  }

  /** The packet with silence in it, in its place in the stream. */
  #hush(route: Route, packet: Buffer, headerLength: number, now: number): void {
    const from = rtpPayloadType(packet);
    const length = silence(packet, headerLength, this.stream.codecName(route.payloadTypes[from]!));
    if (length < 0) return this.skip(route);
    const out = packet.subarray(0, length);
    setRtpPayloadType(out, route.payloadTypes[from]!);
    this.egress.clockRate = route.clockRates[from]!;
    this.egress.rewrite(out, route.mapping, now);
    this.send(out);
  }

  #transcode(route: Route, packet: Buffer, from: number, now: number): void {
    const transcoder = route.transcoder(from);
    if (transcoder === undefined) return;
    // Each numbers its packets in its own way.
    if (route.making !== undefined && route.making !== transcoder) route.mapping.mapped = false;
    route.making = transcoder;
    transcoder.push(packet, route.source.lost, (made) => {
      // Of comfort noise only its level is heard.
      if (route.source.party.silenced && rtpPayloadType(made) === transcoder.to.payloadType) {
        const length = silence(made, rtpHeaderLength(made), transcoder.to.name);
        if (length < 0) return this.skip(route);
        made = made.subarray(0, length);
      }
      this.payloadType = transcoder.to.payloadType;
      this.egress.clockRate = transcoder.to.clockRate;
      this.egress.rewrite(made, route.mapping, now);
      this.send(made);
    });
  }

  #scale(route: Route, packet: Buffer, from: number, now: number): void {
    const scaler = route.scaler(from);
    if (scaler === undefined) return;
    const { egress } = this;
    if (!egress.started) return;
    scaler.rewrite(packet, rtpHeaderLength(packet), () => egress.nextTimestamp(now));
    egress.place(packet, now);
    // The source's own numbers continue behind what was sent in the meantime.
    route.mapping.mapped = false;
    this.send(packet);
  }

  /** A packet of the current source is left out: what follows closes up, so that no loss is seen. */
  skip(route: Route): void {
    if (this.current === route) route.mapping.sequence = (route.mapping.sequence - 1) & 0xffff;
  }

  /** Make-before-break: the first packet of the next source ends the one before it. */
  #turnTo(route: Route): boolean {
    if (this.next !== route && !this.#hearsEarly(route)) return false;
    const before = this.current;
    this.current = route;
    this.next = undefined;
    route.mapping.mapped = false;
    if (before !== undefined) this.stream.leave(before.source);
    this.stream.party.call.turned(this.stream, route.source, before?.source);
    return true;
  }

  /** Who answers soon is heard before the answer where nobody else is, and hears where its address is known. */
  #hearsEarly(route: Route): boolean {
    const isFree = this.current === undefined && this.next === undefined;
    return isFree && route.kind === 'early' && this.stream.rtp.address !== undefined;
  }

  /** Lets a performance be heard in place of the source; one that is going on is taken away. */
  perform(performance: Performance | undefined): void {
    const before = this.#performance;
    this.#performance = performance;
    if (this.current !== undefined) this.current.mapping.mapped = false;
    before?.finished();
  }

  get performance(): Performance | undefined {
    return this.#performance;
  }

  /** Carries the performance on; false when there is none any more. */
  step(now: number): boolean {
    const performance = this.#performance;
    if (performance === undefined) return false;
    if (performance.step(now)) return true;
    if (this.#performance === performance) this.perform(undefined);
    return this.#performance !== undefined;
  }

  /** Sends a finished packet to the far end, protected where it wants that. */
  send(packet: Buffer): void {
    const { rtp, ports, security } = this.stream;
    if (rtp.address === undefined || ports === undefined) return;
    const out = security === undefined ? packet : security.protect(packet, false);
    if (out === undefined) return;
    if (this.firstAt === 0 && this.stream.connectedAt > 0) this.firstAt = this.stream.party.call.clock.now();
    this.sent.packets++;
    this.sent.bytes += out.length;
    ports.rtp.send(out, rtp.port, rtp.address);
  }

  sendRtcp(packet: Buffer): void {
    const { ports, security, muxed } = this.stream;
    const { address, port } = muxed ? this.stream.rtp : this.stream.rtcp;
    if (address === undefined || ports === undefined) return;
    const out = security === undefined ? packet : security.protect(packet, true);
    if (out !== undefined) (muxed ? ports.rtp : ports.rtcp).send(out, port, address);
  }

  close(): void {
    this.perform(undefined);
  }
}
