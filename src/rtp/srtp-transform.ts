import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type Cipheriv,
  type KeyObject,
} from 'node:crypto';
import { readUint32, writeUint32 } from './packet.ts';
import { SRTP_SUITES, type SrtpSessionKeys, type SrtpSuite } from './srtp-suite.ts';

/** Which part of a packet is meant: octets [0, start) are read by both ends, [start, end) are encrypted. */
export type SrtpExtent = { start: number; end: number };

/** Octets that are authenticated but lie elsewhere: ROC for RTP, E flag and index for RTCP. */
export type SrtpNonce = {
  ssrc: number;
  /** Upper and lower part of the packet index: ROC and sequence number, or zero and the SRTCP index. */
  upper: number;
  lower: number;
  rtcp: boolean;
};

/** Encrypts and authenticates in place; the tag goes to, or is read from, `end` on. */
export interface SrtpTransform {
  readonly tagLength: number;
  seal(packet: Buffer, extent: Readonly<SrtpExtent>, nonce: Readonly<SrtpNonce>, word: Buffer): void;
  /** False, and the packet as it was, if the tag does not fit. */
  open(packet: Buffer, extent: Readonly<SrtpExtent>, nonce: Readonly<SrtpNonce>, word: Buffer): boolean;
}

export function srtpTransform(
  suite: SrtpSuite,
  keys: SrtpSessionKeys,
  protocol: 'rtp' | 'rtcp',
): SrtpTransform {
  const { aead, rtpTag, rtcpTag } = SRTP_SUITES[suite];
  return aead ? new Gcm(keys) : new CounterMode(keys, protocol === 'rtp' ? rtpTag : rtcpTag);
}

const BLOCK = 16;
const MOST_BLOCKS = 128;

/** AES in counter mode (RFC 3711 §4.1.1) and HMAC-SHA1 (§4.2.1). */
class CounterMode implements SrtpTransform {
  readonly tagLength: number;
  readonly #auth: KeyObject;
  readonly #salt: Buffer;
  /** One AES for the life of the stream: counter blocks in, keystream out. */
  readonly #aes: Cipheriv;
  readonly #blocks = Buffer.alloc(BLOCK * MOST_BLOCKS);
  readonly #iv = Buffer.alloc(BLOCK);

  constructor(keys: SrtpSessionKeys, tagLength: number) {
    this.tagLength = tagLength;
    this.#auth = createSecretKey(keys.auth);
    this.#salt = keys.salt;
    this.#aes = createCipheriv(keys.cipher.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb', keys.cipher, null);
    this.#aes.setAutoPadding(false);
  }

  seal(packet: Buffer, extent: Readonly<SrtpExtent>, nonce: Readonly<SrtpNonce>, word: Buffer): void {
    this.#crypt(packet, extent, nonce);
    const tag = this.#tag(packet, extent.end, word);
    for (let i = 0; i < this.tagLength; i += 1) packet[extent.end + i] = tag[i]!;
  }

  open(packet: Buffer, extent: Readonly<SrtpExtent>, nonce: Readonly<SrtpNonce>, word: Buffer): boolean {
    const tag = this.#tag(packet, extent.end, word);
    let difference = 0;
    for (let i = 0; i < this.tagLength; i += 1) difference |= packet[extent.end + i]! ^ tag[i]!;
    if (difference !== 0) return false;
    this.#crypt(packet, extent, nonce);
    return true;
  }

  #tag(packet: Buffer, end: number, word: Buffer): Buffer {
    return createHmac('sha1', this.#auth).update(packet.subarray(0, end)).update(word).digest();
  }

  #crypt(packet: Buffer, { start, end }: Readonly<SrtpExtent>, nonce: Readonly<SrtpNonce>): void {
    this.#setIv(nonce);
    for (let at = start, block = 0; at < end; at += BLOCK * MOST_BLOCKS, block += MOST_BLOCKS) {
      const length = Math.min(end - at, BLOCK * MOST_BLOCKS);
      const count = Math.ceil(length / BLOCK);
      for (let i = 0; i < count; i += 1) {
        this.#iv.copy(this.#blocks, i * BLOCK);
        this.#blocks[i * BLOCK + 14] = (block + i) >> 8;
        this.#blocks[i * BLOCK + 15] = (block + i) & 0xff;
      }
      const stream = this.#aes.update(this.#blocks.subarray(0, count * BLOCK));
      for (let i = 0; i < length; i += 1) packet[at + i]! ^= stream[i]!;
    }
  }

  /** IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16) */
  #setIv({ ssrc, upper, lower, rtcp }: Readonly<SrtpNonce>): void {
    const iv = this.#iv;
    this.#salt.copy(iv);
    xorUint32(iv, 4, ssrc);
    if (rtcp) return xorUint32(iv, 10, lower);
    xorUint32(iv, 8, upper);
    iv[12]! ^= lower >> 8;
    iv[13]! ^= lower & 0xff;
  }
}

/** AES in Galois counter mode (RFC 7714); the AEAD needs a new cipher for each packet. */
class Gcm implements SrtpTransform {
  readonly tagLength = 16;
  readonly #key: KeyObject;
  readonly #name: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #salt: Buffer;
  readonly #iv = Buffer.alloc(12);

  constructor(keys: SrtpSessionKeys) {
    this.#key = createSecretKey(keys.cipher);
    this.#name = keys.cipher.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
    this.#salt = keys.salt;
  }

  seal(packet: Buffer, { start, end }: Readonly<SrtpExtent>, nonce: Readonly<SrtpNonce>, word: Buffer): void {
    this.#setIv(nonce);
    const cipher = createCipheriv(this.#name, this.#key, this.#iv);
    cipher.setAAD(this.#associated(packet, start, nonce, word));
    packet.set(cipher.update(packet.subarray(start, end)), start);
    cipher.final();
    packet.set(cipher.getAuthTag(), end);
  }

  open(
    packet: Buffer,
    { start, end }: Readonly<SrtpExtent>,
    nonce: Readonly<SrtpNonce>,
    word: Buffer,
  ): boolean {
    this.#setIv(nonce);
    const decipher = createDecipheriv(this.#name, this.#key, this.#iv, { authTagLength: 16 });
    decipher.setAAD(this.#associated(packet, start, nonce, word));
    decipher.setAuthTag(packet.subarray(end, end + 16));
    const plain = decipher.update(packet.subarray(start, end));
    try {
      decipher.final();
    } catch {
      return false;
    }
    packet.set(plain, start);
    return true;
  }

  /** RFC 7714 §8.2, §9.3: for RTP the header alone, for RTCP also the word with the index. */
  #associated(packet: Buffer, start: number, { rtcp }: Readonly<SrtpNonce>, word: Buffer): Buffer {
    const header = packet.subarray(0, start);
    return rtcp ? Buffer.concat([header, word]) : header;
  }

  /** RFC 7714 §8.1, §9.1 */
  #setIv({ ssrc, upper, lower, rtcp }: Readonly<SrtpNonce>): void {
    const iv = this.#iv;
    this.#salt.copy(iv);
    xorUint32(iv, 2, ssrc);
    if (rtcp) return xorUint32(iv, 8, lower);
    xorUint32(iv, 6, upper);
    iv[10]! ^= lower >> 8;
    iv[11]! ^= lower & 0xff;
  }
}

function xorUint32(bytes: Buffer, at: number, value: number): void {
  writeUint32(bytes, at, readUint32(bytes, at) ^ value);
}
