import type { Random } from '../../base/index.ts';
import {
  parseCrypto,
  printCrypto,
  SRTP_OVERHEAD,
  SRTP_SUITES,
  SrtpReceiver,
  SrtpSender,
  type SdesCrypto,
  type SrtpSuite,
} from '../../rtp/index.ts';

/** In the order in which they are offered: what every phone has first would win always, so the stronger ones lead. */
const OFFERED: readonly SrtpSuite[] = [
  'AEAD_AES_256_GCM',
  'AEAD_AES_128_GCM',
  'AES_256_CM_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
];
/** Packets that may be on their way to the operating system at once. */
const SLOTS = 16;
const LARGEST_PACKET = 2048;
const MOST_MKI = 128;

const sameKey = (a: SdesCrypto, b: SdesCrypto) =>
  a.suite === b.suite &&
  Buffer.compare(a.key, b.key) === 0 &&
  Buffer.compare(a.salt, b.salt) === 0 &&
  Buffer.compare(a.mki ?? Buffer.alloc(0), b.mki ?? Buffer.alloc(0)) === 0;

/**
 * SRTP towards one party by SDES (RFC 4568): the keys it was told, the keys it told, and the two contexts. A key once
 * given to a party stays its key for the whole call, so that no renegotiation of the other side ever rekeys it.
 */
export class Security {
  readonly #random: Random;
  readonly #own = new Map<string, SdesCrypto>();
  #chosen: SdesCrypto | undefined;
  #theirs: SdesCrypto | undefined;
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;
  #slot = 0;
  readonly #slots: Buffer[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get suite(): SrtpSuite | undefined {
    return this.#chosen?.suite;
  }

  /** The a=crypto values to offer a party; `excludes` tells which suites were ruled out. */
  offer(excludes: (suite: string) => boolean): string[] {
    if (this.#chosen !== undefined) return [printCrypto(this.#chosen)];
    return OFFERED.filter((suite) => !excludes(suite)).map((suite, i) =>
      printCrypto(this.#key(suite, i + 1)),
    );
  }

  /** Takes a party's a=crypto values from its offer and gives the one to answer with; undefined if none will do. */
  answer(values: readonly string[], excludes: (suite: string) => boolean): string | undefined {
    const offered = values.map(parseCrypto).filter((c) => c !== undefined);
    const kept = offered.find((c) => this.#theirs !== undefined && sameKey(c, this.#theirs));
    const theirs = kept ?? offered.find((c) => !excludes(c.suite));
    if (theirs === undefined) return undefined;
    const own = { ...this.#key(theirs.suite, theirs.tag), tag: theirs.tag };
    this.#use(own, theirs);
    return printCrypto(own);
  }

  /** Takes the a=crypto value of a party's answer to what `offer` gave; false if it is no answer to it. */
  accept(values: readonly string[]): boolean {
    const theirs = values.map(parseCrypto).find((c) => c !== undefined);
    const own = [...this.#own.values()].find((c) => c.tag === theirs?.tag && c.suite === theirs.suite);
    if (theirs === undefined || own === undefined) return false;
    this.#use(own, theirs);
    return true;
  }

  #key(suite: SrtpSuite, tag: number): SdesCrypto {
    const known = this.#own.get(suite);
    if (known !== undefined) return known;
    const { keyLength, saltLength } = SRTP_SUITES[suite];
    const key = Buffer.from(this.#random.hex(keyLength), 'hex');
    const salt = Buffer.from(this.#random.hex(saltLength), 'hex');
    const made: SdesCrypto = { tag, suite, key, salt, parameters: [] };
    this.#own.set(suite, made);
    return made;
  }

  #use(own: SdesCrypto, theirs: SdesCrypto): void {
    if (this.#chosen === undefined || !sameKey(this.#chosen, own)) this.#sender = new SrtpSender(own);
    if (this.#theirs === undefined || !sameKey(this.#theirs, theirs))
      this.#receiver = new SrtpReceiver(theirs);
    this.#chosen = own;
    this.#theirs = theirs;
  }

  /** The packet inside, as a view of the same octets; undefined if it is not authentic. */
  unprotect(packet: Buffer, rtcp: boolean): Buffer | undefined {
    const receiver = this.#receiver;
    if (receiver === undefined) return undefined;
    const length = rtcp
      ? receiver.unprotectRtcp(packet, packet.length)
      : receiver.unprotectRtp(packet, packet.length);
    return length < 0 ? undefined : packet.subarray(0, length);
  }

  /** A protected copy, good until a handful more have been made; undefined while there is no key. */
  protect(packet: Buffer, rtcp: boolean): Buffer | undefined {
    const sender = this.#sender;
    if (sender === undefined || packet.length > LARGEST_PACKET - SRTP_OVERHEAD - MOST_MKI) return undefined;
    const slot = (this.#slots[this.#slot] ??= Buffer.allocUnsafeSlow(LARGEST_PACKET));
    this.#slot = (this.#slot + 1) % SLOTS;
    packet.copy(slot);
    const length = rtcp ? sender.protectRtcp(slot, packet.length) : sender.protectRtp(slot, packet.length);
    return length < 0 ? undefined : slot.subarray(0, length);
  }
}
