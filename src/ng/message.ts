import { decodeBencode, encodeBencode } from './bencode.ts';
import type { NgDictionary } from './value.ts';

export type NgEncoding = 'bencode' | 'json';

/** `cookie dictionary`, or the reason why the dictionary could not be read. */
export type NgMessage = {
  readonly cookie: string;
  readonly encoding: NgEncoding;
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
    return message(cookie, 'bencode', body, 'Could not decode bencode dictionary');
  }
  if (text[0] === 0x7b) return message(cookie, 'json', parseJson(text), 'Could not decode JSON dictionary');
  return message(cookie, 'bencode', undefined, 'Invalid NG data format');
}

const message = (cookie: string, encoding: NgEncoding, body: NgDictionary | undefined, problem: string) => ({
  cookie,
  encoding,
  body,
  problem: body === undefined ? problem : '',
});

function parseJson(text: Uint8Array): NgDictionary | undefined {
  try {
    return JSON.parse(Buffer.from(text).toString('utf8')) as NgDictionary;
  } catch {
    return undefined;
  }
}

/** Writes `cookie dictionary`. Octets in JSON go as base64. */
export function printNgMessage(cookie: string, encoding: NgEncoding, body: NgDictionary): Buffer {
  const before = `${cookie} `;
  // A cookie is whatever octets the client chose, and comes back as it was.
  if (encoding === 'bencode' && Buffer.byteLength(before) === before.length)
    return encodeBencode(body, before);
  const text = encoding === 'json' ? Buffer.from(JSON.stringify(body, plain)) : encodeBencode(body);
  return Buffer.concat([Buffer.from(before, 'latin1'), text]);
}

const plain = (_key: string, value: unknown) =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
