import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Cursor } from '../cursor.ts';

/** What comes behind a cursor in a list that is ordered by a time and then the id, both downwards; all without one. */
export const olderThan = (column: string, cursor: Cursor | undefined): RawBuilder<SqlBool> =>
  cursor === undefined ? sql`true` : sql`(${sql.ref(column)}, id) < (${cursor.at}, ${cursor.id})`;
