import { Emitter, systemClock as clock, type Logger, type Timer } from '../base/index.ts';
import {
  Outbox,
  SqlAuditStore,
  SqlRecordStore,
  type AuditEntry,
  type AuditStore,
  type CallRecord,
  type Database,
  type RecordStore,
  type StoreHealth,
} from '../stores/index.ts';
import { RecordKeeper } from '../switch/records/index.ts';
import type { Opened } from './closing.ts';
import { keepCalls, type CallParts } from './journals.ts';

type RecordsWritten = { records: readonly CallRecord[] };

/** What is kept of calls and changes. Nobody waits for it: what cannot be written now is written later. */
export type Records = {
  readonly records: RecordStore;
  readonly audit: AuditStore;
  /** What has arrived in the database. */
  readonly written: Emitter<RecordsWritten>;
  readonly keepRecord: (record: CallRecord) => void;
  readonly keepAudit: (entry: AuditEntry) => void;
  /** Not written yet, and never to be written: too many waited. */
  readonly waiting: () => number;
  readonly lost: () => number;
};

const hourMs = 3_600_000;

/** Records and audit log in a database that is open. Each access tells `health` how it went. */
export function openRecords(
  database: Database,
  options: { readonly days: number; readonly health: StoreHealth; readonly log: Logger },
  opened: Opened,
): Records {
  const { days, health } = options;
  const log = options.log.child({ part: 'records' });
  const records = health.guard(new SqlRecordStore(database));
  const audit = health.guard(new SqlAuditStore(database));
  const written = new Emitter<RecordsWritten>();
  const recordBox = new Outbox<CallRecord>({
    what: 'call records',
    write: async (batch) => {
      await records.add(batch);
      written.emit('records', batch);
    },
    journalled: true,
    // A hundred together cost the database half of what ten times ten do.
    pauseMs: 200,
    clock,
    log,
  });
  const auditBox = new Outbox<AuditEntry>({
    what: 'audit entries',
    write: (batch) => audit.append(batch),
    clock,
    log,
  });
  const off = health.events.on('writable', () => {
    void recordBox.flush();
    void auditBox.flush();
  });
  const forgetting = days === 0 ? undefined : forgetOld(records, days, log);
  opened.add('unwritten records', async () => {
    off();
    forgetting?.();
    await Promise.all([recordBox.close(), auditBox.close()]);
  });
  return {
    records,
    audit,
    written,
    keepRecord: (record) => recordBox.put(record),
    keepAudit: (entry) => auditBox.put(entry),
    waiting: () => recordBox.waiting + auditBox.waiting,
    lost: () => recordBox.lost + auditBox.lost,
  };
}

/** Forgets records that are old enough, every hour; yields what ends that. */
function forgetOld(records: RecordStore, days: number, log: Logger): () => void {
  let timer: Timer;
  const forget = () => {
    timer = clock.after(hourMs, forget);
    records.removeBefore(clock.wall() - days * 24 * hourMs).then(
      (count) => count > 0 && log.info({ count, days }, 'old call records removed'),
      (error: unknown) => log.error({ error: String(error) }, 'old call records not removed'),
    );
  };
  forget();
  return () => timer.cancel();
}

/** Makes a record of every call from here on, and of those that an earlier process left; closing waits for the last. */
export async function keepRecords(
  parts: CallParts & { readonly folder: string },
  opened: Opened,
  logger: Logger,
): Promise<void> {
  const { product, media, kept, directory } = parts;
  const log = logger.child({ part: 'records' });
  const journal = await keepCalls(parts, opened, log);
  const keeper = new RecordKeeper({
    events: product.events,
    directory,
    qualityOf: (callId) => media.qualityOf(callId),
    keep: (record) => {
      journal.over(record);
      kept.keepRecord(record);
    },
    log,
  });
  opened.add('call records', async () => {
    keeper.close();
    await keeper.settled();
  });
}
