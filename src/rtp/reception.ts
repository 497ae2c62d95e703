import type { RtcpReportBlock } from './rtcp.ts';

/** RFC 3550 A.1 */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const SEQUENCE_SPACE = 1 << 16;

/** What `receive` says of a packet: `probation` and `stray` ones are not counted as received. */
export type Reception = 'in-order' | 'late' | 'duplicate' | 'restarted' | 'stray';

/**
 * What one receiver knows of one source: sequence numbers (RFC 3550 A.1), loss (A.3) and interarrival jitter (A.8).
 * `receive` allocates nothing. A new SSRC takes a new object or `reset`.
 */
export class ReceptionStatistics {
  ssrc = 0;
  /** Packets that count as received, late and doubled ones included. */
  received = 0;
  octets = 0;
  /** Packets that arrived out of order or twice. */
  late = 0;
  duplicates = 0;
  /** In timestamp units, exact; RTCP carries the whole part. */
  jitter = 0;
  /** The largest jitter seen, timestamp units. */
  maxJitter = 0;
  readonly #clockRate: number;
  #started = false;
  #base = 0;
  #max = 0;
  #cycles = 0;
  #bad = -1;
  #transit = 0;
  #receivedPrior = 0;
  #expectedPrior = 0;
  /** Which of the last 32 sequence numbers came: bit n is `max - n`. */
  #window = 0;

  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  /** Forgets everything, for a source that begins anew as `ssrc`. */
  reset(ssrc: number): void {
    this.ssrc = ssrc;
    this.received = 0;
    this.octets = 0;
    this.late = 0;
    this.duplicates = 0;
    this.jitter = 0;
    this.maxJitter = 0;
    this.#started = false;
  }

  /** Counts a packet that arrived at `now` (milliseconds, any origin). */
  receive(sequence: number, timestamp: number, now: number): Reception {
    if (!this.#started) {
      this.#start(sequence);
      this.#transit = this.#arrival(now) - timestamp;
      return 'in-order';
    }
    const kind = this.#order(sequence);
    if (kind === 'stray') return kind;
    this.received += 1;
    if (kind === 'restarted') this.#transit = this.#arrival(now) - timestamp;
    else if (kind !== 'duplicate') this.#measure(timestamp, now);
    return kind;
  }

  /** Packets expected so far (RFC 3550 A.3). */
  get expected(): number {
    return this.#started ? this.extendedHighest - this.#base + 1 : 0;
  }

  /** Packets lost so far; negative when more were doubled than lost. */
  get lost(): number {
    return this.expected - this.received;
  }

  get extendedHighest(): number {
    return this.#cycles + this.#max;
  }

  get jitterMs(): number {
    return (this.jitter / this.#clockRate) * 1000;
  }

  /** The report block on this source, and the start of the next interval (RFC 3550 A.3). */
  report(lastSr: number, delaySinceLastSr: number): RtcpReportBlock {
    const expected = this.expected - this.#expectedPrior;
    const lost = expected - (this.received - this.#receivedPrior);
    this.#expectedPrior = this.expected;
    this.#receivedPrior = this.received;
    return {
      ssrc: this.ssrc,
      fractionLost: expected === 0 || lost <= 0 ? 0 : Math.min(255, Math.floor((lost * 256) / expected)),
      cumulativeLost: Math.max(-0x80_0000, Math.min(0x7f_ffff, this.lost)),
      highestSequence: this.extendedHighest >>> 0,
      jitter: Math.floor(this.jitter) >>> 0,
      lastSr,
      delaySinceLastSr,
    };
  }

  #start(sequence: number): void {
    this.#started = true;
    this.#base = sequence;
    this.#max = sequence;
    this.#cycles = 0;
    this.#bad = -1;
    this.#receivedPrior = 0;
    this.#expectedPrior = 0;
    this.#window = 1;
    this.received = 1;
  }

  #order(sequence: number): Reception {
    const ahead = (sequence - this.#max) & 0xffff;
    if (ahead > 0 && ahead < MAX_DROPOUT) {
      if (sequence < this.#max) this.#cycles += SEQUENCE_SPACE;
      this.#max = sequence;
      this.#window = ahead < 32 ? (this.#window << ahead) | 1 : 1;
      return 'in-order';
    }
    if (ahead !== 0 && ahead <= SEQUENCE_SPACE - MAX_MISORDER) return this.#jump(sequence);
    return this.#again(ahead === 0 ? 0 : SEQUENCE_SPACE - ahead);
  }

  /** Two packets in sequence after a jump mean that the source restarted; one alone is a stray. */
  #jump(sequence: number): Reception {
    if (sequence !== this.#bad) {
      this.#bad = (sequence + 1) & 0xffff;
      return 'stray';
    }
    this.#start(sequence);
    this.received = 0;
    return 'restarted';
  }

  #again(behind: number): Reception {
    const bit = behind < 32 ? 1 << behind : 0;
    if (behind < 32 && (this.#window & bit) !== 0) {
      this.duplicates += 1;
      return 'duplicate';
    }
    this.#window |= bit;
    this.late += 1;
    return 'late';
  }

  #arrival(now: number): number {
    return (now * this.#clockRate) / 1000;
  }

  /** RFC 3550 A.8; the difference is taken modulo 2^32, because timestamps wrap. */
  #measure(timestamp: number, now: number): void {
    const transit = this.#arrival(now) - timestamp;
    let difference = (transit - this.#transit) % 2 ** 32;
    if (difference > 2 ** 31) difference -= 2 ** 32;
    else if (difference < -(2 ** 31)) difference += 2 ** 32;
    this.#transit = transit;
    // A pause in sending is not jitter: more than ten seconds is a clock that was set anew.
    const distance = Math.abs(difference);
    if (distance > this.#clockRate * 10) return;
    this.jitter += (distance - this.jitter) / 16;
    if (this.jitter > this.maxJitter) this.maxJitter = this.jitter;
  }
}
