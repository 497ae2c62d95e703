import { headerKey, isToken, knownName, type HeaderField } from '../sip/index.ts';

type Common = { readonly headers: readonly HeaderField[]; readonly body: Buffer };

/** A SIP message as an application writes it: a draft whose dialog headers the engine fills in. */
export type AppMessage =
  | (Common & { readonly kind: 'request'; readonly method: string; readonly uri: string })
  | (Common & { readonly kind: 'response'; readonly status: number; readonly reason: string });

const BREAK = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

const LF = 0x0a;
const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** Where the line ends that begins at `from`: any CR or LF ends it. */
const endOfLine = (text: string, from: number): number => {
  const feed = text.indexOf('\n', from);
  const end = text.indexOf('\r', from);
  if (feed < 0 || end < 0) return Math.max(feed, end) < 0 ? text.length : Math.max(feed, end);
  return Math.min(feed, end);
};

/** Lines without a colon and names that are no token are dropped, as drachtio-server does; known names spelled as usual. */
const parseHeaders = (text: string, start: number): HeaderField[] => {
  const headers: HeaderField[] = [];
  for (let at = start; at < text.length;) {
    const end = endOfLine(text, at);
    const colon = text.indexOf(':', at);
    // A line that begins with a blank goes on with the one before, and is no header of its own.
    if (colon > at && colon < end && !isBlank(text.charCodeAt(at))) {
      const known = knownName(text, at, colon);
      const name = known ?? text.slice(at, colon).trim();
      if (known !== undefined || isToken(name))
        headers.push({ name, value: text.slice(colon + 1, end).trim() });
    }
    at = text.charCodeAt(end + 1) === LF ? end + 2 : end + 1;
  }
  return headers;
};

type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string };

const parseStartLine = (line: string): StartLine | string => {
  if (line.startsWith('SIP/')) {
    const match = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/.exec(line);
    if (match === null) return `invalid status line: ${line}`;
    return { kind: 'response', status: Number(match[1]), reason: match[2] ?? '' };
  }
  const [method = '', uri = '', version] = line.split(' ');
  if (!isToken(method) || uri === '' || version !== 'SIP/2.0') return `invalid request-uri: ${line}`;
  return { kind: 'request', method: method.toUpperCase(), uri };
};

/**
 * Reads what an application sent behind a leader: start line, header lines, an empty line, and all the rest as the
 * body (its Content-Length counts characters and is not believed). A string says what is wrong.
 */
export const parseAppMessage = (sip: Buffer): AppMessage | string => {
  const end = sip.indexOf(BREAK);
  const head = sip.toString('utf8', 0, end < 0 ? sip.length : end);
  const lineEnd = endOfLine(head, 0);
  const start = parseStartLine(head.slice(0, lineEnd));
  if (typeof start === 'string') return start;
  // The frame shares memory with a socket read; a body may be kept for the life of a dialog.
  const body = end < 0 || end + 4 >= sip.length ? EMPTY : Buffer.from(sip.subarray(end + 4));
  return { ...start, headers: parseHeaders(head, lineEnd + 1), body };
};

/** The first value of a header that the application gave. */
export const given = (message: Common, name: string): string | undefined =>
  message.headers.find((field) => headerKey(field.name) === name)?.value;
