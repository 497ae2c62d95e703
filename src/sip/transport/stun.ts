import { addressBytes } from '../../net/index.ts';
import type { Address } from './types.ts';

//  RFC 5389 §6
//  0                   1                   2                   3
//  |0 0|     message type          |         message length        |
//  |                         magic cookie                          |
//  |                     transaction id (96 bits)                  |
const headerLength = 20;
const cookie = 0x2112a442;
const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const xorMappedAddress = 0x0020;

/** Whether the bytes begin like a STUN message: no SIP message begins with a byte below 4. */
export const looksLikeStun = (bytes: Buffer): boolean => bytes.length > 0 && (bytes[0] ?? 255) < 4;

/**
 * The answer to a STUN Binding request used as a keep-alive (RFC 5626 §3.5.2, §8): the peer's address as it is seen
 * here. Undefined for anything else.
 */
export const stunAnswer = (bytes: Buffer, remote: Address): Buffer | undefined => {
  if (bytes.length < headerLength || bytes.readUInt32BE(4) !== cookie) return undefined;
  if (bytes.readUInt16BE(0) !== bindingRequest || headerLength + bytes.readUInt16BE(2) !== bytes.length)
    return undefined;
  const address = addressBytes(remote.address);
  if (address === undefined) return undefined;
  const answer = Buffer.alloc(headerLength + 8 + address.length);
  answer.writeUInt16BE(bindingSuccess, 0);
  answer.writeUInt16BE(8 + address.length, 2);
  bytes.copy(answer, 4, 4, headerLength);
  answer.writeUInt16BE(xorMappedAddress, 20);
  answer.writeUInt16BE(4 + address.length, 22);
  answer.writeUInt8(address.length === 4 ? 1 : 2, 25);
  answer.writeUInt16BE(remote.port ^ (cookie >>> 16), 26);
  // The address is XORed with the cookie and, where it is longer, the transaction id: bytes 4 to 19 of the header.
  for (let i = 0; i < address.length; i++) answer[28 + i] = (address[i] ?? 0) ^ (answer[4 + i] ?? 0);
  return answer;
};
