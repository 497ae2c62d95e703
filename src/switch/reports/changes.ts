import type { AuditEntry, AuditStore } from '../../stores/index.ts';

/** A change of how calls are directed: where figures before and after can be compared (S2-70). */
export type Change = Pick<AuditEntry, 'id' | 'at' | 'who' | 'action' | 'what'>;

const directing =
  /^(policy|schedules|caller-lists|calendars|trunks|numbers|groups)(\/|$)|^users\/[^/]+\/(rules|profile|presence|cold-route)(\/|$)/;

/** The newest of them, at most `most`; `what` is a path or its beginning, such as `users/100`. */
export async function changesOf(
  audit: AuditStore,
  asked: {
    readonly domain: string;
    readonly what?: string;
    readonly since?: number;
    readonly until?: number;
  },
  most: number,
): Promise<readonly Change[]> {
  const found: Change[] = [];
  let after: string | undefined;
  // Other entries lie in between; a few thousand of them are looked through, and no more.
  for (let pages = 0; pages < 20 && found.length < most; pages++) {
    // oxlint-disable-next-line no-await-in-loop -- one page after the other
    const page = await audit.list({ ...asked, limit: 500, ...(after === undefined ? {} : { after }) });
    for (const { id, at, who, action, what } of page.items)
      if (directing.test(what)) found.push({ id, at, who, action, what });
    after = page.next;
    if (after === undefined) break;
  }
  return found.slice(0, most);
}
