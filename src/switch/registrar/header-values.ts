/** Longer header values than this are not read: every pattern here is run on what strangers send. */
export const longestHeader = 8192;

/** Splits at commas outside of quotes and angle brackets. */
export function splitHeader(value: string): readonly string[] {
  if (!value.includes(',')) return value.trim() === '' ? [] : [value.trim()];
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (quoted && char === '\\') i++;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === '<') bracketed = true;
    else if (char === '>') bracketed = false;
    else if (char === ',' && !bracketed) {
      parts.push(value.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, value.slice(start)].map((part) => part.trim()).filter((part) => part !== '');
}

/** A name-addr or addr-spec (RFC 3261 §20.10): the URI, and what follows it. */
export function nameAddress(text: string): { readonly uri: string; readonly rest: string } | undefined {
  if (text.length > longestHeader) return undefined;
  // The display name may hold anything in its quotes, angle brackets and other people's URIs too.
  const match =
    /^\s*(?:"(?:[^"\\]|\\.)*"\s*|[^<"]*)<([^>]*)>(.*)$/s.exec(text) ?? /^\s*([^\s;<>"]+)(.*)$/s.exec(text);
  if (match === null) return undefined;
  return { uri: (match[1] ?? '').trim(), rest: match[2] ?? '' };
}

const parameterPattern = /;\s*([^\s=;]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+)))?/g;
const fieldPattern = /([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g;

const unquoted = (text: string): string => (text.includes('\\') ? text.replace(/\\(.)/g, '$1') : text);

function collect(text: string, pattern: RegExp): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, name = '', quoted, token = ''] = match;
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, quoted === undefined ? token : unquoted(quoted));
  }
  return found;
}

/** `;name=value` parameters of a header, names in lower case, values without quotes; the first of a name counts. */
export function headerParameters(text: string): ReadonlyMap<string, string> {
  return collect(text, parameterPattern);
}

/** `name=value` fields of a challenge or of its answer, likewise. */
export function authenticationFields(text: string): ReadonlyMap<string, string> {
  return collect(text, fieldPattern);
}

export type UriParts = { readonly user: string; readonly host: string };

/** User (unescaped, without a password) and host (lower case) of the SIP URI in a name-addr or addr-spec. */
export function uriParts(text: string): UriParts | undefined {
  const uri = nameAddress(text)?.uri ?? '';
  // A `;` is legal in the user part, so an addr-spec may have been cut there; the text itself then has the rest.
  const whole = uri.includes('@') || !text.includes('@') || text.includes('<') ? uri : text.trim();
  const match = /^sips?:(?:([^@>?\s]*)@)?(\[[^\]\s]*\]|[^:;?>\s@]+)/i.exec(whole);
  if (match === null) return undefined;
  const user = /^[^:;]*/.exec(match[1] ?? '')?.[0] ?? '';
  return { user: user.includes('%') ? unescape(user) : user, host: (match[2] ?? '').toLowerCase() };
}

function unescape(user: string): string {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
