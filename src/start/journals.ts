import { systemClock as clock, type Logger } from '../base/index.ts';
import { Journal, type Binding, type DirectoryStore, type MemoryBindingStore } from '../stores/index.ts';
import { deviceById } from '../switch/directory/index.ts';
import type { Opened } from './closing.ts';
import { at } from './failure.ts';
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
