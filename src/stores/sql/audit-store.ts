import type { AuditEntry, AuditQuery, AuditStore } from '../audit-store.ts';
import { pageOf, parseCursor } from '../cursor.ts';
import type { Page } from '../records-store.ts';
import type { Database } from './database.ts';
import { olderThan } from './older-than.ts';

/** The audit log in a database, which itself refuses to change or remove an entry. Who owns the database closes it. */
export class SqlAuditStore implements AuditStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async append(entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#database
      .insertInto('audit')
      .values(
        entries.map((entry) => ({
          id: entry.id,
          domain: entry.domain,
          at: entry.at,
          who: entry.who,
          what: entry.what,
          body: JSON.stringify(entry),
        })),
      )
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
  }

  async list(query: AuditQuery): Promise<Page<AuditEntry>> {
    const { domain, who, what, since, until, limit } = query;
    const cursor = parseCursor(query.after);
    const rows = await this.#database
      .selectFrom('audit')
      .select('body')
      .where('domain', '=', domain)
      .$if(who !== undefined, (q) => q.where('who', '=', who ?? ''))
      .$if(what !== undefined, (q) =>
        // A path and what lies beneath it: '0' is the character after '/'.
        q.where((is) =>
          is.or([
            is('what', '=', what ?? ''),
            is.and([is('what', '>=', `${what}/`), is('what', '<', `${what}0`)]),
          ]),
        ),
      )
      .$if(since !== undefined, (q) => q.where('at', '>=', since ?? 0))
      .$if(until !== undefined, (q) => q.where('at', '<', until ?? 0))
      .where(olderThan('at', cursor))
      .orderBy('at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return pageOf(
      rows.map(({ body }) => JSON.parse(body) as AuditEntry),
      limit,
      ({ at, id }) => ({ at, id }),
    );
  }

  async close(): Promise<void> {}
}
