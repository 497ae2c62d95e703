import { isToken } from './names.ts';
import { splitOutside, trimBlanks } from './split.ts';
import type { Parameters } from './types.ts';

const none: Parameters = new Map();

const value = /^(?:"(?:[^"\\]|\\[^])*"|[^\s"<>,;=?][^\s"<>,;]*)$/;

/**
 * Header parameters, `;name=value` (RFC 3261 §25.1 generic-param): names in lower case, values as written, quotes
 * included. Undefined when one is empty or malformed.
 */
export const parseParameters = (text: string): Parameters | undefined => {
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
