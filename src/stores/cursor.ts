/** Where a page ended: lists are ordered by time and then id, both downwards. */
export type Cursor = { readonly at: number; readonly id: string };

const printCursor = ({ at, id }: Cursor): string => `${at}.${id}`;

export function parseCursor(text: string | undefined): Cursor | undefined {
  const [, at, id] = /^(\d{1,15})\.(.{1,200})$/.exec(text ?? '') ?? [];
  return at === undefined || id === undefined ? undefined : { at: Number(at), id };
}

/** Cuts what was read, one more than asked for, down to a page. */
export function pageOf<T>(
  items: readonly T[],
  limit: number,
  cursorOf: (item: T) => Cursor,
): { readonly items: readonly T[]; readonly next?: string } {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return items.length > limit && last !== undefined
    ? { items: page, next: printCursor(cursorOf(last)) }
    : { items: page };
}

/** Whether something comes later in the list than the cursor. */
export const isAfter = (cursor: Cursor | undefined, at: number, id: string): boolean =>
  cursor === undefined || at < cursor.at || (at === cursor.at && id < cursor.id);
