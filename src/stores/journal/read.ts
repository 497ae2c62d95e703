import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLines, type Line } from './line.ts';

export const version = 1;

/** One file of a journal; the higher its number the newer. */
export type JournalFile = { readonly path: string; readonly number: number };

export const fileName = (name: string, number: number): string =>
  `${name}-${String(number).padStart(6, '0')}.journal`;

/** The files of a journal, oldest first. */
export function journalFiles(folder: string, name: string): readonly JournalFile[] {
  return readdirSync(folder)
    .flatMap((file) => {
      const [, of, number] = /^(.+)-(\d{6,15})\.journal$/.exec(file) ?? [];
      return of === name ? [{ path: join(folder, file), number: Number(number) }] : [];
    })
    .toSorted((a, b) => a.number - b.number);
}

/** What a journal's files say. `unreadable` have something wrong in them that no end of a process explains. */
export type Read<T> = {
  readonly known: Map<string, T>;
  readonly files: readonly JournalFile[];
  readonly unreadable: readonly (JournalFile & { readonly why: string })[];
  /** Bytes of writes that were cut off. */
  readonly torn: number;
};

/**
 * Reads the files in order. One that is whole makes those before it count for nothing; what follows it, and it may be
 * another that was begun and not finished, changes what it said.
 */
export function readJournal<T>(folder: string, name: string): Read<T> {
  const files = journalFiles(folder, name);
  const known = new Map<string, T>();
  const unreadable: (JournalFile & { readonly why: string })[] = [];
  let torn = 0;
  for (const file of files) {
    const read = readLines(readFileSync(file.path));
    const why = wrongIn(read, name);
    if (why !== undefined) unreadable.push({ ...file, why });
    if (read.lines.length > 0 && !isOurs(read.lines[0], name)) continue;
    torn += read.torn;
    if (read.lines.some((line) => 'whole' in line)) known.clear();
    for (const line of read.lines) if ('key' in line) apply(known, line.key, line.value as T | undefined);
  }
  return { known, files, unreadable, torn };
}

function apply<T>(known: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) known.delete(key);
  else known.set(key, value);
}

const isOurs = (line: Line | undefined, name: string): boolean =>
  // Without its first line a file is damaged, and its other lines are still what they are.
  line !== undefined && (!('journal' in line) || (line.journal === name && line.version === version));

function wrongIn({ lines, damaged }: ReturnType<typeof readLines>, name: string): string | undefined {
  const [first] = lines;
  if (first !== undefined && !isOurs(first, name)) return 'written by another version';
  if (damaged > 0) return `${damaged} damaged lines`;
  return first !== undefined && !('journal' in first) ? 'its beginning is missing' : undefined;
}
