import { rtpTimestamp, setRtpPayloadType, setRtpTimestamp, TELEPHONE_EVENT_LENGTH } from '../../rtp/index.ts';

const LONGEST = 0xffff;

/**
 * Carries telephone events from one clock to another (RFC 4733 §2.1: events run on the clock of their audio): durations
 * are counted in the other unit, and each press keeps the one timestamp it gets where it begins.
 */
export class EventScaler {
  readonly #from: number;
  readonly #to: number;
  readonly #payloadType: number;
  #started = false;
  #timestamp = 0;
  #placed = 0;

  constructor(from: number, to: number, payloadType: number) {
    this.#from = from;
    this.#to = to;
    this.#payloadType = payloadType;
  }

  /** Rewrites a packet; `place` tells where in the outgoing stream a press that begins now lies. */
  rewrite(packet: Buffer, headerLength: number, place: () => number): void {
    const timestamp = rtpTimestamp(packet);
    if (!this.#started || timestamp !== this.#timestamp) {
      this.#started = true;
      this.#timestamp = timestamp;
      this.#placed = place();
    }
    setRtpTimestamp(packet, this.#placed);
    setRtpPayloadType(packet, this.#payloadType);
    if (packet.length - headerLength < TELEPHONE_EVENT_LENGTH) return;
    const duration = Math.round((packet.readUInt16BE(headerLength + 2) * this.#to) / this.#from);
    packet.writeUInt16BE(Math.min(LONGEST, duration), headerLength + 2);
  }
}
