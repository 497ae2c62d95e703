import type { Clock } from '../../base/index.ts';
import {
  packetKind,
  ReceptionStatistics,
  rtpHeaderLength,
  rtpPayloadType,
  rtpSequence,
  rtpSsrc,
  rtpTimestamp,
  srtpHeaderLength,
} from '../../rtp/index.ts';
import { isTelephoneEvent, type SdpCodec, type SdpDirection } from '../../sdp/index.ts';
import { Digits } from '../links/digits.ts';
import { ControlReports } from '../links/reports.ts';
import { Security } from '../links/security.ts';
import { Latch } from './latch.ts';
import { Outlet } from './outlet.ts';
import type { Party } from './party.ts';
import type { PortPair } from './port-pool.ts';
import { codecSent, Route, type RouteKind } from './route.ts';

/** Packets, octets and errors of one direction of one port. */
export type Counters = { packets: number; bytes: number; errors: number };

const newCounters = (): Counters => ({ packets: 0, bytes: 0, errors: 0 });

/** One media line of one party: the ports that face it, what it sends, and the stream that it hears. */
export class Stream {
  readonly party: Party;
  readonly index: number;
  kind = 'audio';
  /** Its name among the media lines of the call, for who subscribes to several (RFC 4574). */
  label: string | undefined;
  #protocol = 'RTP/AVP';
  #isRtp = true;
  ports: PortPair | undefined;
  readonly rtp = new Latch();
  readonly rtcp = new Latch();
  /** RTP and RTCP on one port (RFC 5761), as negotiated with this party. */
  muxed = false;
  /** From the party's own description: a port of 0, an unspecified address, the direction, what it takes. */
  rejected = false;
  held = false;
  direction: SdpDirection = 'sendrecv';
  codecs: readonly SdpCodec[] = [];
  /** a=crypto values of its last description. */
  cryptos: readonly string[] = [];
  /** What the description that went to the party says. */
  told: readonly SdpCodec[] = [];
  /** Of those, what the other side does not have and the relay makes, or understands, itself. */
  added: readonly SdpCodec[] = [];
  /** Of its own, those that it is promised whatever the other side chooses. */
  accepted: readonly SdpCodec[] = [];
  /** How long its party's packets are, in milliseconds, 0 where nobody said; `fixed` where a command wants it so. */
  readonly packetTime = { ms: 0, fixed: false };
  security: Security | undefined;
  readonly received = newCounters();
  readonly receivedRtcp = newCounters();
  /** Clock milliseconds of the last packet; the stream's creation before the first. */
  lastPacketAt: number;
  /** Since when, in wall-clock milliseconds, its packets can be expected; 0 before the call was answered. */
  awaitedSince = 0;
  timedOut = false;
  /** Clock milliseconds: when it was connected, and its first packet after that; 0 before. */
  connectedAt = 0;
  heardAt = 0;
  /** The payload type last received that was not an event; -1 before the first. */
  payloadType = -1;
  reception = new ReceptionStatistics(8000);
  /** How many packets are missing right before the one that came last; negative for a late one. */
  lost = 0;
  #sequence = 0;
  readonly digits: Digits;
  readonly reports: ControlReports;
  readonly outlet: Outlet;
  /** Where this stream's packets go. */
  routes: readonly Route[] = [];
  readonly #clock: Clock;
  /** Indexed by payload type: 1 where it is telephone events. */
  readonly #events = new Uint8Array(128);

  constructor(party: Party, index: number) {
    this.party = party;
    this.index = index;
    this.lastPacketAt = party.call.clock.now();
    this.#clock = party.call.clock;
    this.digits = new Digits(this);
    this.outlet = new Outlet(this);
    this.reports = new ControlReports(this);
  }

  get protocol(): string {
    return this.#protocol;
  }

  set protocol(protocol: string) {
    this.#protocol = protocol;
    this.#isRtp = protocol.includes('RTP/');
  }

  /** Whether packets are RTP, and so have numbers to rewrite. */
  get isRtp(): boolean {
    return this.#isRtp;
  }

