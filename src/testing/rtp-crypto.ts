import { randomBytes } from 'node:crypto';
import {
  parseCrypto,
  printCrypto,
  SRTP_OVERHEAD,
  SRTP_SUITES,
  SrtpReceiver,
  SrtpSender,
  type SdesCrypto,
  type SrtpSuite,
} from '../rtp/index.ts';

/** SDES of one endpoint (RFC 4568): its own key, which it sends with, and the other side's once it is known. */
export class RtpCrypto {
  own: SdesCrypto;
  /** Packets that were not authentic, or came twice. */
  refused = 0;
  readonly #sender: SrtpSender;
  #receiver: SrtpReceiver | undefined;

  constructor(suite: SrtpSuite) {
    const { keyLength, saltLength } = SRTP_SUITES[suite];
    this.own = { tag: 1, suite, key: randomBytes(keyLength), salt: randomBytes(saltLength), parameters: [] };
    this.#sender = new SrtpSender(this.own);
  }

  /** The a=crypto line of the endpoint's SDP. */
  get line(): string {
    return `a=crypto:${printCrypto(this.own)}`;
  }

  /** Takes the other side's key from its SDP: the line with our suite, whose tag an answer must have (§5.1.2). */
  learn(sdp: string): void {
    const lines = [...sdp.matchAll(/^a=crypto:(.*?)\r?$/gm)].map((match) => parseCrypto(match[1] ?? ''));
    const theirs = lines.find((line) => line?.suite === this.own.suite);
    if (theirs === undefined) throw new Error(`no a=crypto with ${this.own.suite} in SDP:\n${sdp}`);
    this.own = { ...this.own, tag: theirs.tag };
    this.#receiver = new SrtpReceiver(theirs);
  }

  protect(packet: Buffer, protocol: 'rtp' | 'rtcp'): Buffer {
    const bytes = Buffer.concat([packet, Buffer.alloc(SRTP_OVERHEAD)]);
    const sender = this.#sender;
    const length =
      protocol === 'rtp' ? sender.protectRtp(bytes, packet.length) : sender.protectRtcp(bytes, packet.length);
    return bytes.subarray(0, length);
  }

  /** The packet in the clear, undefined if it was refused. */
  unprotect(packet: Buffer, protocol: 'rtp' | 'rtcp'): Buffer | undefined {
    const receiver = this.#receiver;
    const length =
      protocol === 'rtp'
        ? receiver?.unprotectRtp(packet, packet.length)
        : receiver?.unprotectRtcp(packet, packet.length);
    if (length !== undefined && length >= 0) return packet.subarray(0, length);
    this.refused += 1;
    return undefined;
  }
}
