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
import { Framer, frameMsFor } from './framer.ts';
import { SilenceGate } from './silence-gate.ts';

/** 120 ms at 48 kHz, the most that one packet holds. */
const MOST_SAMPLES = 5760;
const MOST_PAYLOAD = MOST_SAMPLES * 4;
/** Lost packets in a row whose place is filled; a longer hole is a pause. */
const MOST_CONCEALED = 3;
const RESTART = 3000;
/** A step of timestamps beyond this is no pause but another clock. */
const LONGEST_PAUSE_S = 600;
const DEFAULT_FRAME_MS = 20;
const MOST_WAITING = 16;

/** How packets are to be made. */
export type TranscoderOptions = {
  /** Milliseconds of sound in each packet; without it one packet is made of each that comes. */
  readonly frameMs?: number | undefined;
  /** The payload type for comfort noise (RFC 3389), which then stands for silence. */
  readonly comfortNoise?: number | undefined;
};

type Tools = {
  readonly decoder: AudioDecoder;
  readonly encoder: AudioEncoder;
  readonly resampler: Resampler;
  /** For packets of a length of their own. */
  readonly framer: Framer | undefined;
};

type Place = { readonly marker: boolean; readonly sequence: number; readonly timestamp: number };

type Emit = (packet: Buffer) => void;

/**
 * Makes packets of one codec from packets of another: one for one, with the sequence numbers of the source, or of a
 * length of their own, numbered in a row; timestamps are in the clock of the target. Packets that were lost are concealed,
 * so that the sound has no hole.
 */
export class Transcoder {
  readonly from: SdpCodec;
  readonly to: SdpCodec;
  /** Whether its packets are not those of the source one for one. */
  readonly reframes: boolean;
  /** Resolves when the codecs are loaded. */
  readonly ready: Promise<void>;
  readonly #frameMs: number;
  readonly #comfortNoise: number | undefined;
  readonly #gate: SilenceGate | undefined;
  #tools: Tools | undefined;
  #freed = false;
  /** Packets that came before the codecs were loaded. */
  readonly #waiting: { readonly packet: Buffer; readonly lost: number; readonly emit: Emit }[] = [];
  #started = false;
  #ssrc = 0;
  #sequence = 0;
  #timestamp = 0;
  /** Where the next sample of the source is expected, on its clock. */
  #expected = 0;
  /** One for one: of the packet at hand. Else: of the first sample that waits. */
  #outTimestamp = 0;
  #outSequence = 0;
  /** The next packet begins a talk spurt. */
  #outMarker = false;
  /** Samples of the last frame, at the decoder's rate. */
  #frame = 0;
  readonly #decoded = new Int16Array(MOST_SAMPLES);
  readonly #resampled = new Int16Array(MOST_SAMPLES + 64);
  readonly #payload = Buffer.alloc(MOST_PAYLOAD);

