import {
  rtpSequence,
  rtpSsrc,
  rtpTimestamp,
  sequenceAhead,
  setRtpMarker,
  setRtpSequence,
  setRtpSsrc,
  setRtpTimestamp,
  timestampAhead,
} from '../../rtp/index.ts';

/** Beyond this a rounding debt is a pause, not a rounding debt. */
const FORGET_MS = 1000;
const DEFAULT_FRAME_MS = 20;
const LONGEST_FRAME_MS = 120;
const RESTART_JUMP = 3000;

/** Where one source's numbers lie in the outgoing stream: what is added to its sequence and timestamp. */
export type Mapping = { mapped: boolean; ssrc: number; sequence: number; timestamp: number };

export const newMapping = (): Mapping => ({ mapped: false, ssrc: 0, sequence: 0, timestamp: 0 });

/**
 * The one stream that a far end receives for the whole call, whoever speaks into it: its SSRC never changes, its
 * sequence numbers have no break, and its timestamps advance with real time (RFC 3550 §5.1). The numbers of the
 * first source are taken over as they are, so that a call that never changes its source passes unchanged.
 */
export class Egress {
  ssrc = 0;
  started = false;
  /** The highest sequence number sent, and its timestamp. */
  sequence = 0;
  timestamp = 0;
  /** Of what is sent now, in hertz. */
  clockRate: number;
  packets = 0;
  octets = 0;
  /** When the packet with the highest sequence number left, in clock milliseconds. */
  sentAt = 0;
  /** When `timestamp` was new: packets of one frame or one telephone event share it. */
  #timestampAt = 0;
  #frame: number;
  /** How far the timestamps run ahead of real time, in their own units, from rounding to whole frames. */
  #lead = 0;
  /** Whether the next step is a change of source, which says nothing of how long frames are. */
  #stepped = false;

  constructor(clockRate: number) {
    this.clockRate = clockRate;
    this.#frame = (clockRate * DEFAULT_FRAME_MS) / 1000;
  }

  /** Gives a packet its place in the stream, in place. `mapping` belongs to its source. */
  rewrite(packet: Uint8Array, mapping: Mapping, now: number): void {
    const ssrc = rtpSsrc(packet);
    const inSequence = rtpSequence(packet);
    const inTimestamp = rtpTimestamp(packet);
    if (!mapping.mapped || mapping.ssrc !== ssrc || this.#restarted(inSequence + mapping.sequence)) {
      this.#map(mapping, packet, now);
    }
    const sequence = (inSequence + mapping.sequence) & 0xffff;
    const timestamp = (inTimestamp + mapping.timestamp) >>> 0;
    if (mapping.sequence !== 0) setRtpSequence(packet, sequence);
    if (mapping.timestamp !== 0) setRtpTimestamp(packet, timestamp);
    if (ssrc !== this.ssrc) setRtpSsrc(packet, this.ssrc);
    this.#account(sequence, timestamp, packet.length, now);
  }

  /** Gives a packet made here the next sequence number; its timestamp is already the stream's own. */
  place(packet: Uint8Array, now: number): void {
    const sequence = (this.sequence + 1) & 0xffff;
    setRtpSequence(packet, sequence);
    setRtpSsrc(packet, this.ssrc);
    this.#account(sequence, rtpTimestamp(packet), packet.length, now);
  }

  /** The interval in which its packets come, in milliseconds. */
  get frameMs(): number {
    return (this.#frame * 1000) / this.clockRate;
  }

  /** The timestamp of now, whether anything was sent or not. */
  timestampAt(now: number): number {
    return (this.timestamp + Math.round(((now - this.#timestampAt) * this.clockRate) / 1000)) >>> 0;
  }

  /** Starts the stream with numbers of its own, for a far end that hears a generated sound first. */
  begin(ssrc: number, sequence: number, timestamp: number): void {
    if (this.started) return;
    this.started = true;
    this.ssrc = ssrc;
    this.sequence = sequence;
    this.timestamp = timestamp;
    this.#lead = 0;
  }

  /** The timestamp at which a source that starts to speak now comes in. */
  nextTimestamp(now: number): number {
    const elapsed = ((now - this.#timestampAt) * this.clockRate) / 1000;
    if (Math.abs(this.#lead) > this.clockRate * (FORGET_MS / 1000)) this.#lead = 0;
    const due = elapsed - this.#lead;
    const advance = Math.max(1, Math.round(due / this.#frame)) * this.#frame;
    this.#lead = advance - due;
    this.#stepped = true;
    return (this.timestamp + advance) >>> 0;
  }

  #restarted(sequence: number): boolean {
    return Math.abs(sequenceAhead(this.sequence, sequence & 0xffff)) > RESTART_JUMP;
  }

  #map(mapping: Mapping, packet: Uint8Array, now: number): void {
    const ssrc = rtpSsrc(packet);
    mapping.mapped = true;
    mapping.ssrc = ssrc;
    if (!this.started) {
      this.begin(ssrc, (rtpSequence(packet) - 1) & 0xffff, rtpTimestamp(packet));
      mapping.sequence = 0;
      mapping.timestamp = 0;
      return;
    }
    mapping.sequence = (this.sequence + 1 - rtpSequence(packet)) & 0xffff;
    mapping.timestamp = (this.nextTimestamp(now) - rtpTimestamp(packet)) >>> 0;
    setRtpMarker(packet, true);
  }

  #account(sequence: number, timestamp: number, length: number, now: number): void {
    this.packets++;
    this.octets += length;
    const ahead = sequenceAhead(this.sequence, sequence);
    if (ahead <= 0) return;
    if (ahead === 1 && !this.#stepped) {
      const frame = timestampAhead(this.timestamp, timestamp);
      if (frame > 0 && frame <= (this.clockRate * LONGEST_FRAME_MS) / 1000) this.#frame = frame;
    }
    this.#stepped = false;
    if (timestamp !== this.timestamp || this.packets === 1) this.#timestampAt = now;
    this.sequence = sequence;
    this.timestamp = timestamp;
    this.sentAt = now;
  }
}
