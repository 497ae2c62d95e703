import { crc32 } from 'node:zlib';

/**
 * One line of a journal, each of which stands for itself:
 *
 *     8 hex digits   CRC-32 of what follows the blank
 *     1 blank
 *     JSON           no line feed is in it, so that reading goes on behind a damaged line
 *     1 line feed
 */
export type Line =
  /** Begins a file. */
  | { readonly journal: string; readonly version: number }
  /** What is known under a key from here on; without a value, nothing is. */
  | { readonly key: string; readonly value?: unknown }
  /** Everything that was known when the file was begun stands above: older files are needed no more. */
  | { readonly whole: true };

const lineFeed = 0x0a;
const blank = 0x20;
const digits = 8;

export function printLine(line: Line): string {
  const json = JSON.stringify(line);
  return `${crc32(json).toString(16).padStart(digits, '0')} ${json}\n`;
}

/** `undefined` when it is damaged. */
function parseLine(bytes: Buffer): Line | undefined {
  if (bytes.length <= digits + 1 || bytes[digits] !== blank) return undefined;
  const json = bytes.subarray(digits + 1);
  if (Number.parseInt(bytes.toString('latin1', 0, digits), 16) !== crc32(json)) return undefined;
  return JSON.parse(json.toString('utf8')) as Line;
}

export type ReadLines = {
  readonly lines: readonly Line[];
  /** Lines that make no sense with others behind them: not what an end in the middle of a write leaves. */
  readonly damaged: number;
  /** Bytes behind the last whole line. */
  readonly torn: number;
};

/** Reads what can be read, whatever happened to the rest. */
export function readLines(bytes: Buffer): ReadLines {
  const lines: Line[] = [];
  let damaged = 0;
  let damagedAfterLast = 0;
  let end = 0;
  let from = 0;
  for (let to = bytes.indexOf(lineFeed); to >= 0; to = bytes.indexOf(lineFeed, from)) {
    const line = parseLine(bytes.subarray(from, to));
    from = to + 1;
    if (line === undefined) damagedAfterLast++;
    else {
      lines.push(line);
      damaged += damagedAfterLast;
      damagedAfterLast = 0;
      end = from;
    }
  }
  return { lines, damaged, torn: bytes.length - end };
}
