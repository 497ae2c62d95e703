import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

/** A telephone number as the numbering plans have it. */
export type ReadNumber = {
  readonly e164: string;
  /** As it is dialled within its country, digits alone. */
  readonly national: string;
  /** ISO 3166; absent where the calling code is shared and the number is in nobody's plan. */
  readonly country?: string;
  readonly callingCode: string;
  /** Also where fixed and mobile numbers cannot be told apart, as in North America. */
  readonly mobile: boolean;
};

const most = 20_000;

/** Reads numbers by libphonenumber, and remembers what it read: reading one takes tens of microseconds. */
export class NumberReader {
  readonly #read = new Map<string, ReadNumber | undefined>();
  /** By the list itself: lists are replaced and never changed. */
  readonly #sets = new WeakMap<readonly string[], { readonly country: string; readonly set: NumberSet }>();

  /**
   * Undefined for what is no telephone number: an extension, a short number, words. `country` (ISO 3166) is that of
   * numbers without a country code; empty when there is none, and then only `+…` is read.
   */
  read(text: string, country: string): ReadNumber | undefined {
    const key = `${country} ${text}`;
    if (this.#read.has(key)) return this.#read.get(key);
    if (this.#read.size >= most) this.#read.clear();
    const read = readNumber(text, country);
    this.#read.set(key, read);
    return read;
  }

  /** The entry of a list that one of the ways of writing a number is. */
  find(entries: readonly string[], ways: readonly string[], country: string): string | undefined {
    const known = this.#sets.get(entries);
    if (known?.country === country) return known.set.find(ways);
    const set = new NumberSet(entries, (text) => this.read(text, country));
    this.#sets.set(entries, { country, set });
    return set.find(ways);
  }

  /** The ways of writing a number that an entry of a list may mean. */
  waysToWrite(number: string, country: string): readonly string[] {
    const read = this.read(number, country);
    return read === undefined ? [number] : [number, read.e164, read.national];
  }
}

/** Numbers and patterns that somebody's number is looked for among. */
class NumberSet {
  readonly #exact = new Map<string, string>();
  readonly #patterns: readonly string[];

  constructor(entries: readonly string[], read: (text: string) => ReadNumber | undefined) {
    this.#patterns = entries.filter(isPattern);
    for (const entry of entries) {
      if (isPattern(entry)) continue;
      this.#exact.set(entry, entry);
      const number = read(entry);
      if (number !== undefined) this.#exact.set(number.e164, entry);
    }
  }

  /** The entry that one of the ways of writing a number is. */
  find(ways: readonly string[]): string | undefined {
    for (const way of ways) {
      const exact = this.#exact.get(way);
      if (exact !== undefined) return exact;
    }
    return this.#patterns.find((pattern) => ways.some((way) => fits(pattern, way)));
  }
}

function readNumber(text: string, country: string): ReadNumber | undefined {
  if (text.length > 32 || !/^\+?[\d ()./-]+$/.test(text)) return undefined;
  const found =
    country === ''
      ? parsePhoneNumberFromString(text)
      : parsePhoneNumberFromString(text, { defaultCountry: country as 'DE' });
  // Without a `+` only a number of the country's own plan is one; the rest are extensions and short numbers.
  if (found === undefined || !(text.startsWith('+') || found.isValid())) return undefined;
  const type = found.getType();
  return {
    e164: found.number,
    national: found.formatNational().replaceAll(/\D/g, ''),
    ...(found.country === undefined ? {} : { country: found.country }),
    callingCode: found.countryCallingCode,
    mobile: type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE',
  };
}

/** Digits where `X` is any digit; a `*` at the end is whatever follows. */
export const isPattern = (entry: string): boolean => /[X*]/.test(entry);

/** Whether digits are what a pattern says. */
export function fits(pattern: string, digits: string): boolean {
  const open = pattern.endsWith('*');
  const fixed = open ? pattern.slice(0, -1) : pattern;
  if (open ? digits.length < fixed.length : digits.length !== fixed.length) return false;
  for (let i = 0; i < fixed.length; i++) {
    const wanted = fixed[i];
    const got = digits[i] ?? '';
    if (wanted === 'X' ? got < '0' || got > '9' : wanted !== got) return false;
  }
  return true;
}
