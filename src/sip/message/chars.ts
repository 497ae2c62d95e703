/** Kinds of ASCII characters, by which values are read without regular expressions. */
export const TOKEN = 1;
/** What an unquoted value of a header parameter is made of. */
export const VALUE = 2;
/** What may stand in a URI as it is written in a header: no blank, no control, none of `"<>`. */
export const URI = 4;
export const HOST = 8;
/** The name of a URI parameter. */
export const URI_PARAMETER = 16;
export const ALPHANUMERIC = 32;
export const DIGIT = 64;

const kinds = new Uint8Array(128);
const mark = (kind: number, shape: RegExp): void => {
  for (let code = 0; code < 128; code++)
    if (shape.test(String.fromCharCode(code))) kinds[code] = (kinds[code] ?? 0) | kind;
};
mark(TOKEN, /[A-Za-z0-9\-.!%*_+`'~]/);
mark(VALUE, /[^\s"<>,;]/);
mark(URI, /[!#-;=?-~]/);
mark(HOST, /[A-Za-z0-9._-]/);
mark(URI_PARAMETER, /[A-Za-z0-9\-_.!~*'()[\]/:&+$%]/);
mark(ALPHANUMERIC, /[A-Za-z0-9]/);
mark(DIGIT, /[0-9]/);

/** Where the run of characters of that kind ends that begins at `from`; everything beyond ASCII ends it. */
export const runEnd = (text: string, from: number, kind: number): number => {
  const { length } = text;
  for (let at = from; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127 || ((kinds[code] as number) & kind) === 0) return at;
  }
  return Math.max(from, length);
};

/** Whether the text is made of that kind alone, and not empty. */
export const isAll = (text: string, kind: number): boolean =>
  text !== '' && runEnd(text, 0, kind) === text.length;
