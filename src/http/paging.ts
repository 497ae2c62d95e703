import { paging, query } from './schemas.ts';

export type PageAsked = { readonly limit?: number; readonly after?: string };

/** The query of a list that comes in pages when somebody asks for a part of it. */
export const partOf = query({
  limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'As many at most; all when absent' },
  after: paging.after,
});

/** The part of a list that is asked for, by name; `next` is where the following one begins. */
export function pageBy<T, Shown>(
  things: readonly T[],
  { limit = Infinity, after }: PageAsked,
  { name, show }: { readonly name: (thing: T) => string; readonly show: (thing: T) => Shown },
): { readonly items: readonly Shown[]; readonly next?: string } {
  if (limit === Infinity && after === undefined) return { items: things.map(show) };
  const rest = things
    .map((thing) => ({ key: name(thing), thing }))
    .filter(({ key }) => after === undefined || key > after)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(({ thing }) => show(thing)),
    ...(rest.length > shown.length && last !== undefined ? { next: last.key } : {}),
  };
}
