import { canonicalName, fieldName, headerKey } from './names.ts';
import { splitList, trimBlanks } from './split.ts';
import type { HeaderField, Headers } from './types.ts';

/** A value may not end its line: CR and LF become a blank, so that no field can smuggle in another. */
const oneLine = (value: string): string =>
  trimBlanks(value.includes('\n') || value.includes('\r') ? value.replace(/[\r\n]+[ \t]*/g, ' ') : value);

type Memo = { readonly value: string; readonly parsed: unknown };

/** A header whose parsed first value is kept. */
export type Kept = { readonly key: string; readonly slot: number };
export const kept = Object.freeze({
  via: { key: 'via', slot: 0 },
  from: { key: 'from', slot: 1 },
  to: { key: 'to', slot: 2 },
  contact: { key: 'contact', slot: 3 },
  cseq: { key: 'cseq', slot: 4 },
});
const slots: Readonly<Record<string, number | undefined>> = Object.fromEntries(
  Object.values(kept).map(({ key, slot }) => [key, slot]),
);

const pushValues = (found: string[], value: string): void => {
  if (!value.includes(',')) {
    if (value !== '') found.push(value);
  } else found.push(...splitList(value));
};

/** The header fields of a message: three parallel arrays, so that a lookup is a scan over a few shared strings. */
export class HeaderTable implements Headers {
  #keys: string[];
  #names: string[];
  #values: string[];
  /** By slot. */
  #memos: (Memo | undefined)[] | undefined;
  #changed = false;

  /** Takes the arrays over. `keys` are what `headerKey` makes of `names`. */
  constructor(keys: string[] = [], names: string[] = [], values: string[] = []) {
    this.#keys = keys;
    this.#names = names;
    this.#values = values;
  }

  /** Whether a field was set, added or removed since the table was made. */
  get changed(): boolean {
    return this.#changed;
  }

  get(name: string): string | undefined {
    const index = this.#keys.indexOf(headerKey(name));
    return index < 0 ? undefined : this.#values[index];
  }

  all(name: string): readonly string[] {
    const key = headerKey(name);
    const found: string[] = [];
    for (let i = 0; i < this.#keys.length; i++) if (this.#keys[i] === key) found.push(this.#values[i] ?? '');
    return found;
  }

  list(name: string): readonly string[] {
    const key = headerKey(name);
    const found: string[] = [];
    for (let i = 0; i < this.#keys.length; i++) {
      if (this.#keys[i] === key) pushValues(found, this.#values[i] ?? '');
    }
    return found;
  }

  has(name: string): boolean {
    return this.#keys.includes(headerKey(name));
  }

  set(name: string, value: string | readonly string[]): void {
    const key = headerKey(name);
    const values = typeof value === 'string' ? [value] : value;
    const first = this.#keys.indexOf(key);
    if (first >= 0 && values.length === 1 && !this.#keys.includes(key, first + 1)) {
      this.#values[first] = oneLine(values[0] ?? '');
      this.#changed = true;
      return;
    }
    this.#remove(key);
    this.#insert(first < 0 ? this.#keys.length : first, name, values);
  }

  add(name: string, value: string): void {
    this.#keys.push(headerKey(name));
    this.#names.push(fieldName(name));
    this.#values.push(oneLine(value));
    this.#changed = true;
  }

  prepend(name: string, value: string): void {
    this.#insert(Math.max(0, this.#keys.indexOf(headerKey(name))), name, [value]);
  }

  delete(name: string): void {
    this.#remove(headerKey(name));
  }

  shift(name: string): string | undefined {
    const index = this.#keys.indexOf(headerKey(name));
    if (index < 0) return undefined;
    const [first, ...rest] = splitList(this.#values[index] ?? '');
    if (rest.length > 0) this.#values[index] = rest.join(', ');
    else for (const column of [this.#keys, this.#names, this.#values]) column.splice(index, 1);
    this.#changed = true;
    return first ?? this.shift(name);
  }

  clone(): HeaderTable {
    const copy = new HeaderTable(this.#keys.slice(), this.#names.slice(), this.#values.slice());
    if (this.#memos !== undefined) copy.#memos = this.#memos.slice();
    return copy;
  }

  *[Symbol.iterator](): Iterator<HeaderField> {
    for (let i = 0; i < this.#keys.length; i++) {
      yield { name: this.#names[i] ?? '', value: this.#values[i] ?? '' };
    }
  }

  /** What `parse` makes of the first field's value, kept until that value changes. */
  memo<T>({ key, slot }: Kept, parse: (value: string) => T): T | undefined {
    const index = this.#keys.indexOf(key);
    if (index < 0) return undefined;
    const value = this.#values[index] ?? '';
    const known = this.#memos?.[slot];
    if (known !== undefined && known.value === value) return known.parsed as T;
    const parsed = parse(value);
    this.#memos ??= [undefined, undefined, undefined, undefined, undefined];
    this.#memos[slot] = { value, parsed };
    return parsed;
  }

  /** Writes the names that are compact forms in full. */
  spellOut(): void {
    for (let i = 0; i < this.#names.length; i++) {
      const name = this.#names[i] ?? '';
      if (name.length > 1) continue;
      this.#names[i] = canonicalName(name);
      this.#changed ||= this.#names[i] !== name;
    }
  }

  /** The header block as it goes on the wire, `Content-Length` given anew. */
  print(contentLength: number): string {
    let text = '';
    for (let i = 0; i < this.#keys.length; i++) {
      if (this.#keys[i] !== 'content-length') text += `${this.#names[i]}: ${this.#values[i]}\r\n`;
    }
    return `${text}Content-Length: ${contentLength}\r\n\r\n`;
  }

  /** Copies every field of that key from another table, in order. */
  copy(key: string, from: HeaderTable): void {
    for (let i = 0; i < from.#keys.length; i++) {
      if (from.#keys[i] !== key) continue;
      this.#keys.push(key);
      this.#names.push(canonicalName(from.#names[i] ?? ''));
      this.#values.push(from.#values[i] ?? '');
    }
    const slot = slots[key];
    const memo = slot === undefined ? undefined : from.#memos?.[slot];
    if (slot === undefined || memo === undefined) return;
    this.#memos ??= [undefined, undefined, undefined, undefined, undefined];
    this.#memos[slot] = memo;
  }

  #insert(index: number, name: string, values: readonly string[]): void {
    const key = headerKey(name);
    this.#keys.splice(index, 0, ...values.map(() => key));
    this.#names.splice(index, 0, ...values.map(() => fieldName(name)));
    this.#values.splice(index, 0, ...values.map(oneLine));
    this.#changed = true;
  }

  #remove(key: string): void {
    if (!this.#keys.includes(key)) return;
    const kept = this.#keys.map((k) => k !== key);
    const keep = (_: string, i: number) => kept[i] === true;
    this.#names = this.#names.filter(keep);
    this.#values = this.#values.filter(keep);
    this.#keys = this.#keys.filter(keep);
    this.#changed = true;
  }
}

/** A header table with these fields, in this order. Line ends inside a value become blanks. */
export const createHeaders = (fields: Iterable<HeaderField> = []): Headers => tableOf(fields);

export const tableOf = (fields: Iterable<HeaderField>): HeaderTable => {
  if (fields instanceof HeaderTable) return fields.clone();
  const table = new HeaderTable();
  for (const { name, value } of fields) table.add(name, value);
  return table;
};
