import { ALAW_SILENCE, ULAW_SILENCE } from '../../rtp/index.ts';

/** Opus of 20 ms of nothing (RFC 6716 §3.1: CELT, full band, one frame that is not transmitted but for its head). */
const OPUS_SILENCE = Buffer.from([0xf8, 0xff, 0xfe]);

/**
 * Puts silence in place of the payload from `headerLength` on; gives the packet's new length, or -1 for a codec whose
 * silence is not known, whose packets are better left out.
 */
export function silence(packet: Buffer, headerLength: number, codec: string): number {
  switch (codec.toUpperCase()) {
    case 'PCMU':
      packet.fill(ULAW_SILENCE, headerLength);
      return packet.length;
    case 'PCMA':
      packet.fill(ALAW_SILENCE, headerLength);
      return packet.length;
    case 'L16':
      packet.fill(0, headerLength);
      return packet.length;
    case 'OPUS':
      if (packet.length - headerLength < OPUS_SILENCE.length) return -1;
      OPUS_SILENCE.copy(packet, headerLength);
      return headerLength + OPUS_SILENCE.length;
    default:
      return -1;
  }
}
