import type { CallRecord, RecordStore } from '../../stores/index.ts';

/** Which records a report is made of: those that began within `since` (inclusive) and `until`, all when not given. */
export type Period = {
  readonly domain: string;
  readonly since?: number;
  readonly until?: number;
};

/** How much a report rests on. `complete` is false when there were more records than one report reads. */
export type Basis = { readonly records: number; readonly complete: boolean; readonly oldest?: number };

/** Records of a page are read at one go, and calls wait for as long: a few milliseconds. */
const pageSize = 100;

/** Other work goes on between two pages. */
const pause = () => new Promise<void>((done) => void setImmediate(done));

/** Shows every record of the period, newest first, and no more than `most` of them. */
export async function scan(
  store: Pick<RecordStore, 'list'>,
  period: Period,
  visit: (record: CallRecord) => void,
  most = 100_000,
): Promise<Basis> {
  let records = 0;
  let oldest: number | undefined;
  let after: string | undefined;
  do {
    const limit = Math.min(pageSize, most - records);
    // oxlint-disable-next-line no-await-in-loop -- one page after the other
    const page = await store.list({ ...period, limit, ...(after === undefined ? {} : { after }) });
    for (const record of page.items) visit(record);
    records += page.items.length;
    oldest = page.items.at(-1)?.startedAt ?? oldest;
    after = page.next;
    // oxlint-disable-next-line no-await-in-loop -- likewise
    await pause();
  } while (after !== undefined && records < most);
  return { records, complete: after === undefined, ...(oldest === undefined ? {} : { oldest }) };
}
