import type { Trunk } from '../directory-store.ts';
import type { CalendarSource, CallerList, Schedule } from '../routing-store.ts';
import type { Change, KeptRecords } from '../write-through.ts';
import type { Tables } from './schema.ts';

type Kind = keyof KeptRecords;
type Columns = Readonly<Record<string, string | number>>;

/** How records of one kind lie in their table. */
export type KeptTable<T> = {
  readonly table: keyof Tables;
  /** What tells a record from every other one. */
  readonly key: (record: T) => Columns;
  /** The other columns. */
  readonly rest: (record: T) => Columns;
  readonly record: (row: never) => T;
  /** The columns that they are read in the order of: the same one at each start. */
  readonly order: readonly string[];
  /** Rows elsewhere that go when the record is removed. */
  readonly dependents?: (record: T) => readonly (readonly [table: keyof Tables, where: Columns])[];
};

/** Records that are JSON, in full, beside the columns that they are found by. */
function json<T>(
  table: keyof Tables,
  key: (record: T) => Columns,
  more: Pick<KeptTable<T>, 'dependents' | 'order'> & { readonly columns?: (record: T) => Columns },
): KeptTable<T> {
  const { columns = () => ({}), ...rest } = more;
  return {
    table,
    key,
    rest: (record) => ({ ...columns(record), body: JSON.stringify(record) }),
    record: ({ body }: { readonly body: string }) => JSON.parse(body) as T,
    ...rest,
  };
}

const routingOf = (domain: string, kind: string, owner: string) =>
  ['routings', { domain, kind, owner }] as const;

type Named = { readonly domain: string; readonly name: string };
const named = ({ domain, name }: Named) => ({ domain, name });

export const keptTables: { readonly [K in Kind]: KeptTable<KeptRecords[K]> } = {
  domain: json('domains', ({ name }) => ({ name }), { order: ['name'] }),
  user: json('users', ({ id }) => ({ id }), {
    order: ['domain', 'extension'],
    columns: ({ domain, extension }) => ({ domain, extension }),
    dependents: ({ domain, id }) => [['cold_routes', { user_id: id }], routingOf(domain, 'user', id)],
  }),
  device: json('devices', ({ id }) => ({ id }), {
    order: ['domain', 'extension'],
    columns: ({ domain, extension, userId }) => ({ domain, extension, user_id: userId }),
    dependents: ({ id }) => [['cold_routes', { device_id: id }]],
  }),
  group: json('ring_groups', ({ id }) => ({ id }), {
    order: ['domain', 'extension'],
    columns: ({ domain, extension }) => ({ domain, extension }),
    dependents: ({ domain, id }) => [routingOf(domain, 'group', id)],
  }),
  number: json('numbers', ({ domain, number }) => ({ domain, number }), {
    order: ['domain', 'number'],
    dependents: ({ domain, number }) => [routingOf(domain, 'number', number)],
  }),
  trunk: json<Trunk>('trunks', ({ id }) => ({ id }), { order: ['domain', 'name'], columns: named }),
  coldRoute: {
    table: 'cold_routes',
    order: ['user_id'],
    key: ({ userId }) => ({ user_id: userId }),
    rest: ({ deviceId, setAt, setBy }) => ({ device_id: deviceId, set_at: setAt, set_by: setBy }),
    record: ({ user_id, device_id, set_at, set_by }: Tables['cold_routes']) => ({
      userId: user_id,
      deviceId: device_id,
      setAt: set_at,
      setBy: set_by,
    }),
  },
  routing: json('routings', ({ owner: { domain, kind, id } }) => ({ domain, kind, owner: id }), {
    order: ['domain', 'kind', 'owner'],
  }),
  schedule: json<Schedule>('schedules', named, { order: ['domain', 'name'] }),
  callerList: json<CallerList>('caller_lists', named, { order: ['domain', 'name'] }),
  calendar: json<CalendarSource>('calendars', named, { order: ['domain', 'name'] }),
  policy: json('policies', ({ domain }) => ({ domain }), { order: ['domain'] }),
};

/** One statement: a row put, or rows removed. */
export type RowChange =
  | {
      readonly table: keyof Tables;
      readonly do: 'put';
      readonly key: Columns;
      readonly rest: Columns;
    }
  | { readonly table: keyof Tables; readonly do: 'remove'; readonly where: Columns };

/** What a change comes to in the tables. */
export function rowChangesOf({ kind, before, after }: Change): readonly RowChange[] {
  const { table, key, rest, dependents } = keptTables[kind] as KeptTable<KeptRecords[Kind]>;
  if (after !== undefined) return [{ table, do: 'put', key: key(after), rest: rest(after) }];
  if (before === undefined) return [];
  const others = dependents?.(before) ?? [];
  return [...others, [table, key(before)] as const].map(([from, where]) => ({
    table: from,
    do: 'remove',
    where,
  }));
}
