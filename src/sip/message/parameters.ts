import { runEnd, TOKEN, VALUE } from './chars.ts';
import { isToken } from './names.ts';
import { splitOutside, trimBlanks } from './split.ts';
import type { Parameters } from './types.ts';

const none: Parameters = new Map();
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUESTION = 0x3f;

const value = /^(?:"(?:[^"\\]|\\[^])*"|[^\s"<>,;=?][^\s"<>,;]*)$/;

/**
 * Header parameters, `;name=value` (RFC 3261 §25.1 generic-param): names in lower case, values as written, quotes
 * included. Undefined when one is empty or malformed.
 */
export const parseParameters = (text: string): Parameters | undefined => {
  if (text === '') return none;
  return parsePlain(text) ?? parseAny(text);
};

/** Parameters without quotes and blanks, as nearly all are; undefined for any other. */
const parsePlain = (text: string): Parameters | undefined => {
  const found = new Map<string, string | undefined>();
  for (let at = 0; at < text.length;) {
    const end = runEnd(text, at + 1, TOKEN);
    if (text.charCodeAt(at) !== SEMICOLON || end === at + 1) return undefined;
    const name = text.slice(at + 1, end).toLowerCase();
    at = text.charCodeAt(end) === EQUALS ? runEnd(text, end + 1, VALUE) : end;
    if (at === end + 1 || text.charCodeAt(end + 1) === EQUALS || text.charCodeAt(end + 1) === QUESTION)
      return undefined;
    if (!found.has(name)) found.set(name, at === end ? undefined : text.slice(end + 1, at));
  }
  return found;
};

const parseAny = (text: string): Parameters | undefined => {
  const trimmed = trimBlanks(text);
  if (trimmed === '') return none;
  if (!trimmed.startsWith(';')) return undefined;
  const found = new Map<string, string | undefined>();
  for (const piece of splitOutside(trimmed.slice(1), ';')) {
    const equals = piece.indexOf('=');
    const name = trimBlanks(equals < 0 ? piece : piece.slice(0, equals));
    if (!isToken(name)) return undefined;
    const key = name.toLowerCase();
    if (found.has(key)) continue;
    if (equals < 0) {
      found.set(key, undefined);
      continue;
    }
    const written = trimBlanks(piece.slice(equals + 1));
    if (!value.test(written)) return undefined;
    found.set(key, written);
  }
  return found;
};

/** `;name=value` for each parameter. */
export const printParameters = (parameters: Parameters): string => {
  let text = '';
  for (const [name, written] of parameters)
    text += written === undefined ? `;${name}` : `;${name}=${written}`;
  return text;
};

/** The content of a quoted string with its escapes undone; any other text as it is. */
export const unquote = (text: string): string =>
  text.length >= 2 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replace(/\\([^])/g, '$1')
    : text;

/** A quoted string with that content (RFC 3261 §25.1). */
export const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
