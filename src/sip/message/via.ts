import { DIGIT, HOST, isAll, runEnd, TOKEN } from './chars.ts';
import { parseParameters, printParameters } from './parameters.ts';
import { trimBlanks } from './split.ts';
import type { CSeq, Via } from './types.ts';
import { bracketHost, parseHostPort } from './uri.ts';

const viaShape =
  /^SIP[ \t]*\/[ \t]*[0-9]+\.[0-9]+[ \t]*\/[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]+(\[[^\][]*\]|[^\s:;,[\]]+)(?:[ \t]*:[ \t]*([0-9]+))?(?:[ \t]*$|[ \t]*(?=;))/i;

type Start = {
  readonly transport: string;
  readonly sentBy: string;
  /** Where the parameters begin. */
  readonly end: number;
};

const SPACE = 0x20;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const version = 'SIP/2.0/';

/** A Via as nearly all are written: one blank, and an IPv4 address or a name. */
const plainStart = (value: string): Start | undefined => {
  if (!value.startsWith(version)) return undefined;
  const blank = runEnd(value, version.length, TOKEN);
  if (value.charCodeAt(blank) !== SPACE) return undefined;
  const host = runEnd(value, blank + 1, HOST);
  const end = value.charCodeAt(host) === COLON ? runEnd(value, host + 1, DIGIT) : host;
  if (blank === version.length || (end < value.length && value.charCodeAt(end) !== SEMICOLON))
    return undefined;
  return { transport: value.slice(version.length, blank), sentBy: value.slice(blank + 1, end), end };
};

const anyStart = (value: string): Start | undefined => {
  const match = viaShape.exec(value);
  if (match === null) return undefined;
  const [{ length: end }, transport = '', host = '', port] = match;
  return { transport, sentBy: port === undefined ? host : `${host}:${port}`, end };
};

/** Reads one Via value (RFC 3261 §20.42). */
export const parseVia = (value: string): Via | undefined => {
  const start = plainStart(value) ?? anyStart(value);
  if (start === undefined) return undefined;
  const hostPort = parseHostPort(start.sentBy);
  const parameters = parseParameters(value.slice(start.end));
  if (hostPort === undefined || parameters === undefined) return undefined;
  return { transport: start.transport.toUpperCase(), ...hostPort, parameters };
};

/** What can be made of a malformed Via, to answer its sender: transport and sent-by without the parameters. */
export const salvageVia = (value: string): Via | undefined => {
  const semicolon = value.indexOf(';');
  return parseVia(value) ?? parseVia(semicolon < 0 ? value : value.slice(0, semicolon));
};

export const printVia = (via: Via): string => {
  const port = via.port === undefined ? '' : `:${via.port}`;
  return `SIP/2.0/${via.transport} ${bracketHost(via.host)}${port}${printParameters(via.parameters)}`;
};

/** Reads a CSeq value; the number must be less than 2^31 (RFC 3261 §8.1.1.5). */
export const parseCSeq = (value: string): CSeq | undefined => {
  const digits = runEnd(value, 0, DIGIT);
  const method = trimBlanks(value.slice(digits));
  if (digits === 0 || digits > 16 || digits + method.length === value.length) return undefined;
  const number = Number(value.slice(0, digits));
  return number < 2 ** 31 && isAll(method, TOKEN) ? { number, method } : undefined;
};
