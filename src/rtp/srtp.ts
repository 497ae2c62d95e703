import { readUint32, rtpSequence, rtpSsrc, srtpHeaderLength, writeUint32 } from './packet.ts';
import { deriveSrtpKeys, SRTP_SUITES, type SrtpMaster } from './srtp-suite.ts';
import { srtpTransform, type SrtpExtent, type SrtpNonce, type SrtpTransform } from './srtp-transform.ts';
/*
 * RFC 3711 §3.1, §3.4; RFC 7714 has the tag of RTCP before the E word instead of after it:
 *
 *   SRTP   header │ payload, encrypted │ MKI (optional) │ tag
 *   SRTCP  8 octets │ rest, encrypted │ E, index │ MKI (optional) │ tag
 */
const RTCP_HEADER = 8;
const E_FLAG = 0x8000_0000;
const LAST_RTCP_INDEX = 0x7fff_ffff;
const MOST_STREAMS = 32;
const WINDOW = 128;

/** Octets that protecting adds at most, without those of an MKI. */
export const SRTP_OVERHEAD = 20;
/** What `unprotect…` gives instead of a length: not SRTP or not authentic, and seen before or too old. */
export const SRTP_FAILED = -1;
export const SRTP_REPLAYED = -2;

/** The rollover counter of one SSRC, to carry a stream over a restart. */
export type SrtpStream = { readonly ssrc: number; readonly rollover: number; readonly sequence: number };

/** Which of the last 128 packet indices were seen (RFC 3711 §3.3.2). */
class ReplayWindow {
  #highest = -1;
  readonly #seen = new Uint8Array(WINDOW);

