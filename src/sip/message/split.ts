export const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** The text without the SP and HT about it, and nothing else: what Unicode calls a blank stays (RFC 3261 §25.1 LWS). */
export const trimBlanks = (text: string): string => {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return end - start === text.length ? text : text.slice(start, end);
};

/** Where a quoted string that opens at `open` closes, or -1 when it does not. */
export const endOfQuoted = (text: string, open: number): number => {
  for (let i = open + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x5c) i++;
    else if (c === 0x22) return i;
  }
  return -1;
};

/** Splits at a separator that stands outside quoted strings and angle brackets; the pieces are trimmed. */
export const splitOutside = (text: string, separator: string): string[] => {
  if (!text.includes(separator)) return [trimBlanks(text)];
  const wanted = separator.charCodeAt(0);
  const pieces: string[] = [];
  let start = 0;
  let angle = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22 && !angle) {
      const close = endOfQuoted(text, i);
      // An unterminated quote swallows nothing: the rest is read as plain text.
      if (close > 0) i = close;
    } else if (c === 0x3c) angle = true;
    else if (c === 0x3e) angle = false;
    else if (c === wanted && !angle) {
      pieces.push(trimBlanks(text.slice(start, i)));
      start = i + 1;
    }
  }
  pieces.push(trimBlanks(text.slice(start)));
  return pieces;
};

/** The values of a comma-separated header field, empty ones left out (RFC 3261 §7.3.1). */
export const splitList = (value: string): string[] =>
  splitOutside(value, ',').filter((piece) => piece !== '');
