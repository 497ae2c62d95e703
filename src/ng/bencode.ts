import type { NgDictionary, NgValue } from './value.ts';

const DEEPEST = 32;
const INTEGER = 0x69;
const LIST = 0x6c;
const DICTIONARY = 0x64;
const END = 0x65;
const COLON = 0x3a;

const utf8 = new TextDecoder('utf-8', { fatal: true });

type Reader = { readonly bytes: Uint8Array; at: number };

/** Reads one value at the start of `bytes`; undefined where it is malformed, incomplete or too deep. */
export function decodeBencode(bytes: Uint8Array): { value: NgValue; length: number } | undefined {
  const reader = { bytes, at: 0 };
  const value = readValue(reader, 0);
  return value === undefined ? undefined : { value, length: reader.at };
}

function readValue(reader: Reader, depth: number): NgValue | undefined {
  if (depth > DEEPEST) return undefined;
  const kind = reader.bytes[reader.at];
  if (kind === INTEGER) {
    reader.at++;
    return readDigits(reader, END);
  }
  if (kind === LIST) return readList(reader, depth);
  if (kind === DICTIONARY) return readDictionary(reader, depth);
  return readString(reader);
}

function readDigits(reader: Reader, stop: number): number | undefined {
  const { bytes } = reader;
  let at = reader.at;
  const negative = bytes[at] === 0x2d;
  if (negative) at++;
  const first = at;
  let value = 0;
  for (; at < bytes.length && bytes[at] !== stop; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9 || at - first > 18) return undefined;
    value = value * 10 + digit;
  }
  if (at === first || at >= bytes.length) return undefined;
  reader.at = at + 1;
  return negative ? -value : value;
}

function readString(reader: Reader): string | Uint8Array | undefined {
  const length = readDigits(reader, COLON);
  if (length === undefined || length < 0 || reader.at + length > reader.bytes.length) return undefined;
  const octets = reader.bytes.subarray(reader.at, reader.at + length);
  reader.at += length;
  try {
    return utf8.decode(octets);
  } catch {
    return octets;
  }
}

function readList(reader: Reader, depth: number): NgValue[] | undefined {
  reader.at++;
  const list: NgValue[] = [];
  while (reader.bytes[reader.at] !== END) {
    const item = readValue(reader, depth + 1);
    if (item === undefined) return undefined;
    list.push(item);
  }
  reader.at++;
  return list;
}

function readDictionary(reader: Reader, depth: number): NgDictionary | undefined {
  reader.at++;
  // No prototype, so that a key like "constructor" is a key like any other.
  const dictionary = Object.create(null) as Record<string, NgValue>;
  while (reader.bytes[reader.at] !== END) {
    const key = readString(reader);
    if (typeof key !== 'string') return undefined;
    const value = readValue(reader, depth + 1);
    if (value === undefined) return undefined;
    dictionary[key] = value;
  }
  reader.at++;
  return dictionary;
}

/** Writes a value; fractions are cut off, absent entries left out, keys stay in their order. */
export function encodeBencode(value: NgValue): Buffer {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: NgValue, parts: Uint8Array[]): void {
  if (typeof value === 'number') {
    parts.push(Buffer.from(`i${Number.isFinite(value) ? Math.trunc(value) : 0}e`));
  } else if (typeof value === 'string') {
    parts.push(Buffer.from(`${Buffer.byteLength(value)}:${value}`));
  } else if (value instanceof Uint8Array) {
    parts.push(Buffer.from(`${value.length}:`), value);
  } else if (Array.isArray(value)) {
    parts.push(Buffer.from('l'));
    for (const item of value as readonly NgValue[]) write(item, parts);
    parts.push(Buffer.from('e'));
  } else {
    parts.push(Buffer.from('d'));
    for (const [key, item] of Object.entries(value as NgDictionary)) {
      if (item === undefined) continue;
      write(key, parts);
      write(item, parts);
    }
    parts.push(Buffer.from('e'));
  }
}
