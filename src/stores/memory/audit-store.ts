import type { AuditEntry, AuditQuery, AuditStore } from '../audit-store.ts';
import { isAfter, pageOf, parseCursor } from '../cursor.ts';
import type { Page } from '../records-store.ts';

const newestFirst = (a: AuditEntry, b: AuditEntry) => b.at - a.at || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** The audit log in memory: the oldest go when there are more than `limit`. */
export class MemoryAuditStore implements AuditStore {
  readonly #limit: number;
  readonly #entries = new Map<string, AuditEntry>();

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  async append(entries: readonly AuditEntry[]): Promise<void> {
    for (const entry of entries) if (!this.#entries.has(entry.id)) this.#entries.set(entry.id, entry);
    for (const id of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) break;
      this.#entries.delete(id);
    }
  }

  async list(query: AuditQuery): Promise<Page<AuditEntry>> {
    const cursor = parseCursor(query.after);
    const found = [...this.#entries.values()]
      .filter((entry) => fits(entry, query) && isAfter(cursor, entry.at, entry.id))
      .sort(newestFirst);
    return pageOf(found, query.limit, ({ at, id }) => ({ at, id }));
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }
}

function fits(entry: AuditEntry, { domain, who, what, since, until }: AuditQuery): boolean {
  return (
    entry.domain === domain &&
    (who === undefined || entry.who === who) &&
    (what === undefined || entry.what === what || entry.what.startsWith(`${what}/`)) &&
    (since === undefined || entry.at >= since) &&
    (until === undefined || entry.at < until)
  );
}
