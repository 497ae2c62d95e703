import {
  isComfortNoise,
  isTelephoneEvent,
  receives,
  sameCodec,
  sends,
  type SdpCodec,
} from '../../sdp/index.ts';
import { newMapping, type Mapping } from '../links/egress.ts';
import { EventScaler } from '../links/event-scaler.ts';
import { KeySound, keyTones } from '../links/keys.ts';
import { NoiseSound } from '../links/noise.ts';
import { Player } from '../links/player.ts';
import { Presser } from '../links/presser.ts';
import { Transcoder } from '../links/transcoder.ts';
import { isTranscodable } from './codec-choice.ts';
import type { Outlet } from './outlet.ts';
import type { Stream } from './stream.ts';

/** In place of a payload type: nothing that the sink could take, or sound that must be made anew for it. */
export const DROP = -1;
export const TRANSCODE = -2;
/** A telephone event whose clock differs at the two ends. */
export const SCALE = -3;
/** Comfort noise for a sink that does not know it: it is made audible. */
export const NOISE = -4;
/** A telephone event for a sink that has none: its tones are sounded while the key is held. */
export const SOUND = -5;

const DEFAULT_PACKET_MS = 20;
/** Loud as a telephone's keys are; and nobody holds one longer. */
const KEY_VOLUME = 10;
const LONGEST_KEY_MS = 10_000;

/** Why a route exists: the two sides of a dialog, one that has no answer yet, or a listener who only subscribed. */
export type RouteKind = 'dialog' | 'early' | 'subscription';

/** The way from one stream to another: whether it is open, and what becomes of each payload type on it. */
export class Route {
  readonly source: Stream;
  readonly sink: Stream;
  /** The sink's. */
  readonly outlet: Outlet;
  kind: RouteKind;
  readonly mapping: Mapping = newMapping();
  #table = noTable;
  open = false;
  /** What made the last packet, where it was made. */
  making: Transcoder | undefined;
  /** By the source's payload type; made when there is one. */
  #transcoders: Map<number, Transcoder> | undefined;
  #scalers: Map<number, EventScaler> | undefined;
  #noise: NoiseSound | undefined;
  /** The key that is held at the sink because it is held at the source. */
  #key: { release(): void } | undefined;

  constructor(source: Stream, sink: Stream, kind: RouteKind) {
    this.source = source;
    this.sink = sink;
    this.outlet = sink.outlet;
    this.kind = kind;
    this.refresh();
  }

