import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { readUint32 } from './packet.ts';
/*
 * RFC 8489 §5
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |0 0|     STUN message type     |         message length        |
 * |                         magic cookie                          |
 * |                     transaction id (96 bits)                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         attribute type        |       attribute length        |
 * |                 value, padded to 32 bits ...                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const HEADER = 20;
const COOKIE = 0x2112_a442;
const FINGERPRINT_XOR = 0x5354_554e;
const MOST_ATTRIBUTES = 64;

export const STUN_ATTRIBUTE = Object.freeze({
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  software: 0x8022,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
});

export type StunClass = 'request' | 'indication' | 'success' | 'error';
const CLASSES: readonly StunClass[] = ['request', 'indication', 'success', 'error'];

export type StunAttribute = { readonly type: number; readonly value: Uint8Array };

export type StunMessage = {
  readonly class: StunClass;
  /** 1 is Binding. */
  readonly method: number;
  /** 12 octets. */
  readonly transaction: Uint8Array;
  /** In order; views into the message. What follows MESSAGE-INTEGRITY but is not FINGERPRINT is left out (§14.5). */
  readonly attributes: readonly StunAttribute[];
};

export type TransportAddress = { readonly address: string; readonly port: number };

/** Reads a message; undefined if it is none, its lengths do not add up, or its fingerprint is wrong. */
export function parseStun(bytes: Uint8Array): StunMessage | undefined {
  if (bytes.length < HEADER || bytes[0]! > 0x3f || readUint32(bytes, 4) !== COOKIE) return undefined;
  const type = (bytes[0]! << 8) | bytes[1]!;
  const length = (bytes[2]! << 8) | bytes[3]!;
  if (length % 4 !== 0 || bytes.length !== HEADER + length) return undefined;
  const attributes = parseAttributes(bytes);
  if (attributes === undefined) return undefined;
  return {
    class: CLASSES[((type & 0x100) >> 7) | ((type & 0x10) >> 4)]!,
    method: ((type & 0x3e00) >> 2) | ((type & 0xe0) >> 1) | (type & 0x0f),
    transaction: bytes.subarray(8, HEADER),
    attributes,
  };
}

function parseAttributes(bytes: Uint8Array): StunAttribute[] | undefined {
  const attributes: StunAttribute[] = [];
  let sealed = false;
  let at = HEADER;
  while (at < bytes.length) {
    const type = (bytes[at]! << 8) | bytes[at + 1]!;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const next = at + 4 + ((length + 3) & ~3);
    if (next > bytes.length || attributes.length >= MOST_ATTRIBUTES) return undefined;
    const value = bytes.subarray(at + 4, at + 4 + length);
    if (type === STUN_ATTRIBUTE.fingerprint) {
      // RFC 8489 §14.7: always the last one
      if (length !== 4 || next !== bytes.length || readUint32(value, 0) !== fingerprint(bytes, at))
        return undefined;
    }
    if (!sealed || type === STUN_ATTRIBUTE.fingerprint) attributes.push({ type, value });
    sealed ||= type === STUN_ATTRIBUTE.messageIntegrity;
    at = next;
  }
  return attributes;
}

function fingerprint(bytes: Uint8Array, end: number): number {
  return (crc32(bytes.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0;
}

export function stunAttribute(message: StunMessage, type: number): Uint8Array | undefined {
  return message.attributes.find((attribute) => attribute.type === type)?.value;
}

/** Whether the message in `bytes` carries a MESSAGE-INTEGRITY made with `key` (RFC 8489 §14.5); ICE: the password. */
export function verifyStun(bytes: Uint8Array, key: Uint8Array | string): boolean {
  const message = parseStun(bytes);
  const integrity = message && stunAttribute(message, STUN_ATTRIBUTE.messageIntegrity);
  if (integrity?.length !== 20) return false;
  const at = integrity.byteOffset - bytes.byteOffset - 4;
  return timingSafeEqual(integrity, integrityOf(bytes, at, key));
}

/** The length in the header counts up to and with MESSAGE-INTEGRITY, whatever follows. */
function integrityOf(bytes: Uint8Array, at: number, key: Uint8Array | string): Buffer {
  const head = Buffer.from(bytes.subarray(0, at));
  head.writeUInt16BE(at + 24 - HEADER, 2);
  return createHmac('sha1', key).update(head).digest();
}

/** The address in an XOR-MAPPED-ADDRESS, undefined if there is none that can be read (RFC 8489 §14.2). */
export function stunMappedAddress(message: StunMessage): TransportAddress | undefined {
  const value = stunAttribute(message, STUN_ATTRIBUTE.xorMappedAddress);
  const size = value?.[1] === 1 ? 4 : value?.[1] === 2 ? 16 : 0;
  if (value === undefined || size === 0 || value.length !== 4 + size) return undefined;
  const mask = addressMask(message.transaction);
  const octets = Array.from({ length: size }, (_, i) => value[4 + i]! ^ mask[i]!);
  const port = ((value[2]! << 8) | value[3]!) ^ (COOKIE >>> 16);
  if (size === 4) return { address: octets.join('.'), port };
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16),
  );
  return { address: groups.join(':'), port };
}

function addressMask(transaction: Uint8Array): Buffer {
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(COOKIE, 0);
  mask.set(transaction, 4);
  return mask;
}

/** An XOR-MAPPED-ADDRESS of `octets` (4 or 16) and `port`. */
export function xorMappedAddress(transaction: Uint8Array, octets: Uint8Array, port: number): StunAttribute {
  const value = Buffer.alloc(4 + octets.length);
  const mask = addressMask(transaction);
  value[1] = octets.length === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  for (let i = 0; i < octets.length; i += 1) value[4 + i] = octets[i]! ^ mask[i]!;
  return { type: STUN_ATTRIBUTE.xorMappedAddress, value };
}

/**
 * Prints a message; with `key` it ends in MESSAGE-INTEGRITY, and always in FINGERPRINT. Attributes of those two types
 * in the message are not printed.
 */
export function printStun(message: StunMessage, key?: Uint8Array | string): Buffer {
  const own: readonly number[] = [STUN_ATTRIBUTE.messageIntegrity, STUN_ATTRIBUTE.fingerprint];
  const parts = message.attributes.filter(({ type }) => !own.includes(type)).map(printAttribute);
  const head = Buffer.alloc(HEADER);
  const bits = CLASSES.indexOf(message.class);
  const { method } = message;
  head.writeUInt16BE(
    ((method & 0xf80) << 2) |
      ((method & 0x70) << 1) |
      (method & 0x0f) |
      ((bits & 2) << 7) |
      ((bits & 1) << 4),
  );
  head.writeUInt32BE(COOKIE, 4);
  head.set(message.transaction, 8);
  let bytes = Buffer.concat([head, ...parts]);
  if (key !== undefined) {
    const value = integrityOf(bytes, bytes.length, key);
    bytes = Buffer.concat([bytes, printAttribute({ type: STUN_ATTRIBUTE.messageIntegrity, value })]);
  }
  bytes.writeUInt16BE(bytes.length + 8 - HEADER, 2);
  const value = Buffer.alloc(4);
  value.writeUInt32BE(fingerprint(bytes, bytes.length));
  return Buffer.concat([bytes, printAttribute({ type: STUN_ATTRIBUTE.fingerprint, value })]);
}

function printAttribute({ type, value }: StunAttribute): Buffer {
  const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
}
