import type { Json } from './client.ts';

/** A column: its title, and what stands in it. */
export type Column = readonly [title: string, read: (row: Json) => unknown];

const shown = (value: unknown): string => {
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value)) return value.map(shown).join(' ');
  if (typeof value === 'object') return JSON.stringify(value);
  // Nothing from a phone may steer the terminal.
  return `${value as string | number | boolean}`.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
};

/** Rows in columns as wide as they need to be. */
export function table(columns: readonly Column[], rows: readonly Json[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, read]) => shown(read(row)))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return `${cells.map(line).join('\n')}\n`;
}

/** One thing, a line for each of its fields. */
export function sheet(thing: Json): string {
  const width = Math.max(0, ...Object.keys(thing).map((key) => key.length));
  return Object.entries(thing)
    .map(([key, value]) => `${key.padEnd(width)}  ${shown(value)}\n`)
    .join('');
}

/** A time of the API, as people read it. */
export const when = (wall: unknown): string | undefined =>
  typeof wall === 'number' ? new Date(wall).toISOString().replace('T', ' ').slice(0, 19) : undefined;
