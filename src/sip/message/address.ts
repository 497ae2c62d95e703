import { runEnd, URI } from './chars.ts';
import { parseParameters, printParameters, quote, unquote } from './parameters.ts';
import { endOfQuoted, trimBlanks } from './split.ts';
import type { NameAddress } from './types.ts';
import { uriScheme } from './uri.ts';

/** Without blanks and with a scheme; what is in it is for others to look at. */
const isUri = (text: string): boolean =>
  text.startsWith('sip:') && runEnd(text, 4, URI) === text.length
    ? true
    : !/\s/.test(text) && uriScheme(text) !== undefined;

const build = (display: string, uri: string, tail: string): NameAddress | undefined => {
  const parameters = parseParameters(tail);
  const trimmed = trimBlanks(uri);
  // RFC 4475 §3.1.2.14: blanks around the URI in the brackets are harmless, blanks in it are not.
  if (parameters === undefined || !isUri(trimmed)) return undefined;
  return display === '' ? { uri: trimmed, parameters } : { display, uri: trimmed, parameters };
};

/** Display name and where the angle bracket opens; -1 when there is none. */
type Opening = { readonly display: string; readonly open: number };

const quotedOpening = (value: string): Opening | undefined => {
  const close = endOfQuoted(value, 0);
  const open = value.indexOf('<', close);
  if (close < 0 || open < 0 || trimBlanks(value.slice(close + 1, open)) !== '') return undefined;
  return { display: unquote(value.slice(0, close + 1)), open };
};

const plainOpening = (value: string): Opening | undefined => {
  const open = value.indexOf('<');
  if (open === 0) return { display: '', open };
  const display = open > 0 ? trimBlanks(value.slice(0, open)) : '';
  // Non-token characters in an unquoted display name are let through (RFC 4475 §3.1.2.15), a stray quote is not.
  return /[";]/.test(display) ? undefined : { display, open };
};

const parseBareUri = (value: string): NameAddress | undefined => {
  const semicolon = value.indexOf(';');
  const uri = semicolon < 0 ? value : value.slice(0, semicolon);
  // RFC 3261 §20: a URI with a comma, question mark or semicolon must stand in angle brackets.
  if (/[?,>]/.test(uri)) return undefined;
  return build('', uri, semicolon < 0 ? '' : value.slice(semicolon));
};

/**
 * Reads the value of From, To, Contact, Route, Refer-To and their like (RFC 3261 §20.10): `"Ada" <sip:…>;tag=…` or a
 * bare URI, whose `;` then begin header parameters. The URI is not looked into beyond its scheme.
 */
export const parseNameAddress = (value: string): NameAddress | undefined => {
  const opening = value.startsWith('"') ? quotedOpening(value) : plainOpening(value);
  if (opening === undefined) return undefined;
  const { display, open } = opening;
  if (open < 0) return parseBareUri(value);
  const close = value.indexOf('>', open);
  return close < 0 ? undefined : build(display, value.slice(open + 1, close), value.slice(close + 1));
};

/** `"display" <uri>;parameters`; the display name is always quoted. */
export const printNameAddress = (address: NameAddress): string => {
  const display = address.display === undefined ? '' : `${quote(address.display)} `;
  return `${display}<${address.uri}>${printParameters(address.parameters)}`;
};
