import { readUint32 } from './packet.ts';
/*
 * RFC 4733 §2.3
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     event     |E|R| volume    |          duration             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const TELEPHONE_EVENT_LENGTH = 4;
const LONGEST_SEGMENT = 0xffff;
/** A stream that was silent this long may have started its timestamps anew. */
const FORGET_MS = 5000;
const DIGITS = '0123456789*#ABCD';

/** The character of events 0 to 15 (RFC 4733 §3.2), undefined for others. */
export function eventDigit(event: number): string | undefined {
  return DIGITS[event];
}

/** The event of a DTMF character, -1 if it is none. */
export function digitEvent(digit: string): number {
  return digit.length === 1 ? DIGITS.indexOf(digit.toUpperCase()) : -1;
}

/** What a detector tells; durations are in timestamp units of the event's payload type, volume in -dBm0. */
export type TelephoneEventListener = {
  started(event: number, volume: number): void;
  ended(event: number, duration: number, volume: number): void;
};

/**
 * Finds the events in a stream of telephone-event packets: one event per timestamp, however often its packets repeat,
 * whether or not the first carries the marker, and also when all end packets were lost. `receive` allocates nothing.
 */
export class TelephoneEventDetector {
  /** The event that is being pressed, -1 between events. */
  event = -1;
  /** Timestamp units, over all segments of a long event (RFC 4733 §2.5.1.3). */
  duration = 0;
  volume = 0;
  readonly #listener: TelephoneEventListener;
  #seen = false;
  #timestamp = 0;
  #segment = 0;
  #earlier = 0;
  #heardAt = 0;

  constructor(listener: TelephoneEventListener) {
    this.#listener = listener;
  }

  /** Ends what is being pressed and forgets the stream: call it when the SSRC or the source changes. */
  reset(): void {
    if (this.event >= 0) this.#end();
    this.#seen = false;
  }

  /**
   * Takes the payload at `offset` of a packet that carries `timestamp`; false if it is too short to be an event.
   * `now` is in milliseconds.
   */
  receive(packet: Uint8Array, offset: number, timestamp: number, now: number): boolean {
    if (packet.length - offset < TELEPHONE_EVENT_LENGTH) return false;
    const word = readUint32(packet, offset);
    const event = word >>> 24;
    const known = this.#seen && now - this.#heardAt < FORGET_MS;
    const ahead = known ? (timestamp - this.#timestamp) | 0 : 1;
    if (ahead < 0) return true; // late, of an event that is over
    if (ahead > 0) this.#begin(event, (word >>> 16) & 0x3f, timestamp);
    this.#heardAt = now;
    if (ahead === 0 && (this.event < 0 || event !== this.event)) return true; // a repetition of the end
    // A packet that was overtaken must not shorten the event.
    this.#segment = Math.max(this.#segment, word & 0xffff);
    this.duration = this.#earlier + this.#segment;
    if ((word & 0x0080_0000) !== 0) this.#end();
    return true;
  }

  /** Ends an event none of whose packets came for `silence` milliseconds: its end was lost. Call it now and then. */
  expire(now: number, silence: number): void {
    if (this.event >= 0 && now - this.#heardAt >= silence) this.#end();
  }

  #begin(event: number, volume: number, timestamp: number): void {
    const adjoins = ((this.#timestamp + this.#segment) | 0) === (timestamp | 0);
    if (this.event === event && adjoins) {
      // RFC 4733 §2.5.1.3: the next segment of an event longer than 0xFFFF units
      this.#earlier += this.#segment;
    } else {
      if (this.event >= 0) this.#end();
      this.event = event;
      this.volume = volume;
      this.#earlier = 0;
      this.#listener.started(event, volume);
    }
    this.#seen = true;
    this.#timestamp = timestamp;
    this.#segment = 0;
  }

  #end(): void {
    const event = this.event;
    this.event = -1;
    this.#listener.ended(event, this.duration, this.volume);
  }
}

export type TelephoneEventPlan = {
  /** 0 to 255; 0 to 15 are the DTMF digits. */
  readonly event: number;
  /** Milliseconds of the key press. */
  readonly duration: number;
  /** Power as -dBm0, 0 (loud) to 63. */
  readonly volume: number;
  /** Of the payload type: 8000, 16000 or 48000. */
  readonly clockRate: number;
  /** Milliseconds between packets. */
  readonly ptime: number;
};

const END_PACKETS = 3;

/**
 * Writes the packets of one key press, one per `next()`, to be sent a ptime apart with consecutive sequence numbers:
 * updates, then the end three times (RFC 4733 §2.5.1.4). `timestampOffset` is what to add to the timestamp of the
 * press: it only moves for presses longer than 0xFFFF units, which go on in a further segment (§2.5.1.3).
 */
export class TelephoneEventGenerator {
  /** Of the packet last written. */
  marker = false;
  timestampOffset = 0;
  readonly #plan: TelephoneEventPlan;
  #total: number;
  readonly #step: number;
  #elapsed = 0;
  #segmentStart = 0;
  #first = true;
  #endsLeft = END_PACKETS;

  constructor(plan: TelephoneEventPlan) {
    this.#plan = plan;
    this.#step = Math.max(1, Math.round((plan.ptime * plan.clockRate) / 1000));
    this.#total = Math.max(this.#step, Math.round((plan.duration * plan.clockRate) / 1000));
  }

  /** Timestamp units of the whole press, by which the stream's clock goes on. */
  get total(): number {
    return this.#total;
  }

  get done(): boolean {
    return this.#endsLeft === 0;
  }

  /** Lets go of the key now, whatever the plan was. */
  release(): void {
    this.#total = Math.min(this.#total, Math.max(this.#step, this.#elapsed));
  }

  /** Writes the next payload of four octets; false when the three end packets are out. */
  next(payload: Uint8Array, offset = 0): boolean {
    if (this.done) return false;
    this.marker = this.#first;
    this.#first = false;
    this.#elapsed = Math.min(this.#total, this.#elapsed + this.#step);
    this.timestampOffset = this.#segmentStart;
    const duration = Math.min(this.#elapsed - this.#segmentStart, LONGEST_SEGMENT);
    // RFC 4733 §2.5.1.3: a segment ends full and without the E bit, the next one begins where it stopped
    const full = this.#elapsed - this.#segmentStart > LONGEST_SEGMENT;
    const ended = this.#elapsed >= this.#total && !full;
    if (full) this.#segmentStart += LONGEST_SEGMENT;
    if (ended) this.#endsLeft -= 1;
    payload[offset] = this.#plan.event & 0xff;
    payload[offset + 1] = (ended ? 0x80 : 0) | (this.#plan.volume & 0x3f);
    payload[offset + 2] = (duration >>> 8) & 0xff;
    payload[offset + 3] = duration & 0xff;
    return true;
  }
}
