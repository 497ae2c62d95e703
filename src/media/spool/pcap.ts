/** A UDP packet as rtpengine records it: when it was received, on which local port, and what was in it. */
export type RecordedPacket = {
  /** Wall-clock milliseconds. */
  readonly at: number;
  readonly port: number;
  /** Lies in the buffer that was given to the reader. */
  readonly payload: Buffer;
};

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
/** No packet is longer than IP allows. */
const LONGEST = 65_535 + 64;
const UDP = 17;

/** Octets before the IP header, by link type: rtpengine writes Ethernet (`eth`) or bare IP (`raw`). */
const linkHeaders: Readonly<Record<number, number>> = Object.freeze({ 1: 14, 12: 0, 101: 0 });

/**
 * Reads a pcap file piece by piece, as the pieces come from the disk. A file that is cut short, as by a crash, ends at the
 * last whole packet; one that is no pcap, or is damaged, yields nothing from there on and says so in `damaged`.
 */
export class PcapReader {
  #rest: Buffer = Buffer.alloc(0);
  #little = true;
  #perSecond = 1e6;
  #link: number | undefined;
  damaged = false;

  /** The packets that are whole with this piece. */
  *read(piece: Buffer): Generator<RecordedPacket> {
    if (this.damaged) return;
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    if (this.#link === undefined) {
      at = this.#begin(bytes);
    }
    while (this.#link !== undefined && !this.damaged && bytes.length - at >= RECORD_HEADER) {
      const length = this.#uint32(bytes, at + 8);
      if (length > LONGEST) this.damaged = true;
      const end = at + RECORD_HEADER + length;
      if (this.damaged || end > bytes.length) break;
      const packet = this.#packet(bytes, at, end);
      if (packet !== undefined) yield packet;
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** Gives the octets of the file's header, 0 until it is there. */
  #begin(bytes: Buffer): number {
    if (bytes.length < FILE_HEADER) return 0;
    const magic = [MICROSECONDS, NANOSECONDS];
    this.#little = magic.includes(bytes.readUInt32LE(0));
    const found = this.#uint32(bytes, 0);
    const link = linkHeaders[this.#uint32(bytes, 20)];
    this.#perSecond = found === NANOSECONDS ? 1e9 : 1e6;
    this.#link = link ?? 0;
    this.damaged = !magic.includes(found) || link === undefined;
    return FILE_HEADER;
  }

  #packet(bytes: Buffer, at: number, end: number): RecordedPacket | undefined {
    const udp = udpOf(bytes, at + RECORD_HEADER + (this.#link ?? 0), end);
    if (udp === undefined) return undefined;
    const fraction = this.#uint32(bytes, at + 4) / this.#perSecond;
    return {
      at: (this.#uint32(bytes, at) + fraction) * 1000,
      port: bytes.readUInt16BE(udp + 2),
      payload: bytes.subarray(udp + 8, end),
    };
  }

  #uint32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}

/** Where the UDP header begins; undefined for a packet that is not UDP, or not whole. */
function udpOf(bytes: Buffer, ip: number, end: number): number | undefined {
  if (end - ip < 20) return undefined;
  const version = bytes[ip]! >> 4;
  const at = version === 4 ? ip + (bytes[ip]! & 0x0f) * 4 : ip + 40;
  const protocol = version === 4 ? bytes[ip + 9] : bytes[ip + 6];
  return (version === 4 || version === 6) && protocol === UDP && at + 8 <= end ? at : undefined;
}