  /** Works the payload types and the direction out anew, after either side's description changed. */
  refresh(): void {
    const { source, sink } = this;
    this.open = sends(source.direction) && receives(sink.direction) && !sink.held && sink.ports !== undefined;
    const meaning = [
      ...[source.told, source.codecs, source.added].map(describeCodecs),
      ...[sink.told, sink.codecs, sink.added, sink.accepted].map(describeCodecs),
      packetTimeFor(source, sink),
      reframes(source, sink),
    ].join('|');
    // A description that says the same again must not cost the sound that is being made.
    if (meaning === this.#table.meaning) return;
    this.#table = tableOf(meaning, source, sink);
    this.close();
    // Made now, so that it is ready when the first packet comes.
    const first = source.codecs.find((c) => !isTelephoneEvent(c) && !isComfortNoise(c));
    if (this.open && first !== undefined && this.payloadTypes[first.payloadType] === TRANSCODE)
      this.transcoder(first.payloadType);
  }

  /** Indexed by the source's payload type: the sink's, or one of the words above. */
  get payloadTypes(): Int16Array {
    return this.#table.payloadTypes;
  }

  /** Indexed likewise: the clock rate of what goes out, in hertz. */
  get clockRates(): Uint32Array {
    return this.#table.clockRates;
  }

  /** What makes the sink's sound of this payload type; undefined where the sink has no codec for it. */
  transcoder(payloadType: number): Transcoder | undefined {
    const known = this.#transcoders?.get(payloadType);
    if (known !== undefined) return known;
    const from = codecSent(this.source, payloadType);
    if (from === undefined) return undefined;
    const to = taken(this.sink).find((c) => sameCodec(c, from)) ?? codecFor(this.sink);
    if (to === undefined) return undefined;
    const made = new Transcoder(from, to, {
      frameMs: packetTimeFor(this.source, this.sink),
      comfortNoise: noiseMade(this.source, this.sink, to),
    });
    (this.#transcoders ??= new Map()).set(payloadType, made);
    return made;
  }

  scaler(payloadType: number): EventScaler | undefined {
    const known = this.#scalers?.get(payloadType);
    if (known !== undefined) return known;
    const from = codecSent(this.source, payloadType);
    const to = eventOf(this.sink);
    if (from === undefined || to === undefined) return undefined;
    const made = new EventScaler(from.clockRate, to.clockRate, to.payloadType);
    (this.#scalers ??= new Map()).set(payloadType, made);
    return made;
  }

  /** What the source's comfort noise sounds like. */
  get noise(): NoiseSound {
    return (this.#noise ??= new NoiseSound(() => this.heard && !this.source.party.blocked));
  }

  /** Whether its sink hears it. */
  get heard(): boolean {
    return this.open && this.outlet.current === this;
  }

  /** Lets the sink hear the noise until the source speaks again. */
  fill(): void {
    const codec = codecFor(this.sink);
    if (codec === undefined) return;
    const player = new Player(this.outlet, { codec, sound: this.noise, yields: true });
    this.sink.party.call.perform(this.outlet, player);
  }

  /** The source holds a key, by event or `inBand`: pressed again at the sink where it would not know it otherwise. */
  press(event: number, inBand: boolean): void {
    if (!this.heard || this.source.party.digitsBlocked) return;
    if (inBand && this.#makesEvents) {
      const codec = eventOf(this.sink)!;
      const presser = new Presser(this.outlet, codec);
      presser.press({ event, duration: LONGEST_KEY_MS, pause: 0, volume: KEY_VOLUME });
      this.#key = presser;
      this.sink.party.call.perform(this.outlet, presser);
    } else if (!inBand && this.#soundsEvents) {
      const [tones, codec] = [keyTones(event), codecFor(this.sink)];
      if (tones === undefined || codec === undefined) return;
      const sound = new KeySound(tones);
      this.#key = sound;
      this.sink.party.call.perform(this.outlet, new Player(this.outlet, { codec, sound }));
    }
  }

  /** The source let go of its key. */
  release(): void {
    this.#key?.release();
    this.#key = undefined;
  }

  /** Whether the source has no events and the sink was promised some. */
  get #makesEvents(): boolean {
    const { source, sink } = this;
    return (
      sink.added.some(isTelephoneEvent) &&
      sink.codecs.some(isTelephoneEvent) &&
      !source.codecs.some(isTelephoneEvent)
    );
  }

  get #soundsEvents(): boolean {
    return this.payloadTypes.includes(SOUND);
  }

  get transcodes(): boolean {
    return this.#transcoders !== undefined;
  }

  close(): void {
    for (const transcoder of this.#transcoders?.values() ?? []) transcoder.free();
    this.#transcoders = undefined;
    this.making = undefined;
    this.#scalers = undefined;
  }
}

/** What becomes of each payload type, by all that it depends on, in words. */
type Table = {
  readonly meaning: string | undefined;
  readonly payloadTypes: Int16Array;
  readonly clockRates: Uint32Array;
};

const noTable: Table = {
  meaning: undefined,
  payloadTypes: new Int16Array(128).fill(DROP),
  clockRates: new Uint32Array(128).fill(8000),
};

/** Most calls are between phones that say the same, so that they share a table; what phones can say is without end. */
const tables = new Map<string, Table>();
const MOST_TABLES = 200;

function tableOf(meaning: string, source: Stream, sink: Stream): Table {
  const known = tables.get(meaning);
  if (known !== undefined) return known;
  const payloadTypes = new Int16Array(128);
  const clockRates = new Uint32Array(128);
  for (let type = 0; type < 128; type++) {
    const mapped = mapPayloadType(source, sink, type);
    payloadTypes[type] = mapped;
    clockRates[type] = sink.codecs.find((c) => c.payloadType === mapped)?.clockRate ?? 8000;
  }
  const made: Table = { meaning, payloadTypes, clockRates };
  const [oldest] = tables.keys();
  if (tables.size >= MOST_TABLES && oldest !== undefined) tables.delete(oldest);
  tables.set(meaning, made);
  return made;
}

const describeCodecs = (codecs: readonly SdpCodec[]) =>
  codecs.map((c) => `${c.payloadType} ${c.name}/${c.clockRate}/${c.channels}`).join();

/** The codec to make sound in for a sink: the one it hears already, else the first that was agreed on, else its first. */
export function codecFor(sink: Stream): SdpCodec | undefined {
  const own = taken(sink).filter(isTranscodable);
  return (
    own.find((c) => c.payloadType === sink.outlet.payloadType) ??
    own.find((c) => sink.told.some((t) => sameCodec(t, c))) ??
    own[0]
  );
}

/** The codecs that a sink takes: all of its own, or those that it was told where a command chose among them. */
const taken = (sink: Stream): readonly SdpCodec[] =>
  sink.accepted.some(isTranscodable)
    ? sink.codecs.filter((codec) => sink.told.some((c) => sameCodec(c, codec)))
    : sink.codecs;

/** The telephone events that go with the audio a sink takes first. */
function eventOf(sink: Stream): SdpCodec | undefined {
  const audio = sink.codecs.find((c) => !isTelephoneEvent(c) && !isComfortNoise(c));
  const events = sink.codecs.filter(isTelephoneEvent);
  return events.find((c) => c.clockRate === audio?.clockRate) ?? events[0];
}

function mapPayloadType(source: Stream, sink: Stream, payloadType: number): number {
  if (sink.codecs.length === 0) return payloadType;
  const codec = codecSent(source, payloadType);
  if (codec === undefined) return sink.codecs.some((c) => c.payloadType === payloadType) ? payloadType : DROP;
  if (isTelephoneEvent(codec)) return mapEvent(source, sink, codec);
  const same = taken(sink).find((c) => sameCodec(c, codec));
  return soundsAnew(source, sink, { codec, same }) ?? same?.payloadType ?? DROP;
}

/** How sound or silence that cannot be passed on as it is gets there; undefined where it can, or cannot at all. */
function soundsAnew(
  source: Stream,
  sink: Stream,
  { codec, same }: { readonly codec: SdpCodec; readonly same: SdpCodec | undefined },
): number | undefined {
  if (!sink.codecs.some(isTranscodable)) return undefined;
  if (isComfortNoise(codec)) return same === undefined || renumbers(source, sink) ? NOISE : undefined;
  if (!isTranscodable(codec)) return undefined;
  const remade = same === undefined || reframes(source, sink) || noiseMade(source, sink, same) !== undefined;
  return remade ? TRANSCODE : undefined;
}

/** Milliseconds, where a command wants packets of a length of their own. */
function packetTimeFor(source: Stream, sink: Stream): number | undefined {
  const fixed = source.packetTime.fixed || sink.packetTime.fixed;
  return fixed ? sink.packetTime.ms || DEFAULT_PACKET_MS : undefined;
}

/** Whether packets are of another length where they go than where they come from. */
function reframes(source: Stream, sink: Stream): boolean {
  const wanted = packetTimeFor(source, sink);
  return wanted !== undefined && wanted !== (source.packetTime.ms || DEFAULT_PACKET_MS);
}

/** Whether sound may have sequence numbers that are not the source's. */
const renumbers = (source: Stream, sink: Stream): boolean =>
  packetTimeFor(source, sink) !== undefined ||
  sink.codecs.some((c) => isTranscodable(c) && noiseMade(source, sink, c) !== undefined);

/** The payload type of comfort noise that is to be made of a source's silence, where that was asked for. */
function noiseMade(source: Stream, sink: Stream, audio: SdpCodec): number | undefined {
  if (source.codecs.some(isComfortNoise) || !sink.added.some(isComfortNoise)) return undefined;
  return sink.codecs.find((c) => isComfortNoise(c) && c.clockRate === audio.clockRate)?.payloadType;
}

function mapEvent(source: Stream, sink: Stream, event: SdpCodec): number {
  const target = eventOf(sink);
  if (target === undefined) return source.added.some(isTelephoneEvent) ? SOUND : DROP;
  // Where the audio is passed on as it is, so are its events; else their clock follows the sink's audio.
  const shared = source.codecs.some((c) => isTranscodable(c) && sink.codecs.some((s) => sameCodec(c, s)));
  const same = sink.codecs.find((c) => sameCodec(c, event));
  // Sound that is packed anew has numbers of its own, among which the events must find their place.
  if (renumbers(source, sink)) return SCALE;
  if (same !== undefined && (shared || same === target)) return same.payloadType;
  return target.clockRate === event.clockRate ? target.payloadType : SCALE;
}

/**
 * What a payload type means in packets from a stream's far end: by its own description where that has the number, else
 * by what it was told. RFC 3264 §5.1 has senders use the numbers they were told; a device that called in was told its own,
 * and one that answered with other numbers than it was offered hardly uses one of them for something else.
 */
export function codecSent(source: Stream, payloadType: number): SdpCodec | undefined {
  const of = (codecs: readonly SdpCodec[]) => codecs.find((c) => c.payloadType === payloadType);
  return of(source.codecs) ?? of(source.told);
}
