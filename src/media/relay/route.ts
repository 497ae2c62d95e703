import { isTelephoneEvent, receives, sameCodec, sends, type SdpCodec } from '../../sdp/index.ts';
import { newMapping, type Mapping } from '../links/egress.ts';
import type { Stream } from './stream.ts';

/** A payload type that the sink has no name for; its packets are dropped. */
export const DROP = -1;

/** Why a route exists: the two sides of a dialog, or a listener who only subscribed. */
export type RouteKind = 'dialog' | 'subscription';

/** The way from one stream to another: whether it is open, and how payload types are renamed on it. */
export class Route {
  readonly source: Stream;
  readonly sink: Stream;
  readonly kind: RouteKind;
  readonly mapping: Mapping = newMapping();
  /** Indexed by the source's payload type: the sink's, or DROP. */
  readonly payloadTypes = new Int16Array(128);
  /** Indexed likewise: the clock rate of what goes out, in hertz. */
  readonly clockRates = new Uint32Array(128);
  open = false;

  constructor(source: Stream, sink: Stream, kind: RouteKind) {
    this.source = source;
    this.sink = sink;
    this.kind = kind;
    this.refresh();
  }

  /** Works the payload types and the direction out anew, after either side's description changed. */
  refresh(): void {
    const { source, sink } = this;
    this.open = sends(source.direction) && receives(sink.direction) && !sink.held && sink.ports !== undefined;
    for (let type = 0; type < 128; type++) {
      const mapped = mapPayloadType(source, sink, type);
      this.payloadTypes[type] = mapped;
      this.clockRates[type] = sink.codecs.find((c) => c.payloadType === mapped)?.clockRate ?? 8000;
    }
  }
}

function mapPayloadType(source: Stream, sink: Stream, payloadType: number): number {
  if (sink.codecs.length === 0) return payloadType;
  const codec = codecSent(source, payloadType);
  if (codec === undefined) return sink.codecs.some((c) => c.payloadType === payloadType) ? payloadType : DROP;
  const same = sink.codecs.find((c) => sameCodec(c, codec));
  if (same !== undefined) return same.payloadType;
  const event = isTelephoneEvent(codec) ? sink.codecs.find(isTelephoneEvent) : undefined;
  return event?.payloadType ?? DROP;
}

/**
 * What a payload type means in packets from a stream's far end: by what the far end was told (RFC 3264 §5.1), else by
 * its own description, whose numbers many senders use.
 */
function codecSent(source: Stream, payloadType: number): SdpCodec | undefined {
  const of = (codecs: readonly SdpCodec[]) => codecs.find((c) => c.payloadType === payloadType);
  return of(source.told) ?? of(source.codecs);
}
