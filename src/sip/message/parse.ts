import { parseNameAddress } from './address.ts';
import { HeaderTable } from './headers.ts';
import { defaultMessageLimits, type MessageLimits } from './limits.ts';
import {
  callId,
  createResponse,
  cseq,
  from,
  noBody,
  Request,
  Response,
  setToTag,
  to,
  topVia,
} from './message.ts';
import { canonicalName, isToken, keyOfSpelling, knownSpelling, spellingOf, wireHeaderKey } from './names.ts';
import { isBlank, trimBlanks } from './split.ts';
import { reasonPhrase } from './status.ts';
import type { Headers, ParseFailure, ParseResult } from './types.ts';
import { uriScheme } from './uri.ts';
import { printVia, salvageVia } from './via.ts';

/** What is wrong with a message, and the status that a request with that fault is answered with. */
export type Fault = { readonly status: number; readonly reason: string };

const bad = (reason: string): Fault => ({ status: 400, reason });

type RequestLine = {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  readonly fault?: Fault;
};
type StatusLine = { readonly kind: 'response'; readonly status: number; readonly reason: string };

/** Methods are compared and looked up all the time: one string each does for all messages. */
const methods = new Map(
  'INVITE ACK BYE CANCEL REGISTER OPTIONS INFO MESSAGE NOTIFY PRACK PUBLISH REFER SUBSCRIBE UPDATE'
    .split(' ')
    .map((method) => [method, method]),
);
const methodOf = (text: string): string => methods.get(text) ?? text;

const versionShape = /^SIP\/[0-9]+\.[0-9]+$/i;
const SLASH = 0x2f;
const statusShape = /^SIP\/2\.0 ([1-6][0-9][0-9])(?: (.*))?$/i;

const parseRequestLine = (line: string): RequestLine | undefined => {
  const trimmed = trimBlanks(line);
  const first = trimmed.indexOf(' ');
  const last = trimmed.lastIndexOf(' ');
  const method = methodOf(trimmed.slice(0, Math.max(0, first)));
  const version = trimmed.slice(last + 1);
  if (first <= 0 || first === last || !isToken(method)) return undefined;
  if (version !== 'SIP/2.0' && !versionShape.test(version)) return undefined;
  const uri = trimmed.slice(first + 1, last);
  const read = { kind: 'request', method, uri } as const;
  if (version.slice(4) !== '2.0') return { ...read, fault: { status: 505, reason: reasonPhrase(505) } };
  // RFC 3261 §7.1: exactly one SP between the elements, and none after them.
  if (trimmed.length !== line.length || uri.includes(' '))
    return { ...read, fault: bad('Malformed Request-Line') };
  return read;
};

