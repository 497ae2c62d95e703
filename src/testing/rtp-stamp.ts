/*
 * What a test's RTP packet says of itself, at the start of its payload:
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                         magic "FLIP"                          |
 * |                      count of the sender                      |
 * |              time of sending, milliseconds, float64           |
 * |                                                               |
 * |  name length  |                  name ...                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const MAGIC = 0x464c_4950;
const NAME = 17;
const LONGEST_NAME = 16;

export type RtpStamp = { readonly name: string; readonly count: number; readonly sentAt: number };

/** Writes a stamp into the first octets of `payload`, which needs 17 and those of the name. */
export function writeStamp(payload: Buffer, stamp: RtpStamp): void {
  payload.writeUInt32BE(MAGIC, 0);
  payload.writeUInt32BE(stamp.count >>> 0, 4);
  payload.writeDoubleBE(stamp.sentAt, 8);
  const length = payload.write(stamp.name.slice(0, LONGEST_NAME), NAME, 'latin1');
  payload[NAME - 1] = length;
}

/** The stamp of a payload, undefined if it has none. */
export function readStamp(payload: Uint8Array): RtpStamp | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  if (bytes.length < NAME || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  const length = bytes[NAME - 1]!;
  if (length > LONGEST_NAME || bytes.length < NAME + length) return undefined;
  return {
    name: bytes.toString('latin1', NAME, NAME + length),
    count: bytes.readUInt32BE(4),
    sentAt: bytes.readDoubleBE(8),
  };
}

/** Milliseconds that all processes of a machine agree upon, to a fraction. */
export const stampTime = (): number => performance.timeOrigin + performance.now();
