import { packetKind, rtpHeaderLength, rtpPayloadType, setRtpPayloadType } from '../../rtp/index.ts';
import type { SdpCodec, SdpDirection } from '../../sdp/index.ts';
import { Egress } from '../links/egress.ts';
import { Latch } from './latch.ts';
import type { Party } from './party.ts';
import type { PortPair } from './port-pool.ts';
import { DROP, Route, type RouteKind } from './route.ts';

/** Packets, octets and errors of one direction of one port. */
export type Counters = { packets: number; bytes: number; errors: number };

const newCounters = (): Counters => ({ packets: 0, bytes: 0, errors: 0 });

/** One media line of one party: the ports that face it, what it sends, and the stream that it hears. */
export class Stream {
  readonly party: Party;
  readonly index: number;
  kind = 'audio';
  protocol = 'RTP/AVP';
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
  /** What the description that went to the party says. */
  told: readonly SdpCodec[] = [];
  readonly received = newCounters();
  readonly receivedRtcp = newCounters();
  readonly sent = newCounters();
  /** Wall-clock milliseconds of the last packet; the stream's creation before the first. */
  lastPacket: number;
  readonly egress = new Egress(8000);
  /** Where this stream's packets go. */
  routes: readonly Route[] = [];
  /** What this party hears now, and what it will hear from that source's first packet on. */
  current: Route | undefined;
  next: Route | undefined;

  constructor(party: Party, index: number) {
    this.party = party;
    this.index = index;
    this.lastPacket = party.call.clock.wall();
  }

  /** Whether packets are RTP, and so have numbers to rewrite. */
  get isRtp(): boolean {
    return this.protocol.includes('RTP/');
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
    } else route.refresh();
    sink.next = sink.current === route ? undefined : route;
  }

  /** Takes a route away. */
  unfeed(route: Route): void {
    this.routes = this.routes.filter((r) => r !== route);
    if (route.sink.current === route) route.sink.current = undefined;
    if (route.sink.next === route) route.sink.next = undefined;
  }

  #receive(packet: Buffer, address: string, port: number): void {
    const { clock } = this.party.call;
    const now = clock.now();
    const kind = packetKind(packet);
    if (kind === 'rtcp') return this.#receiveRtcp(packet, address, port, this.rtp);
    if (this.isRtp && (kind !== 'rtp' || rtpHeaderLength(packet) < 0)) {
      this.received.errors++;
      return;
    }
    if (!this.rtp.accepts(address, port, now)) return;
    this.received.packets++;
    this.received.bytes += packet.length;
    this.lastPacket = clock.wall();
    const { routes } = this;
    for (let i = 0; i < routes.length; i++) {
      const last = i === routes.length - 1;
      routes[i]!.sink.#hear(routes[i]!, last ? packet : Buffer.from(packet), now);
    }
  }

  /** A packet for this stream's far end. It is rewritten in place. */
  #hear(route: Route, packet: Buffer, now: number): void {
    if (!route.open) return;
    const from = this.isRtp ? rtpPayloadType(packet) : 0;
    const type = this.isRtp ? route.payloadTypes[from]! : 0;
    if (type === DROP) return;
    if (this.current !== route && !this.#turnTo(route)) return;
    if (this.isRtp) {
      if (type !== from) setRtpPayloadType(packet, type);
      this.egress.clockRate = route.clockRates[from]!;
      this.egress.rewrite(packet, route.mapping, now);
    }
    this.#send(packet);
  }

  /** Make-before-break: the first packet of the next source ends the one before it. */
  #turnTo(route: Route): boolean {
    if (this.next !== route) return false;
    const before = this.current;
    this.current = route;
    this.next = undefined;
    route.mapping.mapped = false;
    if (before !== undefined) this.#leave(before.source);
    return true;
  }

  /** The old source is no longer heard here, and no longer hears this side unless it only listened anyway. */
  #leave(source: Stream): void {
    for (const route of source.routes)
      if (route.sink === this && route.kind === 'dialog') source.unfeed(route);
    for (const route of this.routes) if (route.sink === source && route.kind === 'dialog') this.unfeed(route);
  }

  #send(packet: Buffer): void {
    const { address, port } = this.rtp;
    if (address === undefined || this.ports === undefined) return;
    this.sent.packets++;
    this.sent.bytes += packet.length;
    this.ports.rtp.send(packet, port, address);
  }

  #receiveRtcp(packet: Buffer, address: string, port: number, latch: Latch): void {
    if (packetKind(packet) !== 'rtcp') {
      this.receivedRtcp.errors++;
      return;
    }
    if (!latch.accepts(address, port, this.party.call.clock.now())) return;
    this.receivedRtcp.packets++;
    this.receivedRtcp.bytes += packet.length;
    for (const { sink, open } of this.routes)
      if (open && sink.current?.source === this) sink.#sendRtcp(packet);
  }

  #sendRtcp(packet: Buffer): void {
    const { address, port } = this.muxed ? this.rtp : this.rtcp;
    if (address === undefined || this.ports === undefined) return;
    (this.muxed ? this.ports.rtp : this.ports.rtcp).send(packet, port, address);
  }

  /** Takes everything away; the ports go back to be given out again when they are quiet. */
  close(): void {
    for (const route of this.routes) this.unfeed(route);
    if (this.ports !== undefined) this.party.call.release(this.ports);
    this.ports = undefined;
  }
}
