import { isAfter, pageOf, parseCursor } from '../cursor.ts';
import {
  numbersIn,
  type CallRecord,
  type Page,
  type RecordQuery,
  type RecordStore,
} from '../records-store.ts';

const newestFirst = (a: CallRecord, b: CallRecord) =>
  b.startedAt - a.startedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** Call records in memory: the oldest go when there are more than `limit`. */
export class MemoryRecordStore implements RecordStore {
  readonly #limit: number;
  readonly #records = new Map<string, CallRecord>();

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  async add(records: readonly CallRecord[]): Promise<void> {
    for (const record of records) this.#records.set(record.id, record);
    for (const id of this.#records.keys()) {
      if (this.#records.size <= this.#limit) break;
      this.#records.delete(id);
    }
  }

  async get(domain: string, id: string): Promise<CallRecord | undefined> {
    const record = this.#records.get(id);
    return record?.domain === domain ? record : undefined;
  }

  async list(query: RecordQuery): Promise<Page<CallRecord>> {
    const cursor = parseCursor(query.after);
    const found = [...this.#records.values()]
      .filter((record) => fits(record, query) && isAfter(cursor, record.startedAt, record.id))
      .sort(newestFirst);
    return pageOf(found, query.limit, ({ startedAt, id }) => ({ at: startedAt, id }));
  }

  async removeBefore(startedAt: number): Promise<number> {
    const old = [...this.#records.values()].filter((record) => record.startedAt < startedAt);
    for (const { id } of old) this.#records.delete(id);
    return old.length;
  }

  async close(): Promise<void> {
    this.#records.clear();
  }
}

function fits(record: CallRecord, query: RecordQuery): boolean {
  const { domain, userId, number, answered, since, until } = query;
  return (
    record.domain === domain &&
    (userId === undefined || record.userIds.includes(userId)) &&
    (number === undefined || [record.from, record.to, ...numbersIn(record)].includes(number)) &&
    (answered === undefined || (record.answeredAt !== undefined) === answered) &&
    (since === undefined || record.startedAt >= since) &&
    (until === undefined || record.startedAt < until)
  );
}
