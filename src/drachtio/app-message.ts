import { isToken, type HeaderField } from '../sip/index.ts';

type Common = { readonly headers: readonly HeaderField[]; readonly body: Buffer };

/** A SIP message as an application writes it: a draft whose dialog headers the engine fills in. */
export type AppMessage =
  | (Common & { readonly kind: 'request'; readonly method: string; readonly uri: string })
  | (Common & { readonly kind: 'response'; readonly status: number; readonly reason: string });

const BREAK = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

/** Lines without a colon and names that are no token are dropped, as drachtio-server does. */
const parseHeaders = (lines: readonly string[]): HeaderField[] => {
  const headers: HeaderField[] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string;
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim();
    if (isToken(name)) headers.push({ name, value: line.slice(colon + 1).trim() });
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
  const lines = sip.toString('utf8', 0, end < 0 ? sip.length : end).split(/[\r\n]+/);
  const start = parseStartLine(lines[0] ?? '');
  if (typeof start === 'string') return start;
  // The frame shares memory with a socket read; a body may be kept for the life of a dialog.
  const body = end < 0 || end + 4 >= sip.length ? EMPTY : Buffer.from(sip.subarray(end + 4));
  return { ...start, headers: parseHeaders(lines), body };
};

/** The first value of a header that the application gave. */
export const given = (message: Common, name: string): string | undefined =>
  message.headers.find((field) => field.name.length === name.length && field.name.toLowerCase() === name)
    ?.value;
