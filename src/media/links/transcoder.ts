import {
  createDecoder,
  createEncoder,
  Resampler,
  RTP_HEADER_LENGTH,
  rtpHeaderLength,
  rtpMarker,
  rtpPayloadEnd,
  rtpSequence,
  rtpSsrc,
  rtpTimestamp,
  sequenceAhead,
  timestampAhead,
  writeRtpHeader,
  type AudioDecoder,
  type AudioEncoder,
} from '../../rtp/index.ts';
import type { SdpCodec } from '../../sdp/index.ts';

/** 120 ms at 48 kHz, the most that one packet holds. */
const MOST_SAMPLES = 5760;
const MOST_PAYLOAD = MOST_SAMPLES * 4;
/** Lost packets in a row whose place is filled; a longer hole is a pause. */
const MOST_CONCEALED = 3;
const RESTART = 3000;

type Tools = {
  readonly decoder: AudioDecoder;
  readonly encoder: AudioEncoder;
  readonly resampler: Resampler;
};

/**
 * Makes packets of one codec from packets of another: one for one, with the sequence numbers of the source and
 * timestamps in the clock of the target. Packets that were lost are concealed, so that the sound has no hole.
 */
export class Transcoder {
  readonly from: SdpCodec;
  readonly to: SdpCodec;
  /** Resolves when the codecs are loaded. */
  readonly ready: Promise<void>;
  #tools: Tools | undefined;
  #freed = false;
  #started = false;
  #ssrc = 0;
  #sequence = 0;
  #timestamp = 0;
  #outTimestamp = 0;
  /** Samples of the last frame, at the decoder's rate. */
  #frame = 0;
  readonly #decoded = new Int16Array(MOST_SAMPLES);
  readonly #resampled = new Int16Array(MOST_SAMPLES + 64);
  readonly #payload = Buffer.alloc(MOST_PAYLOAD);

  /** Is ready a moment later, when the codecs are loaded; packets until then are passed over. */
  constructor(from: SdpCodec, to: SdpCodec) {
    this.from = from;
    this.to = to;
    this.ready = this.#prepare();
  }

  async #prepare(): Promise<void> {
    const wanted = this.from.clockRate === 8000 ? 16_000 : 48_000;
    const encoder = await createEncoder(this.to, Math.min(wanted, this.to.clockRate));
    const decoder = await createDecoder(this.from, encoder?.sampleRate ?? 8000);
    if (encoder === undefined || decoder === undefined) return;
    if (this.#freed) {
      decoder.free();
      return encoder.free();
    }
    this.#tools = { decoder, encoder, resampler: new Resampler(decoder.sampleRate, encoder.sampleRate) };
  }

  free(): void {
    this.#freed = true;
    this.#tools?.decoder.free();
    this.#tools?.encoder.free();
    this.#tools = undefined;
  }

  /**
   * Transcodes one packet, before which `lost` others never came; what is made of it, and of those, goes to `emit`.
   */
  push(packet: Buffer, lost: number, emit: (packet: Buffer) => void): void {
    const tools = this.#tools;
    if (tools === undefined || !this.#follow(packet)) return;
    const timestamp = rtpTimestamp(packet);
    const ahead = timestampAhead(this.#timestamp, timestamp);
    this.#outTimestamp += Math.round((ahead * this.to.clockRate) / this.from.clockRate);
    this.#outTimestamp >>>= 0;
    this.#timestamp = timestamp;
    this.#sequence = rtpSequence(packet);
    if (lost > 0 && lost <= MOST_CONCEALED && this.#frame > 0) this.#conceal(tools, lost, emit);
    const payload = packet.subarray(rtpHeaderLength(packet), rtpPayloadEnd(packet));
    const count = tools.decoder.decode(payload, this.#decoded);
    if (count === 0) return;
    this.#frame = count;
    const header = { marker: rtpMarker(packet), sequence: this.#sequence, timestamp: this.#outTimestamp };
    emit(this.#encode(tools, count, header));
  }

  /** Keeps to one source; late packets have no place any more, a new source starts anew. */
  #follow(packet: Buffer): boolean {
    const ahead = sequenceAhead(this.#sequence, rtpSequence(packet));
    const fresh = !this.#started || rtpSsrc(packet) !== this.#ssrc || Math.abs(ahead) > RESTART;
    if (!fresh) return ahead > 0;
    this.#started = true;
    this.#ssrc = rtpSsrc(packet);
    this.#sequence = (rtpSequence(packet) - 1) & 0xffff;
    this.#timestamp = rtpTimestamp(packet);
    return true;
  }

  /** Fills the places right before the packet that is here. */
  #conceal(tools: Tools, lost: number, emit: (packet: Buffer) => void): void {
    const step = Math.round((this.#frame * this.to.clockRate) / tools.decoder.sampleRate);
    for (let behind = lost; behind > 0; behind--) {
      tools.decoder.conceal(this.#decoded.subarray(0, this.#frame));
      const sequence = (this.#sequence - behind) & 0xffff;
      const timestamp = (this.#outTimestamp - behind * step) >>> 0;
      emit(this.#encode(tools, this.#frame, { marker: false, sequence, timestamp }));
    }
  }

  #encode(
    tools: Tools,
    count: number,
    header: { marker: boolean; sequence: number; timestamp: number },
  ): Buffer {
    const made = tools.resampler.process(this.#decoded.subarray(0, count), this.#resampled);
    const length = tools.encoder.encode(this.#resampled.subarray(0, made), this.#payload);
    const out = Buffer.allocUnsafe(RTP_HEADER_LENGTH + length);
    writeRtpHeader(out, {
      ...header,
      payloadType: this.to.payloadType,
      ssrc: this.#ssrc,
    });
    this.#payload.copy(out, RTP_HEADER_LENGTH, 0, length);
    return out;
  }
}
