import {
  createDecoder,
  DtmfDetector,
  rtpHeaderLength,
  rtpPayloadEnd,
  rtpPayloadType,
  rtpTimestamp,
  TelephoneEventDetector,
  type AudioDecoder,
} from '../../rtp/index.ts';
import { isTelephoneEvent } from '../../sdp/index.ts';
import { isTranscodable } from '../relay/codec-choice.ts';
import { codecSent } from '../relay/route.ts';
import type { Stream } from '../relay/stream.ts';

/** Loud as a telephone's keys are, where the sound itself is what was heard. */
const IN_BAND_VOLUME = 10;
const LONGEST_FRAME = 5760;
/** A press whose end was lost is over when nothing more of it came for this long. */
const LOST_END_MS = 300;

/**
 * Hears the digits that a party presses: telephone events (RFC 4733), or, from a party that has none, the tones
 * themselves. Each is announced once, when the key is released.
 */
export class Digits {
  readonly #stream: Stream;
  readonly #events: TelephoneEventDetector;
  #decoder: AudioDecoder | undefined;
  #decoding = -1;
  #tones: DtmfDetector | undefined;
  readonly #pcm: { samples: Int16Array | undefined } = { samples: undefined };
  /** Whether the sound is listened to; see `listen`. */
  listening = false;
  /** Whether the tones of a key sound now. */
  sounding = false;
  #clockRate = 8000;
  #closed = false;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#events = new TelephoneEventDetector({
      started: (event) => this.#press(event, false),
      ended: (event, duration, volume) => {
        this.#release();
        this.#announce(event, (duration * 1000) / this.#clockRate, volume);
      },
    });
  }

  /** Decides whether the sound must be listened to: only where the party cannot send events, or where it was asked for. */
  listen(asked: boolean): void {
    const { kind, codecs, isRtp } = this.#stream;
    const audible = isRtp && kind === 'audio' && codecs.some(isTranscodable);
    this.listening = audible && (asked || !codecs.some(isTelephoneEvent));
  }

  event(packet: Buffer, headerLength: number, now: number): void {
    this.#clockRate = codecSent(this.#stream, rtpPayloadType(packet))?.clockRate ?? 8000;
    this.#events.receive(packet, headerLength, rtpTimestamp(packet), now);
  }

  /** Ends presses whose last packets were lost. */
  expire(now: number): void {
    this.#events.expire(now, LOST_END_MS);
  }

  audio(packet: Buffer, payloadType: number): void {
    if (this.#decoding !== payloadType) return this.#prepare(payloadType);
    const decoder = this.#decoder;
    if (decoder === undefined) return;
    const pcm = (this.#pcm.samples ??= new Int16Array(LONGEST_FRAME));
    const count = decoder.decode(packet.subarray(rtpHeaderLength(packet), rtpPayloadEnd(packet)), pcm);
    this.#tones?.receive(pcm.subarray(0, count));
  }

  /** The packets until the decoder is there go unheard. */
  #prepare(payloadType: number): void {
    this.#drop();
    this.#decoding = payloadType;
    const codec = codecSent(this.#stream, payloadType);
    if (codec === undefined || !isTranscodable(codec)) return;
    void createDecoder(codec, 8000).then((decoder) => {
      if (decoder === undefined || this.#closed || this.#decoding !== payloadType) return decoder?.free();
      this.#decoder = decoder;
      this.#tones = new DtmfDetector(decoder.sampleRate, {
        started: (event) => {
          this.sounding = true;
          this.#press(event, true);
        },
        ended: (event, ms) => {
          this.sounding = false;
          this.#release();
          this.#announce(event, ms, IN_BAND_VOLUME);
        },
      });
      return undefined;
    });
  }

  /** Whoever hears this party may need to be told in another way. */
  #press(event: number, inBand: boolean): void {
    for (const route of this.#stream.routes) route.press(event, inBand);
  }

  #release(): void {
    for (const route of this.#stream.routes) route.release();
  }

  /** `duration` is in milliseconds, as rtpengine has it. */
  #announce(event: number, duration: number, volume: number): void {
    const { party } = this.#stream;
    party.call.announce(party, {
      type: 'DTMF',
      source_ip: this.#stream.rtp.address ?? '',
      event,
      duration: Math.round(duration),
      volume,
    });
  }

  /** The source has changed: what was being pressed is over. */
  reset(): void {
    this.#release();
    this.#events.reset();
  }

  #drop(): void {
    this.#decoder?.free();
    this.#decoder = undefined;
    this.#tones = undefined;
    if (this.sounding) this.#release();
    this.sounding = false;
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }
}
