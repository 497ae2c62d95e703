import {
  createEncoder,
  Resampler,
  RTP_HEADER_LENGTH,
  writeRtpHeader,
  type AudioEncoder,
} from '../../rtp/index.ts';
import type { SdpCodec } from '../../sdp/index.ts';
import type { Outlet, Performance } from '../relay/outlet.ts';

/** Linear samples to be heard: fills what it is given, `false` when there is nothing more. */
export interface Sound {
  readonly sampleRate: number;
  next(pcm: Int16Array): boolean;
}

const FRAME_MS = 20;
const MOST_PAYLOAD = 4096;
/** A timer may be this much early. */
const EARLY_MS = 5;
/** After a pause longer than this the sound goes on where it was instead of catching up in a burst. */
const FORGIVEN_MS = 100;

type Tools = { readonly encoder: AudioEncoder; readonly resampler: Resampler };

/** Plays a sound to one far end in its codec, a packet every 20 ms, as part of the one stream that it receives. */
export class Player implements Performance {
  readonly yields: boolean;
  readonly #outlet: Outlet;
  readonly #codec: SdpCodec;
  readonly #sound: Sound;
  readonly #random: () => number;
  #tools: Tools | undefined;
  #dueAt: number | undefined;
  #first = true;
  #finished = false;
  readonly #raw: Int16Array;
  readonly #pcm: Int16Array;
  readonly #payload = Buffer.alloc(MOST_PAYLOAD);

  constructor(outlet: Outlet, what: { codec: SdpCodec; sound: Sound; yields?: boolean }) {
    this.#outlet = outlet;
    this.yields = what.yields ?? false;
    this.#codec = what.codec;
    this.#sound = what.sound;
    const { random } = outlet.stream.party.call;
    this.#random = () => Math.floor(random.unit() * 0x1_0000_0000);
    this.#raw = new Int16Array((what.sound.sampleRate * FRAME_MS) / 1000);
    this.#pcm = new Int16Array(48_000 / 50 + 64);
    void this.#prepare();
  }

  async #prepare(): Promise<void> {
    const encoder = await createEncoder(this.#codec, 16_000);
    if (encoder === undefined) return;
    if (this.#finished) return encoder.free();
    this.#tools = { encoder, resampler: new Resampler(this.#sound.sampleRate, encoder.sampleRate) };
  }

  step(now: number): boolean {
    const tools = this.#tools;
    if (tools === undefined) return !this.#finished;
    this.#dueAt ??= now;
    if (now - this.#dueAt > FORGIVEN_MS) this.#dueAt = now;
    while (this.#dueAt <= now + EARLY_MS) {
      if (!this.#sound.next(this.#raw)) return false;
      this.#emit(tools, now);
      this.#dueAt += FRAME_MS;
    }
    return true;
  }

  #emit(tools: Tools, now: number): void {
    const made = tools.resampler.process(this.#raw, this.#pcm);
    const length = tools.encoder.encode(this.#pcm.subarray(0, made), this.#payload);
    if (length === 0) return;
    const packet = Buffer.allocUnsafe(RTP_HEADER_LENGTH + length);
    this.#payload.copy(packet, RTP_HEADER_LENGTH, 0, length);
    const { egress } = this.#outlet;
    egress.clockRate = this.#codec.clockRate;
    if (!egress.started) egress.begin(this.#random(), this.#random() & 0xffff, this.#random());
    const frame = (this.#codec.clockRate * FRAME_MS) / 1000;
    const timestamp = this.#first ? egress.nextTimestamp(now) : (egress.timestamp + frame) >>> 0;
    const { payloadType } = this.#codec;
    writeRtpHeader(packet, { marker: this.#first, payloadType, sequence: 0, timestamp, ssrc: 0 });
    this.#first = false;
    egress.place(packet, now);
    this.#outlet.payloadType = payloadType;
    this.#outlet.send(packet);
  }

  finished(): void {
    this.#finished = true;
    this.#tools?.encoder.free();
    this.#tools = undefined;
  }
}
