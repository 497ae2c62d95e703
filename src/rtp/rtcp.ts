import { readUint32, writeUint32 } from './packet.ts';
/*
 * RFC 3550 §6.4.1, and alike for all RTCP packets of a compound packet:
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |V=2|P|   RC    |   PT=SR=200   |   length in 32-bit words - 1  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                         SSRC of sender                        |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 * |              NTP timestamp, most significant word             |  SR only
 * |             NTP timestamp, least significant word             |
 * |                         RTP timestamp                         |
 * |                     sender's packet count                     |
 * |                      sender's octet count                     |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 * |                 SSRC_1 (SSRC of first source)                 |  RC times
 * | fraction lost |       cumulative number of packets lost       |
 * |           extended highest sequence number received           |
 * |                      interarrival jitter                      |
 * |                         last SR (LSR)                         |
 * |                   delay since last SR (DLSR)                  |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 */
const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const BLOCK_LENGTH = 24;
const SENDER_INFO_LENGTH = 20;
const CNAME = 1;
const MOST_ITEMS = 31;

export type RtcpReportBlock = {
  readonly ssrc: number;
  /** Since the last report, in 256ths. */
  readonly fractionLost: number;
  /** Since the start; negative when packets were doubled. 24 bits, signed. */
  readonly cumulativeLost: number;
  readonly highestSequence: number;
  /** In timestamp units. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last SR, 0 if none came. */
  readonly lastSr: number;
  /** In 65536ths of a second. */
  readonly delaySinceLastSr: number;
};

export type RtcpSenderInfo = {
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
};

export type RtcpPacket =
  | {
      readonly type: 'sr';
      readonly ssrc: number;
      readonly sender: RtcpSenderInfo;
      readonly reports: readonly RtcpReportBlock[];
    }
  | { readonly type: 'rr'; readonly ssrc: number; readonly reports: readonly RtcpReportBlock[] }
  | { readonly type: 'sdes'; readonly chunks: readonly { readonly ssrc: number; readonly cname: string }[] }
  | { readonly type: 'bye'; readonly ssrcs: readonly number[]; readonly reason: string }
  /** Extended reports, feedback, application packets: passed over, their octets not looked into. */
  | { readonly type: 'other'; readonly packetType: number };

/**
 * Takes a compound packet apart; undefined if it fails RFC 3550 A.2 (version, lengths that do not add up). A single
 * packet of reduced size (RFC 5506) is taken too. Nothing in it throws or reads past the end.
 */
export function parseRtcp(bytes: Uint8Array): RtcpPacket[] | undefined {
  const packets: RtcpPacket[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 4 || bytes[at]! >> 6 !== 2) return undefined;
    const end = at + 4 + ((bytes[at + 2]! << 8) | bytes[at + 3]!) * 4;
    if (end > bytes.length) return undefined;
    const padding = (bytes[at]! & 0x20) === 0 ? 0 : bytes[end - 1]!;
    if (padding > end - at - 4) return undefined;
    const packet = parseOne(bytes.subarray(at, end - padding));
    if (packet === undefined) return undefined;
    packets.push(packet);
    at = end;
  }
  return packets.length > 0 ? packets : undefined;
}

function parseOne(bytes: Uint8Array): RtcpPacket | undefined {
  const count = bytes[0]! & 0x1f;
  const packetType = bytes[1]!;
  switch (packetType) {
    case SENDER_REPORT:
      return parseSenderReport(bytes, count);
    case RECEIVER_REPORT: {
      const reports = parseBlocks(bytes, 8, count);
      return reports && { type: 'rr', ssrc: readUint32(bytes, 4), reports };
    }
    case SOURCE_DESCRIPTION:
      return parseSourceDescription(bytes, count);
    case GOODBYE:
      return parseGoodbye(bytes, count);
    default:
      return { type: 'other', packetType };
  }
}

function parseSenderReport(bytes: Uint8Array, count: number): RtcpPacket | undefined {
  const reports = parseBlocks(bytes, 8 + SENDER_INFO_LENGTH, count);
  if (reports === undefined) return undefined;
  const sender = {
    ntpSeconds: readUint32(bytes, 8),
    ntpFraction: readUint32(bytes, 12),
    rtpTimestamp: readUint32(bytes, 16),
    packets: readUint32(bytes, 20),
    octets: readUint32(bytes, 24),
  };
  return { type: 'sr', ssrc: readUint32(bytes, 4), sender, reports };
}

function parseBlocks(bytes: Uint8Array, start: number, count: number): RtcpReportBlock[] | undefined {
  if (bytes.length < start + count * BLOCK_LENGTH) return undefined;
  const blocks: RtcpReportBlock[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = start + i * BLOCK_LENGTH;
    const loss = readUint32(bytes, at + 4);
    blocks.push({
      ssrc: readUint32(bytes, at),
      fractionLost: loss >>> 24,
      cumulativeLost: (loss << 8) >> 8,
      highestSequence: readUint32(bytes, at + 8),
      jitter: readUint32(bytes, at + 12),
      lastSr: readUint32(bytes, at + 16),
      delaySinceLastSr: readUint32(bytes, at + 20),
    });
  }
  return blocks;
}

function parseSourceDescription(bytes: Uint8Array, count: number): RtcpPacket | undefined {
  const chunks: { ssrc: number; cname: string }[] = [];
  let at = 4;
  for (let i = 0; i < count; i += 1) {
    if (bytes.length - at < 8) return undefined;
    const ssrc = readUint32(bytes, at);
    let cname = '';
    at += 4;
    while (at < bytes.length && bytes[at] !== 0) {
      const length = bytes[at + 1] ?? 0;
      if (at + 2 + length > bytes.length) return undefined;
      if (bytes[at] === CNAME) cname = text(bytes, at + 2, length);
      at += 2 + length;
    }
    chunks.push({ ssrc, cname });
    at = (at + 4) & ~3; // at least one null octet, then to the next word
  }
  return { type: 'sdes', chunks };
}