  /** Has SRTP by SDES or not, as the protocol says (RFC 4568 §3.1.2); keys that were given out are kept. */
  secure(protocol: string): void {
    if (!/\bSAVPF?$/.test(protocol)) this.security = undefined;
    else this.security ??= new Security(this.party.call.random);
  }

  get awaited(): boolean {
    return this.awaitedSince > 0;
  }

  isEvent(payloadType: number): boolean {
    return this.#events[payloadType] === 1;
  }

  /** The encoding name of a payload type that this party takes. */
  codecName(payloadType: number): string {
    return this.codecs.find((c) => c.payloadType === payloadType)?.name ?? '';
  }

  /** What the party sends now, or would send first. */
  get codecReceived(): SdpCodec | undefined {
    return this.payloadType < 0 ? (this.told[0] ?? this.codecs[0]) : codecSent(this, this.payloadType);
  }

  /** After its descriptions changed. */
  refresh(): void {
    for (let type = 0; type < 128; type++) {
      const codec = codecSent(this, type);
      this.#events[type] = codec !== undefined && isTelephoneEvent(codec) ? 1 : 0;
    }
    for (const route of this.routes) route.refresh();
  }

  /** Takes a pair of ports; what arrives on them is this stream's. */
  open(ports: PortPair): void {
    this.ports = ports;
    ports.rtp.onMessage = (packet, from) => this.#receive(packet, from.address, from.port);
    ports.rtcp.onMessage = (packet, from) => this.#receiveRtcp(packet, from.address, from.port, this.rtcp);
    ports.rtp.onError = () => this.received.errors++;
    ports.rtcp.onError = () => this.receivedRtcp.errors++;
  }

  /** Lets this stream be heard by `sink`, from its first packet on; what `sink` hears goes on until then. */
  feed(sink: Stream, kind: RouteKind): void {
    let route = this.routes.find((r) => r.sink === sink);
    if (route === undefined) {
      route = new Route(this, sink, kind);
      this.routes = [...this.routes, route];
    } else {
      // One way between two streams, or each packet would arrive twice; a dialog is more than a subscription.
      if (kind === 'dialog' || route.kind === 'early') route.kind = kind;
      route.refresh();
    }
    if (!this.awaited && kind === 'dialog') {
      const { clock } = this.party.call;
      this.awaitedSince = clock.wall();
      this.connectedAt = clock.now();
    }
    sink.outlet.next = sink.outlet.current === route ? undefined : route;
  }

  /** Lets this stream be heard by `sink` before there is an answer, for as long as `sink` hears nobody else. */
  feedEarly(sink: Stream): void {
    if (!this.routes.some((r) => r.sink === sink))
      this.routes = [...this.routes, new Route(this, sink, 'early')];
  }

  /** Takes a route away. */
  unfeed(route: Route): void {
    this.routes = this.routes.filter((r) => r !== route);
    const { outlet } = route.sink;
    if (outlet.current === route) outlet.current = undefined;
    if (outlet.next === route) outlet.next = undefined;
    route.close();
  }

  /** What `source` sends is no longer heard here, and it no longer hears this side unless it only listened anyway. */
  leave(source: Stream): void {
    const ends = (route: Route, sink: Stream) => route.sink === sink && route.kind !== 'subscription';
    for (const route of source.routes) if (ends(route, this)) source.unfeed(route);
    for (const route of this.routes) if (ends(route, source)) this.unfeed(route);
  }

  /** Wall-clock milliseconds of the last packet. */
  get lastPacket(): number {
    return this.#clock.wall() - (this.#clock.now() - this.lastPacketAt);
  }

  #receive(arrived: Buffer, address: string, port: number): void {
    const now = this.#clock.now();
    const headerLength = this.#headerLength(arrived);
    if (headerLength < 0 || (headerLength === 0 && packetKind(arrived) === 'rtcp'))
      return this.#receiveOther(arrived, address, port);
    const packet = this.security === undefined ? arrived : this.#opened(arrived);
    if (packet === undefined) {
      this.received.errors++;
      return;
    }
    // Only now: who cannot encrypt for this stream does not get it either.
    if (!this.rtp.accepts(address, port, now)) return;
    this.received.packets++;
    this.received.bytes += arrived.length;
    this.lastPacketAt = now;
    if (this.heardAt === 0 && this.connectedAt > 0) this.heardAt = now;
    if (this.#isRtp && !this.#note(packet, headerLength, now)) return this.#leaveOut();
    this.#forward(packet, headerLength, now);
  }

