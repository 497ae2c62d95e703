import { isAscii } from 'node:buffer';
import type { NgDictionary, NgValue } from './value.ts';

const DEEPEST = 32;
const INTEGER = 0x69;
const LIST = 0x6c;
const DICTIONARY = 0x64;
const END = 0x65;
const COLON = 0x3a;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `text` is all of the octets where they are ASCII, as nearly all messages are: to cut strings out of it is quickest. */
type Reader = { readonly bytes: Uint8Array; readonly text: string | undefined; at: number };

/** What `{}` would be without a prototype of its own, so that a key like "constructor" is a key like any other. */
const Bare = function () {} as unknown as new () => Record<string, NgValue>;
Bare.prototype = Object.create(null) as object;

/** Reads one value at the start of `bytes`; undefined where it is malformed, incomplete or too deep. */
export function decodeBencode(bytes: Uint8Array): { value: NgValue; length: number } | undefined {
  const text = isAscii(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    : undefined;
  const reader = { bytes, text, at: 0 };
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
  const from = reader.at;
  reader.at += length;
  return reader.text?.slice(from, reader.at) ?? decoded(reader.bytes.subarray(from, reader.at));
}

function decoded(octets: Uint8Array): string | Uint8Array {
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
  const dictionary = new Bare();
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

/** Writes a value, with some text `before` it; fractions are cut off, absent entries left out, keys stay in their order. */
export function encodeBencode(value: NgValue, before = ''): Buffer {
  const writer: Writer = { text: before, done: undefined };
  write(value, writer);
  const rest = Buffer.from(writer.text);
  return writer.done === undefined ? rest : Buffer.concat([...writer.done, rest]);
}

/** Text that is to be turned into octets at one go, and what comes before it where there were octets among the values. */
type Writer = { text: string; done: Uint8Array[] | undefined };

function write(value: NgValue, writer: Writer): void {
  if (typeof value === 'string') {
    writer.text += Buffer.byteLength(value) + ':' + value;
  } else if (typeof value === 'number') {
    writer.text += 'i' + (Number.isFinite(value) ? Math.trunc(value) : 0) + 'e';
  } else if (value instanceof Uint8Array) {
    (writer.done ??= []).push(Buffer.from(`${writer.text}${value.length}:`), value);
    writer.text = '';
  } else if (Array.isArray(value)) {
    writer.text += 'l';
    for (const item of value as readonly NgValue[]) write(item, writer);
    writer.text += 'e';
  } else writeDictionary(value as NgDictionary, writer);
}

function writeDictionary(dictionary: NgDictionary, writer: Writer): void {
  writer.text += 'd';
  for (const key of Object.keys(dictionary)) {
    const item = dictionary[key];
    if (item === undefined) continue;
    writer.text += Buffer.byteLength(key) + ':' + key;
    write(item, writer);
  }
  writer.text += 'e';
}
