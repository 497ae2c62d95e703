import {
  RTP_HEADER_LENGTH,
  TELEPHONE_EVENT_LENGTH,
  TelephoneEventGenerator,
  writeRtpHeader,
} from '../../rtp/index.ts';
import type { SdpCodec } from '../../sdp/index.ts';
import type { Outlet, Performance } from '../relay/outlet.ts';

/** A key to press on somebody's behalf. */
export type Press = {
  readonly event: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly pause: number;
  /** -dBm0 */
  readonly volume: number;
};

const FRAME_MS = 20;
const MOST_QUEUED = 64;
/** A timer may be this much early. */
const EARLY_MS = 5;

/** Sends digits to one far end as telephone events (RFC 4733), one after the other, inside the stream it receives. */
export class Presser implements Performance {
  readonly #outlet: Outlet;
  readonly #codec: SdpCodec;
  readonly #queue: Press[] = [];
  #generator: TelephoneEventGenerator | undefined;
  #timestamp = 0;
  #pauseUntil = 0;
  #dueAt = 0;

  constructor(outlet: Outlet, codec: SdpCodec) {
    this.#outlet = outlet;
    this.#codec = codec;
  }

  /** Adds a key press behind those that wait; false when too many do. */
  press(press: Press): boolean {
    if (this.#queue.length >= MOST_QUEUED) return false;
    this.#queue.push(press);
    return true;
  }

  /** Lets go of the key that is pressed, or would be next, now. */
  release(): void {
    if (this.#generator !== undefined) this.#generator.release();
    else if (this.#queue[0] !== undefined) this.#queue[0] = { ...this.#queue[0], duration: FRAME_MS };
  }

  step(now: number): boolean {
    if (this.#generator === undefined) {
      const press = this.#queue[0];
      if (press === undefined) return now < this.#pauseUntil;
      if (now < this.#pauseUntil) return true;
      this.#begin(press, now);
    }
    while (this.#generator !== undefined && this.#dueAt <= now + EARLY_MS) {
      this.#emit(this.#generator, now);
      this.#dueAt += FRAME_MS;
      if (this.#generator.done) this.#end(now);
    }
    return true;
  }

  #begin(press: Press, now: number): void {
    const { egress, stream } = this.#outlet;
    const { clockRate } = this.#codec;
    const { random } = stream.party.call;
    const number = () => Math.floor(random.unit() * 0x1_0000_0000);
    if (!egress.started) {
      egress.begin(number(), number() & 0xffff, number());
      egress.clockRate = clockRate;
    }
    this.#generator = new TelephoneEventGenerator({ ...press, clockRate, ptime: FRAME_MS });
    this.#timestamp = egress.nextTimestamp(now);
    this.#dueAt = now;
  }

  #emit(generator: TelephoneEventGenerator, now: number): void {
    const packet = Buffer.alloc(RTP_HEADER_LENGTH + TELEPHONE_EVENT_LENGTH);
    generator.next(packet, RTP_HEADER_LENGTH);
    const { egress } = this.#outlet;
    writeRtpHeader(packet, {
      marker: generator.marker,
      payloadType: this.#codec.payloadType,
      sequence: 0,
      timestamp: (this.#timestamp + generator.timestampOffset) >>> 0,
      ssrc: 0,
    });
    egress.place(packet, now);
    this.#outlet.send(packet);
  }

  /** The pause belongs to the press: what follows must not come sooner, be it sound or the next digit. */
  #end(now: number): void {
    const press = this.#queue.shift()!;
    this.#generator = undefined;
    this.#pauseUntil = this.#queue.length > 0 ? now + press.pause : 0;
  }

  finished(): void {
    this.#queue.length = 0;
  }
}
