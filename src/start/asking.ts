import { join } from 'node:path';
import { systemClock as clock, type Logger } from '../base/index.ts';
import type { DirectoryStore, RoutingStore } from '../stores/index.ts';
import type { SwitchParts } from '../switch/index.ts';
import { CalendarFeeds } from '../switch/routing/index.ts';
import { CalendarReader } from './calendars.ts';
import type { Opened } from './closing.ts';
import { httpLookUps } from './look-ups.ts';
import type { Settings } from './settings.ts';

/** What rules ask beside the stores: calendars, of files in the data folder too, and look-ups. */
export function startAsking(
  { settings, folder }: { readonly settings: Settings; readonly folder: string },
  { directory, routing }: { readonly directory: DirectoryStore; readonly routing: RoutingStore },
  opened: Opened,
  logger: Logger,
): Required<Pick<SwitchParts, 'calendars' | 'lookUps'>> {
  const { hosts } = settings.routing;
  const log = logger.child({ part: 'rules' });
  const reader = new CalendarReader({ hosts, folder: join(folder, 'calendars') });
  opened.add('calendar reader', () => reader.close());
  const calendars = new CalendarFeeds({
    routing,
    domains: () => directory.domains().map(({ name }) => name),
    allows: reader.allows,
    read: (source, window) => reader.read(source, window),
    clock,
    log,
  });
  opened.add('calendars', () => calendars.close());
  return { calendars, lookUps: httpLookUps(hosts, log) };
}
