import {
  estimateMos,
  ntpMiddle,
  ntpTime,
  parseRtcp,
  printRtcp,
  roundTrip,
  type ReceptionStatistics,
  type RtcpPacket,
} from '../../rtp/index.ts';
import type { Stream } from '../relay/stream.ts';

/** RFC 3550 §6.2: five seconds on the average, between half and one and a half of that. */
const INTERVAL_MS = 5000;
const FEEDBACK_TYPES: ReadonlySet<number> = new Set([205, 206]);
const MOST_SAMPLES_KEPT = 100;

/** One look at the quality of what a party sends, and of what it receives where it reports that. */
export type QualitySample = {
  readonly mos: number;
  readonly roundTripMs: number;
  readonly jitterMs: number;
  readonly lossPercent: number;
  readonly at: number;
};

/**
 * RTCP towards one party, the relay's own (RFC 3550 §6.4): what the relay sends it, how the relay receives it, and what
 * it says of how it receives. Nothing of one party's reports reaches the other but requests for a key frame.
 */
export class ControlReports {
  readonly #stream: Stream;
  #nextAt = 0;
  #packetsReported = 0;
  #lastSr = 0;
  #lastSrAt = 0;
  #expected = 0;
  #received = 0;
  /** What the party itself reports of the stream that it gets. */
  farLossPercent = 0;
  farJitterMs = 0;
  roundTripMs = 0;
  readonly samples: QualitySample[] = [];

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** A new SSRC sends: sender reports of the old one say nothing of it. */
  sourceChanged(): void {
    this.#lastSr = 0;
    this.#expected = 0;
    this.#received = 0;
  }

  /** Sends a report when it is time for one. */
  tick(now: number): void {
    const stream = this.#stream;
    const { call } = stream.party;
    if (
      !stream.isRtp ||
      stream.ports === undefined ||
      (!stream.outlet.egress.started && !stream.reception.received)
    )
      return;
    if (this.#nextAt === 0) this.#nextAt = now + INTERVAL_MS * (0.25 + call.random.unit() / 2);
    if (now < this.#nextAt) return;
    this.#nextAt = now + INTERVAL_MS * (0.5 + call.random.unit());
    this.#sample();
    stream.outlet.sendRtcp(this.#report(now));
  }

  #report(now: number): Buffer {
    const { outlet, party, reception } = this.#stream;
    const { egress } = outlet;
    const reports = reception.received > 0 ? [this.#block(reception, now)] : [];
    const ssrc = egress.started ? egress.ssrc : party.ssrc;
    const sends = egress.packets > this.#packetsReported;
    this.#packetsReported = egress.packets;
    const { seconds, fraction } = ntpTime(party.call.clock.wall());
    const head: RtcpPacket = sends
      ? {
          type: 'sr',
          ssrc,
          sender: {
            ntpSeconds: seconds,
            ntpFraction: fraction,
            rtpTimestamp: egress.timestampAt(now),
            packets: egress.packets >>> 0,
            octets: egress.octets >>> 0,
          },
          reports,
        }
      : { type: 'rr', ssrc, reports };
    return printRtcp([head, { type: 'sdes', chunks: [{ ssrc, cname: party.cname }] }]);
  }

  #block(reception: ReceptionStatistics, now: number) {
    const delay = this.#lastSr === 0 ? 0 : Math.round(((now - this.#lastSrAt) * 65_536) / 1000);
    return reception.report(this.#lastSr, delay);
  }

  /** A compound packet from the party. */
  receive(packet: Buffer): void {
    const parts = parseRtcp(packet);
    if (parts === undefined) {
      this.#stream.receivedRtcp.errors++;
      return;
    }
    for (const part of parts) {
      if (part.type === 'sr') this.#senderReport(part.sender.ntpSeconds, part.sender.ntpFraction);
      if (part.type === 'sr' || part.type === 'rr') for (const block of part.reports) this.#reported(block);
    }
    if (parts.some((part) => part.type === 'other' && FEEDBACK_TYPES.has(part.packetType)))
      this.#feedback(packet);
  }

  #senderReport(seconds: number, fraction: number): void {
    this.#lastSr = ntpMiddle(seconds, fraction);
    this.#lastSrAt = this.#stream.party.call.clock.now();
  }

  #reported(block: Parameters<typeof roundTrip>[0]): void {
    const { egress } = this.#stream.outlet;
    if (!egress.started || block.ssrc !== egress.ssrc) return;
    const trip = roundTrip(block, this.#stream.party.call.clock.wall());
    if (trip !== undefined) this.roundTripMs = trip;
    this.farLossPercent = (block.fractionLost * 100) / 256;
    this.farJitterMs = (block.jitter * 1000) / egress.clockRate;
  }

  /** Feedback (RFC 4585) is for whoever sends what this party hears: passed on with the sender's own SSRC in it. */
  #feedback(packet: Buffer): void {
    const source = this.#stream.outlet.current?.source;
    if (source === undefined) return;
    const kept: Buffer[] = [];
    for (let at = 0; at + 12 <= packet.length;) {
      const end = at + 4 + packet.readUInt16BE(at + 2) * 4;
      if (end > packet.length) break;
      if (FEEDBACK_TYPES.has(packet[at + 1]!)) {
        const part = Buffer.from(packet.subarray(at, end));
        part.writeUInt32BE(source.outlet.egress.started ? source.outlet.egress.ssrc : source.party.ssrc, 4);
        part.writeUInt32BE(source.reception.ssrc, 8);
        kept.push(part);
      }
      at = end;
    }
    if (kept.length > 0) source.outlet.sendRtcp(Buffer.concat(kept));
  }

  #sample(): void {
    const { reception, codecReceived, party } = this.#stream;
    const expected = reception.expected - this.#expected;
    const lost = expected - (reception.received - this.#received);
    this.#expected = reception.expected;
    this.#received = reception.received;
    if (expected <= 0) return;
    const lossPercent = Math.max(0, (lost * 100) / expected);
    const { jitterMs } = reception;
    const { roundTripMs } = this;
    const mos = estimateMos({ lossPercent, jitterMs, roundTripMs, codec: codecReceived?.name ?? '' });
    if (this.samples.length >= MOST_SAMPLES_KEPT) this.samples.shift();
    this.samples.push({ mos, roundTripMs, jitterMs, lossPercent, at: party.call.clock.wall() });
  }
}
