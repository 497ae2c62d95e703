import type { Clock, Logger, Random } from '../base/index.ts';
import type { AuditStore, BindingStore, DirectoryStore, RecordStore, RoutingStore } from '../stores/index.ts';
import type { Switch } from '../switch/index.ts';
import type { AuditLog } from './audit-log.ts';
import type { Etags } from './etag.ts';
import type { EventStreams } from './event-streams.ts';
import type { Failures } from './limits.ts';
import type { Backup } from './routes/backup.ts';
import type { Sessions } from './sessions.ts';

/** What the API's resources are made of. */
export type ApiParts = {
  /** The domain that the administrator's token is for, and in which users log in. */
  readonly domain: string;
  readonly product: Switch;
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly routing: RoutingStore;
  /** Absent where the data lies on a server of its own. */
  readonly backup?: (() => Promise<Backup>) | undefined;
  readonly records: RecordStore;
  readonly audit: AuditStore;
  readonly auditLog: AuditLog;
  readonly sessions: Sessions;
  readonly pinFailures: Failures;
  readonly streams: EventStreams;
  readonly etags: Etags;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};
