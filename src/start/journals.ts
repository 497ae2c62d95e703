import { systemClock as clock, type Logger } from '../base/index.ts';
import { Journal, type Binding, type DirectoryStore, type MemoryBindingStore } from '../stores/index.ts';
import { deviceById } from '../switch/directory/index.ts';
import type { Switch } from '../switch/index.ts';
import { CallJournal, endLeftovers, type KeptCall, type MediaWatch } from '../switch/records/index.ts';
import type { Opened } from './closing.ts';
import { at } from './failure.ts';
import type { Records } from './records.ts';
import type { Settings } from './settings.ts';

/**
 * Gives the registrations of an earlier process back, and keeps those to come in the data folder. A connection does not
 * outlive the process that held it: with the embedded engine what was registered over one is gone, as it is whenever a
 * connection closes, and the phone, which has seen it close, registers anew (RFC 5626 §4.2).
 */
export async function keepBindings(
  { folder, settings }: { readonly folder: string; readonly settings: Settings },
  { directory, bindings }: { readonly directory: DirectoryStore; readonly bindings: MemoryBindingStore },
  opened: Opened,
  logger: Logger,
): Promise<void> {
  const log = logger.child({ part: 'registrar' });
  const journal = await at('data', () => new Journal<Binding>({ folder, name: 'bindings', clock, log }));
  opened.add('journal of bindings', () => journal.close());
  const connectionsLive = settings.signaling.engine !== 'embedded';
  const now = clock.wall();
  const left = { expired: 0, disconnected: 0, unknown: 0 };
  const restored: Binding[] = [];
  for (const [id, binding] of journal.known) {
    const { userId, deviceId, userAgent, flow, expiresAt } = binding;
    const stranger =
      directory.userById(userId) === undefined || deviceById(directory, deviceId, userAgent) === undefined;
    const connected = flow.protocol === 'udp' || connectionsLive;
    if (expiresAt > now && connected && !stranger) restored.push(binding);
    else {
      left[expiresAt <= now ? 'expired' : stranger ? 'unknown' : 'disconnected']++;
      journal.remove(id);
    }
  }
  bindings.restore(restored, journal);
  log.info({ restored: restored.length, ...left }, 'registrations restored');
}

/** A call says several things within an instant; written one by one they would be a tenth of its cost. */
const gatherMs = 20;

/** What the journal of calls is put together of. */
export type CallParts = {
  readonly product: Switch;
  readonly media: MediaWatch;
  readonly kept: Pick<Records, 'keepRecord' | 'written'>;
  readonly directory: DirectoryStore;
};

/** Writes live calls down in the data folder, and ends those that an earlier process left there. */
export async function keepCalls(
  { folder, product, media, kept, directory }: CallParts & { readonly folder: string },
  opened: Opened,
  log: Logger,
): Promise<CallJournal> {
  const journal = await at(
    'data',
    () => new Journal<KeptCall>({ folder, name: 'calls', clock, log, gatherMs }),
  );
  opened.add('journal of calls', () => journal.close());
  const { events } = product;
  const calls = new CallJournal({ journal, events, dialogsOf: (id) => product.dialogsOf(id), clock });
  const off = kept.written.on('records', (records) => calls.kept(records));
  opened.add('live calls', () => {
    off();
    calls.close();
  });
  const leftovers = endLeftovers({
    journal,
    directory,
    keep: kept.keepRecord,
    endDialog: (dialog, reason) => product.endDialog(dialog, reason),
    forgetMedia: async (callId) => {
      const forgotten = media.command('delete', { 'call-id': callId });
      const quality = media.qualityOf(callId);
      await forgotten;
      return quality;
    },
    log,
  });
  leftovers.catch((error: unknown) =>
    log.error({ error: String(error) }, 'calls of an earlier process not ended'),
  );
  return calls;
}