  /** The padding of an encrypted packet cannot be looked at yet (RFC 3711 §3.1). */
  #headerLength(arrived: Buffer): number {
    if (!this.#isRtp) return 0;
    return this.security === undefined ? rtpHeaderLength(arrived) : srtpHeaderLength(arrived, arrived.length);
  }

  #opened(arrived: Buffer): Buffer | undefined {
    const packet = this.security?.unprotect(arrived, false);
    return packet === undefined || rtpHeaderLength(packet) < 0 ? undefined : packet;
  }

  /** What is no RTP: RTCP on the same port, or nothing that belongs here. */
  #receiveOther(arrived: Buffer, address: string, port: number): void {
    if (packetKind(arrived) === 'rtcp') this.#receiveRtcp(arrived, address, port, this.rtp);
    else this.received.errors++;
  }

  /** Statistics and telephone events; false for an event that is to go no further. */
  #note(packet: Buffer, headerLength: number, now: number): boolean {
    const ssrc = rtpSsrc(packet);
    const type = rtpPayloadType(packet);
    if (ssrc !== this.reception.ssrc) this.#begin(ssrc, type, rtpSequence(packet));
    const sequence = rtpSequence(packet);
    this.lost = ((sequence - this.#sequence - 1) << 16) >> 16;
    if (this.lost >= 0) this.#sequence = sequence;
    this.reception.octets += packet.length;
    this.reception.receive(sequence, rtpTimestamp(packet), now);
    if (this.#events[type] === 1) {
      this.digits.event(packet, headerLength, now);
      return !this.party.digitsBlocked;
    }
    this.payloadType = type;
    if (this.digits.listening) this.digits.audio(packet, type);
    const { recording } = this.party.call;
    if (recording !== undefined) recording.record(this, packet, now);
    // Tones are known for what they are only after some 30 ms, too short for a digit at the far end (ITU-T Q.24).
    return !(this.digits.sounding && this.party.digitsBlocked);
  }

  #begin(ssrc: number, type: number, sequence: number): void {
    this.reports.sourceChanged();
    this.reception = new ReceptionStatistics(codecSent(this, type)?.clockRate ?? 8000);
    this.reception.ssrc = ssrc;
    this.#sequence = (sequence - 1) & 0xffff;
    this.digits.reset();
  }

  #forward(packet: Buffer, headerLength: number, now: number): void {
    const { routes } = this;
    const last = routes.length - 1;
    for (let i = 0; i <= last; i++) {
      const route = routes[i]!;
      // Each listener changes its packet, so all but the last get a copy.
      const own = i === last ? packet : Buffer.from(packet);
      if (this.#isRtp) route.outlet.hear(route, own, headerLength, now);
      else route.outlet.pass(route, own);
    }
  }

  #leaveOut(): void {
    for (const route of this.routes) route.outlet.skip(route);
  }

  #receiveRtcp(arrived: Buffer, address: string, port: number, latch: Latch): void {
    if (packetKind(arrived) !== 'rtcp') {
      this.receivedRtcp.errors++;
      return;
    }
    const packet = this.security === undefined ? arrived : this.security.unprotect(arrived, true);
    if (packet === undefined) {
      this.receivedRtcp.errors++;
      return;
    }
    if (!latch.accepts(address, port, this.#clock.now())) return;
    this.receivedRtcp.packets++;
    this.receivedRtcp.bytes += arrived.length;
    this.reports.receive(packet);
  }

  /** Takes everything away; the ports go back to be given out again when they are quiet. */
  close(): void {
    for (const route of this.routes) this.unfeed(route);
    this.outlet.close();
    this.digits.close();
    if (this.ports !== undefined) this.party.call.release(this.ports);
    this.ports = undefined;
  }
}
