import { ALPHANUMERIC, DIGIT, HOST, isAll, runEnd, URI, URI_PARAMETER } from './chars.ts';
import { isIPv6 } from './ip.ts';
import type { Parameters, SipUri } from './types.ts';

const schemeShape = /^[A-Za-z][A-Za-z0-9+.-]*$/;
// Neither space nor control nor what delimits a URI in a header (RFC 3261 §25.1); bytes beyond ASCII are let through.
const forbidden = /[^!#-;=?-~\u0080-\u{10ffff}]/u;
const DOT = 0x2e;
const none: Parameters = new Map();
const telShape = /^(?:\+[0-9][0-9\-.()]*|[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*)$/;

/** The scheme of a URI in lower case; undefined when the text does not begin with one. */
export const uriScheme = (uri: string): string | undefined => {
  const colon = uri.indexOf(':');
  if (colon <= 0) return undefined;
  const scheme = uri.slice(0, colon);
  return schemeShape.test(scheme) ? scheme.toLowerCase() : undefined;
};

const parseUriParameters = (text: string): Parameters | undefined => {
  const found = new Map<string, string | undefined>();
  for (const piece of text.split(';')) {
    const equals = piece.indexOf('=');
    const name = equals < 0 ? piece : piece.slice(0, equals);
    if (!isAll(name, URI_PARAMETER)) return undefined;
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, equals < 0 ? undefined : piece.slice(equals + 1));
  }
  return found;
};

/** A name or an IPv4 address: letters, digits, dots and hyphens; neither of the latter in front, no hyphen at the end. */
const isHost = (text: string): boolean => {
  const { length } = text;
  if (runEnd(text, 0, HOST) !== length || runEnd(text, 0, ALPHANUMERIC) === 0) return false;
  return text.charCodeAt(length - 1) === DOT || runEnd(text, length - 1, ALPHANUMERIC) === length;
};

type HostPort = { readonly host: string; readonly port?: number };

/** The number in `:5060`. */
const portOf = (text: string): number | undefined => {
  if (!text.startsWith(':') || text.length > 6 || !isAll(text.slice(1), DIGIT)) return undefined;
  const port = Number(text.slice(1));
  return port <= 65_535 ? port : undefined;
};

/** `host`, `host:port`, `[v6]`, `[v6]:port`; the host without brackets. */
export const parseHostPort = (text: string): HostPort | undefined => {
  let host: string;
  let rest: string;
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    if (close < 0) return undefined;
    // RFC 5118 §4.10: RFC 3261's grammar lets a third colon stand in front of an embedded IPv4 address.
    host = text.slice(1, close).replace(/(?<!:):::(?=[0-9]+\.)/, '::');
    rest = text.slice(close + 1);
    if (!isIPv6(host)) return undefined;
  } else {
    const colon = text.indexOf(':');
    host = colon < 0 ? text : text.slice(0, colon);
    rest = colon < 0 ? '' : text.slice(colon);
    if (!isHost(host)) return undefined;
  }
  if (rest === '') return { host };
  const port = portOf(rest);
  return port === undefined ? undefined : { host, port };
};

const splitAt = (text: string, mark: string): [string, string | undefined] => {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
};

const parseTel = (rest: string): SipUri | undefined => {
  const [number, tail] = splitAt(rest, ';');
  const parameters = tail === undefined ? none : parseUriParameters(tail);
  if (parameters === undefined || !telShape.test(number)) return undefined;
  return { scheme: 'tel', user: number, host: '', parameters };
};

const parseSip = (scheme: string, rest: string): SipUri | undefined => {
  const at = rest.indexOf('@');
  const question = rest.indexOf('?', at + 1);
  const address = rest.slice(at + 1, question < 0 ? undefined : question);
  const [hostText, tail] = splitAt(address, ';');
  const hostPort = parseHostPort(hostText);
  const parameters = tail === undefined ? none : parseUriParameters(tail);
  if (hostPort === undefined || parameters === undefined || at === 0) return undefined;
  const uri: { -readonly [K in keyof SipUri]: SipUri[K] } = { scheme, ...hostPort, parameters };
  if (at > 0) {
    const [user, password] = splitAt(rest.slice(0, at), ':');
    if (user === '') return undefined;
    uri.user = user;
    if (password !== undefined) uri.password = password;
  }
  if (question >= 0) uri.headers = rest.slice(question + 1);
  return uri;
};