const parseStartLine = (line: string): RequestLine | StatusLine | undefined => {
  // No method has a slash in it.
  if (line.charCodeAt(3) !== SLASH || !/^SIP\//i.test(line)) return parseRequestLine(line);
  const match = statusShape.exec(line);
  return match === null ? undefined : { kind: 'response', status: Number(match[1]), reason: match[2] ?? '' };
};

/** RFC 3261 §7.3.1: a line that begins with a blank goes on with the one before; the fold counts as one blank. */
const unfold = (text: string): string =>
  text
    .split('\r\n')
    .map(trimBlanks)
    .filter((line) => line !== '')
    .join(' ');

type HeaderLines = {
  readonly headers: HeaderTable;
  /** Bits of `single`: those that stand there more than once. */
  readonly repeated: number;
  /** A value goes over several lines. */
  readonly folded: boolean;
  readonly fault: Fault | undefined;
};

/** Headers that may stand in a message once. */
const single = ['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-length', 'content-type'];
const singleBits: ReadonlyMap<string, number> = new Map(single.map((key, i) => [key, 1 << i]));

/** Where the field that begins at `position` ends, folded lines included; -1 at a CR or LF that stands alone. */
const endOfField = (text: string, position: number): number => {
  let from = position;
  for (;;) {
    const end = text.indexOf('\r', from);
    const feed = text.indexOf('\n', from);
    if (end < 0 && feed < 0) return text.length;
    if (feed !== end + 1 || end < 0) return -1;
    if (!isBlank(text.charCodeAt(end + 2))) return end;
    from = end + 2;
  }
};

/** An unusual spelling: what stands in front of the colon, if that is in this line. */
const nameBetween = (text: string, start: number, colon: number, end: number): string =>
  colon < 0 || colon > end ? '' : trimBlanks(text.slice(start, colon));

const repeatedOf = (keys: readonly string[]): number => {
  let seen = 0;
  let repeated = 0;
  for (const key of keys) {
    const bit = singleBits.get(key) ?? 0;
    repeated |= seen & bit;
    seen |= bit;
  }
  return repeated;
};

/** Splits the header block from `start` on into fields. A line that is no field is left out and noted as the fault. */
const parseFields = (text: string, start: number, limits: MessageLimits): HeaderLines => {
  const keys: string[] = [];
  const names: string[] = [];
  const values: string[] = [];
  let fault: Fault | undefined;
  let folded = false;
  for (let position = start; position < text.length;) {
    const end = endOfField(text, position);
    if (end < 0) {
      fault ??= bad('Bare CR or LF');
      break;
    }
    const colon = text.indexOf(':', position);
    const known = knownSpelling(text, position, colon);
    const name = known < 0 ? nameBetween(text, position, colon, end) : spellingOf(known);
    const key = known < 0 ? wireHeaderKey(name) : keyOfSpelling(known);
    if (key === undefined) fault ??= bad('Malformed header field');
    else if (keys.length >= limits.headerFields) {
      fault ??= { status: 513, reason: 'Too many header fields' };
      break;
    } else {
      const value = trimBlanks(text.slice(colon + 1, end));
      keys.push(key);
      names.push(name);
      const isFolded = value.includes('\r');
      folded ||= isFolded;
      values.push(isFolded ? unfold(value) : value);
    }
    position = end + 2;
  }
  const repeated = repeatedOf(keys);
  const headers = new HeaderTable(keys, names, values);
  return { headers, repeated, folded, fault };
};

const faultOfContacts = (headers: HeaderTable): Fault | undefined => {
  if (!headers.has('contact')) return undefined;
  const values = headers.list('contact');
  return values.every((v) => v === '*' || parseNameAddress(v) !== undefined)
    ? undefined
    : bad('Malformed Contact header field');
};

const required: readonly (readonly [string, (message: Request | Response) => boolean])[] = [
  ['Via', (m) => topVia(m) !== undefined],
  ['From', (m) => from(m) !== undefined],
  ['To', (m) => to(m) !== undefined],
  ['Call-ID', (m) => callId(m) !== '' && !callId(m).includes(' ')],
  ['CSeq', (m) => cseq(m) !== undefined],
];

/** RFC 3261 §8.1.1 and §20: what every message must have, once and well-formed. */
const faultOfHeaders = (message: Request | Response, repeated: number): Fault | undefined => {
  const { headers } = message;
  if (repeated !== 0) {
    const first = canonicalName(single.find((_, i) => (repeated & (1 << i)) !== 0) ?? '');
    return bad(`More than one ${first} header field`);
  }
  for (const [name, wellFormed] of required) {
    if (wellFormed(message)) continue;
    return bad(`${headers.has(name) ? 'Malformed' : 'Missing'} ${name} header field`);
  }
  if (message.kind === 'response') return undefined;
  if (cseq(message)?.method !== message.method) return bad('CSeq method does not match the Request-Line');
  return faultOfContacts(headers);
};

const faultOfUri = (request: Request): Fault | undefined => {
  if (request.parsedUri !== undefined) return undefined;
  const scheme = uriScheme(request.uri);
  if (scheme === undefined) return bad('Malformed Request-URI');
  // Another scheme is a matter for the user agent: 416 (RFC 3261 §8.2.2.1).
  if (scheme !== 'sip' && scheme !== 'sips' && scheme !== 'tel') return undefined;
  return bad('Malformed Request-URI');
};

/** A tag that is the same for the same request, as a stateless answer needs (RFC 3261 §8.2.7). */
const statelessTag = (headers: Headers): string => {
  let hash = 0x811c9dc5;
  const text = `${headers.get('call-id') ?? ''} ${headers.get('via') ?? ''} ${headers.get('cseq') ?? ''}`;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
};

const failure = (message: Request | Response | undefined, fault: Fault): ParseFailure => {
  const { reason } = fault;
  // RFC 3261 §17.1.1.3: nothing answers an ACK; RFC 4475 §3.1.2.5: a malformed response is dropped.
  if (message?.kind !== 'request' || message.method === 'ACK') return { reason };
  const [top = '', ...others] = message.headers.list('via');
  const via = salvageVia(top);
  if (via === undefined) return { reason };
  const response = createResponse(message, fault.status, reason);
  if (topVia(message) === undefined) response.headers.set('Via', [printVia(via), ...others]);
  setToTag(response, statelessTag(message.headers));
  return { reason, response };
};

const failed = (fault: Fault, message?: Request | Response): ParseResult => ({
  ok: false,
  failure: failure(message, fault),
});

const blankLine = Buffer.from('\r\n\r\n');

/** RFC 3261 §7.5: empty lines ahead of the start line are passed over. */
const skipBlankLines = (bytes: Buffer): number => {
  let start = 0;
  while (bytes[start] === 0x0d && bytes[start + 1] === 0x0a) start += 2;
  return start;
};

type Frame = { readonly start: number; readonly headEnd: number; readonly bodyStart: number };

const frameOf = (bytes: Buffer): Frame => {
  const start = skipBlankLines(bytes);
  const end = bytes.indexOf(blankLine, start);
  // A datagram that ends with its last header field is taken for one without a body.
  return end < 0
    ? { start, headEnd: bytes.length, bodyStart: bytes.length }
    : { start, headEnd: end, bodyStart: end + 4 };
};

type Sized = { readonly end: number; readonly counted: boolean; readonly fault?: Fault };

/** RFC 3261 §18.3: what follows Content-Length octets is dropped; a datagram without one is all body. */
const sizeOf = (headers: HeaderTable, frame: Frame, length: number): Sized => {
  const written = headers.get('content-length');
  if (written === undefined) return { end: length, counted: false };
  const count = /^[0-9]{1,10}$/.test(written) ? Number(written) : -1;
  if (count < 0) return { end: length, counted: false, fault: bad('Malformed Content-Length') };
  const end = frame.bodyStart + count;
  if (end > length)
    return { end: length, counted: false, fault: bad('Content-Length is larger than the body') };
  return { end, counted: true };
};

type Head = {
  readonly line: RequestLine | StatusLine;
  readonly fields: HeaderLines;
  readonly oversized: boolean;
};

const readHead = (bytes: Buffer, frame: Frame, limits: MessageLimits): Head | Fault => {
  const oversized = frame.headEnd - frame.start > limits.headerBytes;
  const headEnd = oversized ? frame.start + limits.headerBytes : frame.headEnd;
  const head = bytes.toString('utf8', frame.start, headEnd);
  const lineEnd = head.indexOf('\r\n');
  if (lineEnd < 0) return bad('No header fields');
  const line = parseStartLine(head.slice(0, lineEnd));
  if (line === undefined) return bad('Malformed start line');
  const block = head.endsWith('\r\n') ? head.slice(0, -2) : head;
  return { line, fields: parseFields(block, lineEnd + 2, limits), oversized };
};

const faultOf = (head: Head, message: Request | Response, tooLong: boolean): Fault | undefined => {
  if (head.oversized || tooLong) return { status: 513, reason: reasonPhrase(513) };
  const lineFault = head.line.kind === 'request' ? head.line.fault : undefined;
  return (
    lineFault ??
    head.fields.fault ??
    faultOfHeaders(message, head.fields.repeated) ??
    (message.kind === 'request' ? faultOfUri(message) : undefined)
  );
};

const assemble = (head: Head, body: Buffer, wire: Buffer | undefined): Request | Response => {
  const { line } = head;
  const { headers } = head.fields;
  return line.kind === 'request'
    ? new Request(line, headers, body, wire)
    : new Response(line, headers, body, wire);
};

/**
 * Reads one message from a datagram, a WebSocket message or a frame of `StreamFramer`. It keeps views into the bytes,
 * which must not be written to afterwards. Never throws (RFC 3261 §7, §16.3, §18.3; RFC 4475 says what is refused how).
 */
export const parseMessage = (datagram: Buffer, limits: MessageLimits = defaultMessageLimits): ParseResult => {
  const frame = frameOf(datagram);
  const head = readHead(datagram, frame, limits);
  if ('reason' in head) return failed(head);
  const size = sizeOf(head.fields.headers, frame, datagram.length);
  const body = size.end > frame.bodyStart ? datagram.subarray(frame.bodyStart, size.end) : noBody;
  // Who gets the bytes as they came need not know of folding: a header could be smuggled in by it.
  const asItCame = size.counted && !head.fields.folded;
  const wire = asItCame ? datagram.subarray(frame.start, size.end) : undefined;
  const message = assemble(head, body, wire);
  const fault = faultOf(head, message, size.end - frame.start > limits.messageBytes) ?? size.fault;
  return fault === undefined ? { ok: true, message } : failed(fault, message);
};

/** Why bytes that begin with a message's header fields are turned down, with the answer to it where one may be sent. */
export const refuse = (bytes: Buffer, fault: Fault, limits: MessageLimits): ParseFailure => {
  const head = readHead(bytes, frameOf(bytes), limits);
  return 'reason' in head ? failure(undefined, fault) : failure(assemble(head, noBody, undefined), fault);
};

/**
 * Reads header lines alone, `Name: value` CRLF each, as they stand in front of a message's empty line. Undefined when a
 * line is no header field.
 */
export const parseHeaders = (
  text: string,
  limits: MessageLimits = defaultMessageLimits,
): Headers | undefined => {
  const block = text.endsWith('\r\n') ? text.slice(0, -2) : text;
  const { headers, fault } = parseFields(block, 0, limits);
  return fault === undefined ? headers : undefined;
};
