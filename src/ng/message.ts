import { decodeBencode, encodeBencode } from './bencode.ts';
import type { NgDictionary } from './value.ts';

export type NgEncoding = 'bencode' | 'json';

/** `cookie dictionary`, or the reason why the dictionary could not be read. */
export type NgMessage = {
  readonly cookie: string;
  readonly encoding: NgEncoding;
  /** The dictionary as it came, part of the datagram. */
  readonly text: Uint8Array;
  readonly body: NgDictionary | undefined;
  /** rtpengine's words for what is wrong with the body; empty when there is one. */
  readonly problem: string;
};

const SPACE = 0x20;
const LONGEST_COOKIE = 255;

/** Reads one datagram; undefined where there is no cookie, which gets no answer at all. */
export function parseNgMessage(datagram: Uint8Array): NgMessage | undefined {
  const space = datagram.indexOf(SPACE);
  if (space < 1 || space > LONGEST_COOKIE) return undefined;
  const cookie = Buffer.from(datagram.buffer, datagram.byteOffset, space).toString('latin1');
  const text = datagram.subarray(space + 1);
  if (text[0] === 0x64) {
    const decoded = decodeBencode(text)?.value;
    const body = decoded as NgDictionary | undefined;
    const problem = body === undefined ? 'Could not decode bencode dictionary' : '';
    return { cookie, encoding: 'bencode', text, body, problem };
  }
  if (text[0] === 0x7b) {
    const body = parseJson(text);
    const problem = body === undefined ? 'Could not decode JSON dictionary' : '';
    return { cookie, encoding: 'json', text, body, problem };
  }
  return { cookie, encoding: 'bencode', text, body: undefined, problem: 'Invalid NG data format' };
}

function parseJson(text: Uint8Array): NgDictionary | undefined {
  try {
    return JSON.parse(Buffer.from(text).toString('utf8')) as NgDictionary;
  } catch {
    return undefined;
  }
}

/** Writes `cookie dictionary`. Octets in JSON go as base64. A body of octets is a dictionary that was encoded (bencode). */
export function printNgMessage(
  cookie: string,
  encoding: NgEncoding,
  body: NgDictionary | Uint8Array,
): Buffer {
  const before = `${cookie} `;
  if (encoding === 'json')
    return Buffer.concat([latin1(before), Buffer.from(JSON.stringify(bodyOf(body), plain))]);
  if (body instanceof Uint8Array) return Buffer.concat([latin1(before), body]);
  // A cookie is whatever octets the client chose, and comes back as it was.
  if (Buffer.byteLength(before) === before.length) return encodeBencode(body, before);
  return Buffer.concat([latin1(before), encodeBencode(body)]);
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

const bodyOf = (body: NgDictionary | Uint8Array) =>
  body instanceof Uint8Array ? decodeBencode(body)?.value : body;

const plain = (_key: string, value: unknown) =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
