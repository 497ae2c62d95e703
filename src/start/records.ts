import { systemClock as clock, type Logger, type Timer } from '../base/index.ts';
import {
  Outbox,
  SqlAuditStore,
  SqlRecordStore,
  type AuditEntry,
  type AuditStore,
  type CallRecord,
  type Database,
  type DirectoryStore,
  type RecordStore,
  type StoreHealth,
} from '../stores/index.ts';
import { RecordKeeper, type MediaWatch } from '../switch/records/index.ts';
import type { Switch } from '../switch/index.ts';
import type { Opened } from './closing.ts';

/** What is kept of calls and changes. Nobody waits for it: what cannot be written now is written later. */
export type Records = {
  readonly records: RecordStore;
  readonly audit: AuditStore;
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
  const recordBox = new Outbox<CallRecord>({
    what: 'call records',
    write: (batch) => records.add(batch),
    clock,
    log,
  });
  const auditBox = new Outbox<AuditEntry>({
    what: 'audit entries',
    write: (batch) => audit.append(batch),
    clock,
    log,
  });
  const forgetting = days === 0 ? undefined : forgetOld(records, days, log);
  opened.add('unwritten records', async () => {
    forgetting?.();
    await Promise.all([recordBox.close(), auditBox.close()]);
  });
  return {
    records,
    audit,
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

/** Makes a record of every call from here on; closing waits for the last ones. */
export function keepRecords(
  parts: {
    readonly product: Switch;
    readonly media: MediaWatch;
    readonly kept: Records;
    readonly directory: DirectoryStore;
  },
  opened: Opened,
  log: Logger,
): void {
  const { product, media, kept, directory } = parts;
  const keeper = new RecordKeeper({
    events: product.events,
    directory,
    qualityOf: (callId) => media.qualityOf(callId),
    keep: kept.keepRecord,
    log: log.child({ part: 'records' }),
  });
  opened.add('call records', async () => {
    keeper.close();
    await keeper.settled();
  });
}
