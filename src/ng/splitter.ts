const SPACE = 0x20;
const LONGEST_COOKIE = 255;
/** More than any request of a client that means well: an SDP, or a prompt as octets. */
const LARGEST = 4 * 1024 * 1024;

const INTEGER = 0x69;
const LIST = 0x6c;
const DICTIONARY = 0x64;
const END = 0x65;
const COLON = 0x3a;
const [BRACE, CLOSING, QUOTE, BACKSLASH] = [0x7b, 0x7d, 0x22, 0x5c];

/** Where a dictionary that begins at `start` ends; 0 while it is not whole, -1 where it is none. */
type FindEnd = (bytes: Uint8Array, start: number) => number;

/**
 * Takes ng messages out of a stream of octets: `cookie dictionary`, back to back, without anything in between. What is
 * no message, or too large for one, cannot be passed over in a stream: `broken` is set and nothing comes any more.
 */
export class NgSplitter {
  #rest: Buffer = Buffer.alloc(0);
  broken = false;

  /** The messages that are whole with these octets. */
  split(octets: Buffer): Buffer[] {
    if (this.broken) return [];
    let bytes = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    const messages: Buffer[] = [];
    for (;;) {
      const end = endOf(bytes);
      if (end < 0 || (end === 0 && bytes.length > LARGEST)) this.broken = true;
      if (end <= 0) break;
      messages.push(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = Buffer.from(bytes);
    return messages;
  }
}

function endOf(bytes: Uint8Array): number {
  const space = bytes.indexOf(SPACE);
  if (space < 0) return bytes.length > LONGEST_COOKIE ? -1 : 0;
  if (space === 0 || space > LONGEST_COOKIE) return -1;
  const first = bytes[space + 1];
  if (first === undefined) return 0;
  if (first === DICTIONARY) return bencodeEnd(bytes, space + 1);
  return first === BRACE ? jsonEnd(bytes, space + 1) : -1;
}

const bencodeEnd: FindEnd = (bytes, start) => {
  let depth = 0;
  for (let at = start; at < bytes.length;) {
    const octet = bytes[at]!;
    if (octet === DICTIONARY || octet === LIST) depth += 1;
    else if (octet === END) depth -= 1;
    else {
      const end = octet === INTEGER ? integerEnd(bytes, at + 1, END) : stringEnd(bytes, at);
      if (end <= 0) return end;
      at = end;
      continue;
    }
    at += 1;
    if (depth === 0) return at;
  }
  return 0;
};

const MOST_DIGITS = 20;

const isDigit = (octet: number | undefined) => octet !== undefined && octet >= 0x30 && octet <= 0x39;

/** After the digits and the octet that ends them. */
function integerEnd(bytes: Uint8Array, start: number, stop: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start;
  const first = at;
  while (isDigit(bytes[at]) && at - first < MOST_DIGITS) at += 1;
  if (at >= bytes.length) return 0;
  return at > first && bytes[at] === stop ? at + 1 : -1;
}

function stringEnd(bytes: Uint8Array, start: number): number {
  if (!isDigit(bytes[start])) return -1;
  const after = integerEnd(bytes, start, COLON);
  if (after <= 0) return after;
  const length = Number(Buffer.from(bytes.subarray(start, after - 1)).toString('latin1'));
  if (length > LARGEST) return -1;
  return after + length <= bytes.length ? after + length : 0;
}

const jsonEnd: FindEnd = (bytes, start) => {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < bytes.length; at += 1) {
    const octet = bytes[at];
    if (quoted) {
      if (octet === BACKSLASH) at += 1;
      else if (octet === QUOTE) quoted = false;
    } else if (octet === QUOTE) quoted = true;
    else if (octet === BRACE) depth += 1;
    else if (octet === CLOSING && --depth === 0) return at + 1;
  }
  return 0;
};