function parseGoodbye(bytes: Uint8Array, count: number): RtcpPacket | undefined {
  const end = 4 + count * 4;
  if (bytes.length < end) return undefined;
  const ssrcs = Array.from({ length: count }, (_, i) => readUint32(bytes, 4 + i * 4));
  const length = bytes[end] ?? 0;
  if (end + 1 + length > bytes.length && length > 0) return undefined;
  return { type: 'bye', ssrcs, reason: text(bytes, end + 1, length) };
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
}

/** Prints packets one after the other as a compound packet; 'other' packets cannot be printed and are left out. */
export function printRtcp(packets: readonly RtcpPacket[]): Buffer {
  return Buffer.concat(packets.map(printOne));
}

function printOne(packet: RtcpPacket): Buffer {
  switch (packet.type) {
    case 'sr':
      return printReport(packet.ssrc, packet.reports, packet.sender);
    case 'rr':
      return printReport(packet.ssrc, packet.reports);
    case 'sdes':
      return printSourceDescription(packet.chunks.slice(0, MOST_ITEMS));
    case 'bye':
      return printGoodbye(packet.ssrcs.slice(0, MOST_ITEMS), packet.reason);
    default:
      return Buffer.alloc(0);
  }
}

function header(packetType: number, count: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes[0] = 0x80 | count;
  bytes[1] = packetType;
  bytes.writeUInt16BE(length / 4 - 1, 2);
  return bytes;
}

function printReport(ssrc: number, all: readonly RtcpReportBlock[], sender?: RtcpSenderInfo): Buffer {
  const reports = all.slice(0, MOST_ITEMS);
  const start = sender === undefined ? 8 : 8 + SENDER_INFO_LENGTH;
  const type = sender === undefined ? RECEIVER_REPORT : SENDER_REPORT;
  const bytes = header(type, reports.length, start + reports.length * BLOCK_LENGTH);
  writeUint32(bytes, 4, ssrc);
  if (sender !== undefined) {
    writeUint32(bytes, 8, sender.ntpSeconds);
    writeUint32(bytes, 12, sender.ntpFraction);
    writeUint32(bytes, 16, sender.rtpTimestamp);
    writeUint32(bytes, 20, sender.packets);
    writeUint32(bytes, 24, sender.octets);
  }
  for (const [i, report] of reports.entries()) {
    const at = start + i * BLOCK_LENGTH;
    const lost = Math.max(-0x80_0000, Math.min(0x7f_ffff, report.cumulativeLost));
    writeUint32(bytes, at, report.ssrc);
    writeUint32(bytes, at + 4, (report.fractionLost << 24) | (lost & 0xff_ffff));
    writeUint32(bytes, at + 8, report.highestSequence);
    writeUint32(bytes, at + 12, report.jitter);
    writeUint32(bytes, at + 16, report.lastSr);
    writeUint32(bytes, at + 20, report.delaySinceLastSr);
  }
  return bytes;
}

function printSourceDescription(chunks: readonly { ssrc: number; cname: string }[]): Buffer {
  const parts = chunks.map((chunk) => {
    const cname = Buffer.from(chunk.cname, 'utf8').subarray(0, 255);
    const part = Buffer.alloc((4 + 2 + cname.length + 4) & ~3);
    writeUint32(part, 0, chunk.ssrc);
    part[4] = CNAME;
    part[5] = cname.length;
    cname.copy(part, 6);
    return part;
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([header(SOURCE_DESCRIPTION, chunks.length, 4 + body.length).subarray(0, 4), body]);
}

function printGoodbye(ssrcs: readonly number[], reason: string): Buffer {
  const words = Buffer.from(reason, 'utf8').subarray(0, 255);
  const end = 4 + ssrcs.length * 4;
  const bytes = header(GOODBYE, ssrcs.length, words.length === 0 ? end : (end + 1 + words.length + 3) & ~3);
  for (const [i, ssrc] of ssrcs.entries()) writeUint32(bytes, 4 + i * 4, ssrc);
  if (words.length > 0) {
    bytes[end] = words.length;
    words.copy(bytes, end + 1);
  }
  return bytes;
}

const NTP_EPOCH_SECONDS = 2_208_988_800;

/** The two words of NTP time (RFC 3550 §4) for milliseconds since 1970. */
export function ntpTime(wall: number): { readonly seconds: number; readonly fraction: number } {
  const seconds = Math.floor(wall / 1000);
  const fraction = Math.floor(((wall - seconds * 1000) / 1000) * 2 ** 32);
  return { seconds: (seconds + NTP_EPOCH_SECONDS) >>> 0, fraction: fraction >>> 0 };
}

/** The middle 32 bits of an NTP time, as LSR carries it: 65536ths of a second. */
export function ntpMiddle(seconds: number, fraction: number): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}

/**
 * Round trip in milliseconds from a report block that arrived at `wall` (RFC 3550 §6.4.1, figure 2); undefined if the
 * other side had no sender report yet, or the figures make no sense.
 */
export function roundTrip(report: RtcpReportBlock, wall: number): number | undefined {
  if (report.lastSr === 0) return undefined;
  const now = ntpTime(wall);
  const units = (ntpMiddle(now.seconds, now.fraction) - report.lastSr - report.delaySinceLastSr) | 0;
  // Clocks are read to a millisecond, so a trip of nearly nothing may come out a little below zero.
  if (units < -66) return undefined;
  return (Math.max(0, units) / 65_536) * 1000;
}
