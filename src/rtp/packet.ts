/*
 * RFC 3550 §5.1
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                           timestamp                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                             SSRC                              |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 * |                    CSRC list (CC entries)                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  defined by profile (X=1)     |  length in 32-bit words       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The accessors below read and write a packet where it lies. They do not check bounds: call `rtpHeaderLength`
 * on what comes from the network first.
 */

/** Octets of a header without CSRC list and extension (RFC 3550 §5.1). */
export const RTP_HEADER_LENGTH = 12;

const MARKER = 1;
const SEQUENCE = 2;
const TIMESTAMP = 4;
const SSRC = 8;

/** What a packet on a media port is, from its first two octets. */
export type PacketKind = 'rtp' | 'rtcp' | 'stun' | 'dtls' | 'unknown';

/** Tells RTP, RTCP, STUN and DTLS apart on one port (RFC 7983 §7, RFC 5761 §4). */
export function packetKind(packet: Uint8Array): PacketKind {
  if (packet.length < 4) return 'unknown';
  const first = packet[0]!;
  if (first >= 128 && first <= 191) return packet[1]! >= 192 && packet[1]! <= 223 ? 'rtcp' : 'rtp';
  if (first <= 3) return 'stun';
  if (first >= 20 && first <= 63) return 'dtls';
  return 'unknown';
}

/**
 * Validates a packet (RFC 3550 A.1) and gives the octets before its payload: 12 or more, with CSRC list and
 * extension; -1 if it is no RTP packet: too short, another version, an RTCP type, or padding longer than the rest.
 */
export function rtpHeaderLength(packet: Uint8Array): number {
  const length = srtpHeaderLength(packet, packet.length);
  if (length >= 0 && (packet[0]! & 0x20) !== 0) {
    const padding = packet[packet.length - 1]!;
    if (padding === 0 || padding > packet.length - length) return -1;
  }
  return length;
}

/**
 * The same for a packet of SRTP in the first `size` octets, whose padding is still encrypted and cannot be looked at.
 */
export function srtpHeaderLength(packet: Uint8Array, size: number): number {
  if (size < RTP_HEADER_LENGTH) return -1;
  const first = packet[0]!;
  const second = packet[1]!;
  if (first >> 6 !== 2 || (second >= 192 && second <= 223)) return -1;
  let length = RTP_HEADER_LENGTH + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (size < length + 4) return -1;
    length += 4 + ((packet[length + 2]! << 8) | packet[length + 3]!) * 4;
  }
  return size < length ? -1 : length;
}

/** Where the payload ends in a valid packet: its length less the padding. */
export function rtpPayloadEnd(packet: Uint8Array): number {
  const size = packet.length;
  return (packet[0]! & 0x20) === 0 ? size : size - packet[size - 1]!;
}

export function rtpMarker(packet: Uint8Array): boolean {
  return (packet[MARKER]! & 0x80) !== 0;
}

export function setRtpMarker(packet: Uint8Array, marker: boolean): void {
  packet[MARKER] = marker ? packet[MARKER]! | 0x80 : packet[MARKER]! & 0x7f;
}

export function rtpPayloadType(packet: Uint8Array): number {
  return packet[MARKER]! & 0x7f;
}

export function setRtpPayloadType(packet: Uint8Array, payloadType: number): void {
  packet[MARKER] = (packet[MARKER]! & 0x80) | (payloadType & 0x7f);
}

export function rtpSequence(packet: Uint8Array): number {
  return (packet[SEQUENCE]! << 8) | packet[SEQUENCE + 1]!;
}

export function setRtpSequence(packet: Uint8Array, sequence: number): void {
  packet[SEQUENCE] = (sequence >>> 8) & 0xff;
  packet[SEQUENCE + 1] = sequence & 0xff;
}

export function rtpTimestamp(packet: Uint8Array): number {
  return readUint32(packet, TIMESTAMP);
}

export function setRtpTimestamp(packet: Uint8Array, timestamp: number): void {
  writeUint32(packet, TIMESTAMP, timestamp);
}

export function rtpSsrc(packet: Uint8Array): number {
  return readUint32(packet, SSRC);
}

export function setRtpSsrc(packet: Uint8Array, ssrc: number): void {
  writeUint32(packet, SSRC, ssrc);
}

/** Unsigned 32 bits at `offset`, network order. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  );
}

/** Writes the low 32 bits of `value` at `offset`, network order. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = (value >>> 24) & 0xff;
  bytes[offset + 1] = (value >>> 16) & 0xff;
  bytes[offset + 2] = (value >>> 8) & 0xff;
  bytes[offset + 3] = value & 0xff;
}

export type RtpHeader = {
  marker: boolean;
  payloadType: number;
  /** 16 bits; wraps. */
  sequence: number;
  /** 32 bits in units of the payload's clock; wraps. */
  timestamp: number;
  ssrc: number;
};

/** Writes a 12-octet header without CSRC list, extension or padding at the start of `packet`. */
export function writeRtpHeader(packet: Uint8Array, header: Readonly<RtpHeader>): void {
  packet[0] = 0x80;
  packet[MARKER] = (header.marker ? 0x80 : 0) | (header.payloadType & 0x7f);
  setRtpSequence(packet, header.sequence);
  setRtpTimestamp(packet, header.timestamp);
  setRtpSsrc(packet, header.ssrc);
}

/** A new packet of `header` and a copy of `payload`; for where an allocation does not matter. */
export function buildRtp(header: Readonly<RtpHeader>, payload: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(RTP_HEADER_LENGTH + payload.length);
  writeRtpHeader(packet, header);
  packet.set(payload, RTP_HEADER_LENGTH);
  return packet;
}

/** A packet taken apart; `payload` is a view into it. */
export type RtpPacket = Readonly<RtpHeader> & {
  readonly csrc: readonly number[];
  /** The header extension's profile word and a view of its data (RFC 3550 §5.3.1). */
  readonly extension: { readonly profile: number; readonly data: Uint8Array } | undefined;
  readonly payload: Uint8Array;
};

/** Takes a packet apart; undefined where `rtpHeaderLength` gives -1. For tests and tools: it allocates. */
export function parseRtp(packet: Uint8Array): RtpPacket | undefined {
  const length = rtpHeaderLength(packet);
  if (length < 0) return undefined;
  const csrc: number[] = [];
  const csrcEnd = RTP_HEADER_LENGTH + (packet[0]! & 0x0f) * 4;
  for (let at = RTP_HEADER_LENGTH; at < csrcEnd; at += 4) csrc.push(readUint32(packet, at));
  const extension =
    (packet[0]! & 0x10) === 0
      ? undefined
      : {
          profile: (packet[csrcEnd]! << 8) | packet[csrcEnd + 1]!,
          data: packet.subarray(csrcEnd + 4, length),
        };
  return {
    marker: rtpMarker(packet),
    payloadType: rtpPayloadType(packet),
    sequence: rtpSequence(packet),
    timestamp: rtpTimestamp(packet),
    ssrc: rtpSsrc(packet),
    csrc,
    extension,
    payload: packet.subarray(length, rtpPayloadEnd(packet)),
  };
}

/** How far sequence number `to` is ahead of `from`: -32768 to 32767. */
export function sequenceAhead(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/** How far timestamp `to` is ahead of `from`: -2^31 to 2^31-1. */
export function timestampAhead(from: number, to: number): number {
  return (to - from) | 0;
}