/**
 * Reads a sip, sips (RFC 3261 §19.1) or tel URI (RFC 3966). Undefined for another scheme (`uriScheme` tells which)
 * and for a malformed one. Escapes stay as written.
 */
export const parseUri = (text: string): SipUri | undefined => {
  if (runEnd(text, 0, URI) !== text.length && forbidden.test(text)) return undefined;
  if (text.startsWith('sip:')) return parseSip('sip', text.slice(4));
  const scheme = uriScheme(text);
  if (scheme === undefined) return undefined;
  const rest = text.slice(scheme.length + 1);
  if (scheme === 'sip' || scheme === 'sips') return parseSip(scheme, rest);
  return scheme === 'tel' ? parseTel(rest) : undefined;
};

/** A host as it stands in a URI or Via: an IPv6 address gets its brackets. */
export const bracketHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export const printUri = (uri: SipUri): string => {
  let text = `${uri.scheme}:`;
  if (uri.scheme === 'tel') text += uri.user ?? '';
  else {
    if (uri.user !== undefined)
      text += uri.password === undefined ? `${uri.user}@` : `${uri.user}:${uri.password}@`;
    text += bracketHost(uri.host);
    if (uri.port !== undefined) text += `:${uri.port}`;
  }
  for (const [name, value] of uri.parameters) text += value === undefined ? `;${name}` : `;${name}=${value}`;
  return uri.headers === undefined ? text : `${text}?${uri.headers}`;
};

/** Undoes `%XX` escapes; an escape that is none, or is no UTF-8, stays as written. */
export const unescapeUri = (text: string): string => {
  if (!text.includes('%')) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
};

/** Escapes what may not stand in the user part of a SIP URI. */
export const escapeUser = (user: string): string =>
  encodeURIComponent(user).replace(/%(?:26|3D|2B|24|2C|3B|3F|2F)/g, (escape) => decodeURIComponent(escape));

// RFC 3261 §19.1.4: an escaped character equals the character itself unless it is in the reserved set.
const normalize = (text: string): string =>
  text.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9\-_.!~*'()]/.test(character) ? character : escape.toUpperCase();
  });

const neverInOneOnly = new Set(['user', 'ttl', 'method', 'maddr', 'transport']);

const sameParameters = (a: Parameters, b: Parameters): boolean => {
  for (const [name, value] of a) {
    if (!b.has(name)) {
      if (neverInOneOnly.has(name)) return false;
    } else if (normalize(value ?? '').toLowerCase() !== normalize(b.get(name) ?? '').toLowerCase())
      return false;
  }
  return true;
};

const sortedHeaders = (headers: string | undefined): string =>
  (headers ?? '')
    .split('&')
    .map((field) => {
      const [name, value] = splitAt(field, '=');
      return `${normalize(name).toLowerCase()}=${normalize(value ?? '')}`;
    })
    .sort()
    .join('&');

const sameTel = (a: SipUri, b: SipUri): boolean => {
  const digits = (uri: SipUri) => (uri.user ?? '').replace(/[-.()]/g, '').toLowerCase();
  if (digits(a) !== digits(b) || a.parameters.size !== b.parameters.size) return false;
  // RFC 3966 §4: parameters count, in any order.
  return [...a.parameters].every(
    ([n, v]) => b.parameters.has(n) && v?.toLowerCase() === b.parameters.get(n)?.toLowerCase(),
  );
};

const sameUser = (a: SipUri, b: SipUri): boolean =>
  (a.user === undefined) === (b.user === undefined) &&
  normalize(a.user ?? '') === normalize(b.user ?? '') &&
  normalize(a.password ?? '') === normalize(b.password ?? '');

/** Whether two URIs are equivalent (RFC 3261 §19.1.4; tel: RFC 3966 §4). */
export const sameUri = (a: SipUri, b: SipUri): boolean => {
  if (a.scheme !== b.scheme) return false;
  if (a.scheme === 'tel') return sameTel(a, b);
  return (
    sameUser(a, b) &&
    a.host.toLowerCase() === b.host.toLowerCase() &&
    a.port === b.port &&
    sameParameters(a.parameters, b.parameters) &&
    sameParameters(b.parameters, a.parameters) &&
    sortedHeaders(a.headers) === sortedHeaders(b.headers)
  );
};