  /** Is ready a moment later, when the codecs are loaded; the packets until then wait. */
  constructor(from: SdpCodec, to: SdpCodec, options: TranscoderOptions = {}) {
    this.from = from;
    this.to = to;
    this.#comfortNoise = options.comfortNoise;
    this.#gate = options.comfortNoise === undefined ? undefined : new SilenceGate();
    this.reframes = options.frameMs !== undefined || this.#gate !== undefined;
    this.#frameMs = frameMsFor(to, options.frameMs ?? DEFAULT_FRAME_MS);
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
    this.#tools = {
      decoder,
      encoder,
      resampler: new Resampler(decoder.sampleRate, encoder.sampleRate),
      framer: this.reframes ? new Framer((encoder.sampleRate * this.#frameMs) / 1000) : undefined,
    };
    for (const { packet, lost, emit } of this.#waiting.splice(0)) this.push(packet, lost, emit);
  }

  free(): void {
    this.#freed = true;
    this.#waiting.length = 0;
    this.#tools?.decoder.free();
    this.#tools?.encoder.free();
    this.#tools = undefined;
  }

  /**
   * Transcodes one packet, before which `lost` others never came; what is made of it, and of those, goes to `emit`.
   */
  push(packet: Buffer, lost: number, emit: Emit): void {
    const tools = this.#tools;
    if (tools === undefined) {
      if (!this.#freed && this.#waiting.length < MOST_WAITING)
        this.#waiting.push({ packet: Buffer.from(packet), lost, emit });
      return;
    }
    if (!this.#follow(tools, packet)) return;
    const timestamp = rtpTimestamp(packet);
    this.#sequence = rtpSequence(packet);
    const concealed = lost > 0 && lost <= MOST_CONCEALED && this.#frame > 0 ? lost : 0;
    if (tools.framer === undefined) {
      const ahead = timestampAhead(this.#timestamp, timestamp);
      this.#outTimestamp = (this.#outTimestamp + this.#outUnits(ahead)) >>> 0;
    } else this.#skipPause(tools, tools.framer, timestampAhead(this.#expected, timestamp), concealed);
    this.#timestamp = timestamp;
    if (concealed > 0) this.#conceal(tools, concealed, emit);
    const payload = packet.subarray(rtpHeaderLength(packet), rtpPayloadEnd(packet));
    const count = tools.decoder.decode(payload, this.#decoded);
    if (count === 0) return;
    this.#frame = count;
    this.#expected = (timestamp + this.#inUnits(tools, count)) >>> 0;
    const marker = rtpMarker(packet);
    this.#sound(tools, { marker, sequence: this.#sequence, timestamp: this.#outTimestamp }, emit);
  }

  #inUnits(tools: Tools, samples: number): number {
    return Math.round((samples * this.from.clockRate) / tools.decoder.sampleRate);
  }

  /** From the clock of the source to that of the target. */
  #outUnits(units: number): number {
    return Math.round((units * this.to.clockRate) / this.from.clockRate);
  }

  /** Keeps to one source; late packets have no place any more, a new source starts anew. */
  #follow(tools: Tools, packet: Buffer): boolean {
    const ahead = sequenceAhead(this.#sequence, rtpSequence(packet));
    const fresh = !this.#started || rtpSsrc(packet) !== this.#ssrc || Math.abs(ahead) > RESTART;
    if (!fresh) return ahead > 0;
    if (!this.#started) {
      this.#outSequence = rtpSequence(packet);
      this.#outTimestamp = rtpTimestamp(packet);
    }
    this.#started = true;
    this.#ssrc = rtpSsrc(packet);
    this.#sequence = (rtpSequence(packet) - 1) & 0xffff;
    this.#timestamp = rtpTimestamp(packet);
    this.#expected = this.#timestamp;
    tools.framer?.clear();
    return true;
  }

  /** What is not there to be sent or to be concealed was a pause: what waited for more of it is left out. */
  #skipPause(tools: Tools, framer: Framer, gap: number, concealed: number): void {
    const pause = gap - concealed * this.#inUnits(tools, this.#frame);
    if (pause <= 0 || pause > LONGEST_PAUSE_S * this.from.clockRate) return;
    const held = Math.round((framer.held * this.to.clockRate) / tools.encoder.sampleRate);
    this.#outTimestamp = (this.#outTimestamp + held + this.#outUnits(pause)) >>> 0;
    framer.clear();
  }

  /** Fills the places right before the packet that is here. */
  #conceal(tools: Tools, lost: number, emit: Emit): void {
    const step = Math.round((this.#frame * this.to.clockRate) / tools.decoder.sampleRate);
    for (let behind = lost; behind > 0; behind--) {
      tools.decoder.conceal(this.#decoded.subarray(0, this.#frame));
      const sequence = (this.#sequence - behind) & 0xffff;
      const timestamp = (this.#outTimestamp - behind * step) >>> 0;
      this.#sound(tools, { marker: false, sequence, timestamp }, emit);
    }
  }

  /** Sends the frame that was decoded: in `place`, or with others as they fill packets. */
  #sound(tools: Tools, place: Place, emit: Emit): void {
    const made = tools.resampler.process(this.#decoded.subarray(0, this.#frame), this.#resampled);
    const pcm = this.#resampled.subarray(0, made);
    if (tools.framer === undefined) return emit(this.#encode(tools, pcm, place));
    if (place.marker) this.#outMarker = true;
    tools.framer.push(pcm, (frame) => this.#sendFrame(tools, frame, emit));
  }

  #sendFrame(tools: Tools, frame: Int16Array, emit: Emit): void {
    const timestamp = this.#outTimestamp;
    this.#outTimestamp = (timestamp + (this.to.clockRate * this.#frameMs) / 1000) >>> 0;
    const heard = this.#gate?.judge(frame, this.#frameMs) ?? 'sound';
    if (heard === 'nothing') return;
    const place = { marker: this.#outMarker, sequence: this.#outSequence, timestamp };
    this.#outSequence = (this.#outSequence + 1) & 0xffff;
    // RFC 3551 §4.1: the first packet of sound after silence is marked.
    this.#outMarker = heard === 'noise';
    emit(heard === 'sound' ? this.#encode(tools, frame, place) : this.#noise(place));
  }

  #noise(place: Place): Buffer {
    this.#payload[0] = this.#gate!.level;
    return this.#packet(this.#comfortNoise!, 1, { ...place, marker: false });
  }

  #encode(tools: Tools, pcm: Int16Array, place: Place): Buffer {
    const length = tools.encoder.encode(pcm, this.#payload);
    return this.#packet(this.to.payloadType, length, place);
  }

  #packet(payloadType: number, length: number, place: Place): Buffer {
    const out = Buffer.allocUnsafe(RTP_HEADER_LENGTH + length);
    writeRtpHeader(out, { ...place, payloadType, ssrc: this.#ssrc });
    this.#payload.copy(out, RTP_HEADER_LENGTH, 0, length);
    return out;
  }
}
