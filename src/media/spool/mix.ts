import { packetKind, rtpHeaderLength, rtpPayloadType, rtpSsrc, type WavWriter } from '../../rtp/index.ts';
import { RECORDING_RATE, RecordedTrack } from '../links/recorded-track.ts';
import { isTranscodable } from '../relay/codec-choice.ts';
import type { NotedCodec, TimedNote } from './notes.ts';
import type { RecordedPacket } from './pcap.ts';

/** Samples that are this much behind the latest packet are final. */
const SETTLE = RECORDING_RATE;
const MOST_TRACKS = 1000;

/** A note and its place among the others, from 1. */
type Meaning = TimedNote & { readonly turn: number };

/** Puts recorded packets into the two sides of a recording, each where it was received and only from who spoke then. */
export class SpoolMix {
  readonly #writer: WavWriter;
  readonly #meanings = new Map<number, Meaning[]>();
  readonly #speaker = { left: { port: -1, turn: 0 }, right: { port: -1, turn: 0 } };
  readonly #tracks = new Map<number, RecordedTrack>();
  #beginning: number | undefined;
  #latest = 0;
  /** Packets that nobody heard, or that were no sound of a known kind. */
  skipped = 0;
  used = 0;

  constructor(writer: WavWriter, notes: readonly TimedNote[]) {
    this.#writer = writer;
    for (const [index, note] of notes.entries()) {
      const known = this.#meanings.get(note.port) ?? [];
      known.push({ ...note, turn: index + 1 });
      this.#meanings.set(note.port, known);
    }
  }

  /** Takes the next packet, in the order in which they were received. */
  async take({ at, port, payload }: RecordedPacket): Promise<void> {
    this.#beginning ??= at;
    const position = Math.round(((at - this.#beginning) * RECORDING_RATE) / 1000);
    const track = await this.#track(at, port, payload);
    if (track === undefined) return void (this.skipped += 1);
    this.used += 1;
    track.put(this.#writer, payload, position);
    this.#latest = Math.max(this.#latest, position);
    this.#writer.advance(this.#latest - SETTLE);
  }

  /** Writes the rest; resolves when the file is whole. */
  close(): Promise<void> {
    for (const track of this.#tracks.values()) track.free();
    this.#tracks.clear();
    return this.#writer.close(this.#latest + RECORDING_RATE / 50);
  }

  async #track(at: number, port: number, packet: Buffer): Promise<RecordedTrack | undefined> {
    if (packetKind(packet) !== 'rtp' || rtpHeaderLength(packet) < 0) return undefined;
    const meaning = this.#meaning(port, at);
    if (meaning === undefined || !this.#isHeard(meaning)) return undefined;
    const payloadType = rtpPayloadType(packet);
    const ssrc = rtpSsrc(packet);
    const known = this.#tracks.get(port);
    if (known?.payloadType === payloadType && known.ssrc === ssrc) return known;
    return this.#begin(meaning, payloadType, ssrc);
  }

  /** Another source on a port, or another codec; digits and comfort noise are neither. */
  async #begin(meaning: Meaning, payloadType: number, ssrc: number): Promise<RecordedTrack | undefined> {
    const { port } = meaning;
    const codec = meaning.codecs.find((c) => c.payloadType === payloadType);
    if (codec === undefined || !isSound(codec) || this.#tracks.size >= MOST_TRACKS) return undefined;
    this.#tracks.get(port)?.free();
    const { clockRate } = codec;
    const track = new RecordedTrack(meaning.side === 'left' ? 0 : 1, { payloadType, ssrc, clockRate });
    this.#tracks.set(port, track);
    await track.prepare(codec);
    return track;
  }

  /**
   * What was last noted of a port before the packet came. The clocks of two machines need not agree to the second, so
   * what comes before the first note is taken for that.
   */
  #meaning(port: number, at: number): Meaning | undefined {
    const known = this.#meanings.get(port);
    return known?.findLast((meaning) => meaning.at <= at) ?? known?.[0];
  }

  /** Who was connected later is heard from its first packet on, and who was heard before is not any more. */
  #isHeard({ side, port, turn }: Meaning): boolean {
    const now = this.#speaker[side];
    if (turn < now.turn && port !== now.port) return false;
    if (turn > now.turn) this.#speaker[side] = { port, turn };
    return true;
  }
}

const isSound = (codec: NotedCodec) => isTranscodable({ ...codec, parameters: undefined });