  has(index: number): boolean {
    if (index > this.#highest) return false;
    return index <= this.#highest - WINDOW || this.#seen[index % WINDOW] === 1;
  }

  add(index: number): void {
    if (index - this.#highest >= WINDOW) this.#seen.fill(0);
    else for (let i = this.#highest + 1; i < index; i += 1) this.#seen[i % WINDOW] = 0;
    this.#seen[index % WINDOW] = 1;
    if (index > this.#highest) this.#highest = index;
  }
}

type Stream = { rollover: number; sequence: number; readonly window: ReplayWindow };

/** One direction of a session: keys, and what is known of each SSRC. */
class SrtpContext {
  readonly rtp: SrtpTransform;
  readonly rtcp: SrtpTransform;
  readonly mki: Uint8Array;
  readonly aead: boolean;
  readonly streams = new Map<number, Stream>();
  readonly word = Buffer.alloc(4);
  readonly extent: SrtpExtent = { start: 0, end: 0 };
  readonly nonce: SrtpNonce = { ssrc: 0, upper: 0, lower: 0, rtcp: false };

  constructor(master: SrtpMaster, streams: readonly SrtpStream[]) {
    this.rtp = srtpTransform(master.suite, deriveSrtpKeys(master, 'rtp'), 'rtp');
    this.rtcp = srtpTransform(master.suite, deriveSrtpKeys(master, 'rtcp'), 'rtcp');
    this.mki = master.mki ?? Buffer.alloc(0);
    this.aead = SRTP_SUITES[master.suite].aead;
    for (const { ssrc, rollover, sequence } of streams) this.add(ssrc, rollover, sequence);
  }

  add(ssrc: number, rollover: number, sequence: number): Stream {
    const stream = { rollover, sequence, window: new ReplayWindow() };
    const oldest = this.streams.keys().next();
    if (this.streams.size >= MOST_STREAMS && !oldest.done) this.streams.delete(oldest.value);
    this.streams.set(ssrc, stream);
    return stream;
  }

  describe(): SrtpStream[] {
    return Array.from(this.streams, ([ssrc, { rollover, sequence }]) => ({ ssrc, rollover, sequence }));
  }

  setRtp(ssrc: number, rollover: number, sequence: number): void {
    this.nonce.ssrc = ssrc;
    this.nonce.upper = rollover;
    this.nonce.lower = sequence;
    this.nonce.rtcp = false;
    writeUint32(this.word, 0, rollover);
  }

  setRtcp(ssrc: number, index: number, word: number): void {
    this.nonce.ssrc = ssrc;
    this.nonce.upper = 0;
    this.nonce.lower = index;
    this.nonce.rtcp = true;
    writeUint32(this.word, 0, word);
  }
}

/** The rollover counter that a sequence number most likely belongs to (RFC 3711 §3.3.1, appendix A). */
function guessRollover(stream: Stream, sequence: number): number {
  const { rollover, sequence: last } = stream;
  if (last < 32_768) return sequence - last > 32_768 ? rollover - 1 : rollover;
  return last - 32_768 > sequence ? rollover + 1 : rollover;
}

/** Protects what we send. One for each master key; SSRCs are told apart. */
export class SrtpSender {
  readonly #context: SrtpContext;
  #rtcpIndex: number;

  /** `streams` and `rtcpIndex` continue what an earlier sender with the same key described. */
  constructor(master: SrtpMaster, streams: readonly SrtpStream[] = [], rtcpIndex = 0) {
    this.#context = new SrtpContext(master, streams);
    this.#rtcpIndex = rtcpIndex;
  }

  describe(): { readonly streams: readonly SrtpStream[]; readonly rtcpIndex: number } {
    return { streams: this.#context.describe(), rtcpIndex: this.#rtcpIndex };
  }

  /**
   * Protects the RTP packet in the first `length` octets of `packet`, which needs room for `SRTP_OVERHEAD` more and the
   * MKI. Gives the new length, `SRTP_FAILED` if it is no RTP packet.
   */
  protectRtp(packet: Buffer, length: number): number {
    const context = this.#context;
    const start = srtpHeaderLength(packet, length);
    if (start < 0) return SRTP_FAILED;
    const ssrc = rtpSsrc(packet);
    const sequence = rtpSequence(packet);
    const stream = context.streams.get(ssrc) ?? context.add(ssrc, 0, sequence);
    const rollover = Math.max(0, guessRollover(stream, sequence));
    advance(stream, rollover, sequence);
    context.setRtp(ssrc, rollover, sequence);
    context.extent.start = start;
    context.extent.end = length;
    context.rtp.seal(packet, context.extent, context.nonce, context.word);
    return withMki(packet, context, length, context.rtp.tagLength);
  }

  /** The same for a compound RTCP packet. */
  protectRtcp(packet: Buffer, length: number): number {
    const context = this.#context;
    if (length < RTCP_HEADER || this.#rtcpIndex > LAST_RTCP_INDEX) return SRTP_FAILED;
    const index = this.#rtcpIndex;
    this.#rtcpIndex += 1;
    const word = (index | E_FLAG) >>> 0;
    context.setRtcp(readUint32(packet, 4), index, word);
    context.extent.start = RTCP_HEADER;
    context.extent.end = length;
    context.rtcp.seal(packet, context.extent, context.nonce, context.word);
    const tagLength = context.rtcp.tagLength;
    if (context.aead) {
      writeUint32(packet, length + tagLength, word);
      packet.set(context.mki, length + tagLength + 4);
      return length + tagLength + 4 + context.mki.length;
    }
    packet.copyWithin(length + 4, length, length + tagLength);
    writeUint32(packet, length, word);
    return withMki(packet, context, length + 4, tagLength);
  }
}

/** RFC 3711 has the MKI between payload and tag, RFC 7714 after the tag. */
function withMki(packet: Buffer, { mki, aead }: SrtpContext, at: number, tagLength: number): number {
  if (mki.length > 0) {
    if (!aead) packet.copyWithin(at + mki.length, at, at + tagLength);
    packet.set(mki, aead ? at + tagLength : at);
  }
  return at + tagLength + mki.length;
}

function advance(stream: Stream, rollover: number, sequence: number): void {
  if (rollover < stream.rollover || (rollover === stream.rollover && sequence < stream.sequence)) return;
  stream.rollover = rollover;
  stream.sequence = sequence;
}

/** Unprotects what we receive. One for each master key; SSRCs are told apart, the 32 newest are known. */
export class SrtpReceiver {
  readonly #context: SrtpContext;
  readonly #rtcpWindows = new Map<number, ReplayWindow>();

  constructor(master: SrtpMaster, streams: readonly SrtpStream[] = []) {
    this.#context = new SrtpContext(master, streams);
  }

  describe(): readonly SrtpStream[] {
    return this.#context.describe();
  }

  /**
   * Unprotects the SRTP packet in the first `length` octets in place. Gives the length of the RTP packet, or
   * `SRTP_FAILED`, `SRTP_REPLAYED`: then nothing is changed.
   */
  unprotectRtp(packet: Buffer, length: number): number {
    const context = this.#context;
    const end = length - context.rtp.tagLength - context.mki.length;
    const start = srtpHeaderLength(packet, end);
    if (start < 0) return SRTP_FAILED;
    const ssrc = rtpSsrc(packet);
    const sequence = rtpSequence(packet);
    const known = context.streams.get(ssrc);
    const rollover = known === undefined ? 0 : guessRollover(known, sequence);
    const index = rollover * 0x1_0000 + sequence;
    if (rollover < 0 || known?.window.has(index)) return SRTP_REPLAYED;
    context.setRtp(ssrc, rollover, sequence);
    context.extent.start = start;
    context.extent.end = end;
    if (!openRtp(packet, context, length)) return SRTP_FAILED;
    // Only what is authentic may make a stream: a stranger cannot fill the table.
    const stream = known ?? context.add(ssrc, rollover, sequence);
    stream.window.add(index);
    advance(stream, rollover, sequence);
    return end;
  }

  /** The same for SRTCP. */
  unprotectRtcp(packet: Buffer, length: number): number {
    const context = this.#context;
    const { aead, mki } = context;
    const tagLength = context.rtcp.tagLength;
    const end = length - tagLength - mki.length - 4;
    if (end < RTCP_HEADER || packet[0]! >> 6 !== 2) return SRTP_FAILED;
    const wordAt = aead ? end + tagLength : end;
    const word = readUint32(packet, wordAt);
    const index = word & LAST_RTCP_INDEX;
    const ssrc = readUint32(packet, 4);
    if (this.#rtcpWindows.get(ssrc)?.has(index)) return SRTP_REPLAYED;
    context.setRtcp(ssrc, index, word);
    // Without the E flag nothing is encrypted, and all of it is authenticated (RFC 3711 §3.4, RFC 7714 §9.3).
    context.extent.start = word >>> 31 === 1 ? RTCP_HEADER : end;
    context.extent.end = end;
    const copy = Buffer.from(packet.subarray(0, length));
    if (!fitMki(copy, context, aead ? wordAt + 4 : end + 4)) return SRTP_FAILED;
    if (!aead) copy.copyWithin(end, length - tagLength, length);
    if (!context.rtcp.open(copy, context.extent, context.nonce, context.word)) return SRTP_FAILED;
    packet.set(copy.subarray(0, end));
    this.#window(ssrc).add(index);
    return end;
  }

  #window(ssrc: number): ReplayWindow {
    const known = this.#rtcpWindows.get(ssrc);
    if (known) return known;
    const oldest = this.#rtcpWindows.keys().next();
    if (this.#rtcpWindows.size >= MOST_STREAMS && !oldest.done) this.#rtcpWindows.delete(oldest.value);
    const window = new ReplayWindow();
    this.#rtcpWindows.set(ssrc, window);
    return window;
  }
}

function fitMki(packet: Buffer, { mki }: SrtpContext, at: number): boolean {
  for (let i = 0; i < mki.length; i += 1) if (packet[at + i] !== mki[i]) return false;
  return true;
}

function openRtp(packet: Buffer, context: SrtpContext, length: number): boolean {
  const { mki, aead, rtp, extent, nonce, word } = context;
  if (mki.length === 0) return rtp.open(packet, extent, nonce, word);
  if (!fitMki(packet, context, aead ? extent.end + rtp.tagLength : extent.end)) return false;
  if (aead) return rtp.open(packet, extent, nonce, word);
  // The tag lies behind the MKI; bring it to where the transform looks, on a copy so that a forgery changes nothing.
  const copy = Buffer.from(packet.subarray(0, length));
  copy.copyWithin(extent.end, length - rtp.tagLength, length);
  if (!rtp.open(copy, extent, nonce, word)) return false;
  packet.set(copy.subarray(0, extent.end));
  return true;
}
