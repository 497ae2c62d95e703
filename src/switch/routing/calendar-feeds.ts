import type { Clock, Logger, Timer } from '../../base/index.ts';
import type { CalendarSource, RoutingStore } from '../../stores/index.ts';
import type { Calendars } from './call-routing.ts';
import type { CalendarContents, CalendarSpan, CalendarWindow } from './calendar-spans.ts';

const dayMs = 86_400_000;
/** Far enough to ask about next month's calls. */
const ahead = 62 * dayMs;

export type CalendarFeedParts = {
  readonly routing: RoutingStore;
  readonly domains: () => readonly string[];
  readonly allows: (url: string) => boolean;
  /** Reads a calendar's address; must not reject. */
  readonly read: (source: CalendarSource, window: CalendarWindow) => Promise<CalendarContents>;
  readonly clock: Clock;
  readonly log: Logger;
};

type Feed = {
  source: CalendarSource;
  timer: Timer | undefined;
  known: { readonly spans: readonly CalendarSpan[]; readonly window: CalendarWindow } | undefined;
  failing: boolean;
};

/** All calendars that rules name, read again and again. What was read last counts until something better is. */
export class CalendarFeeds implements Calendars {
  readonly #parts: CalendarFeedParts;
  readonly #feeds = new Map<string, Feed>();
  readonly #off: () => void;
  #closed = false;

  constructor(parts: CalendarFeedParts) {
    this.#parts = parts;
    for (const domain of parts.domains())
      for (const source of parts.routing.calendars(domain)) this.#begin(source);
    this.#off = parts.routing.events.on('changed', ({ what, domain, id }) => {
      if (what === 'calendar') this.#changed(domain, id);
    });
  }

  allows(url: string): boolean {
    return this.#parts.allows(url);
  }

  at(domain: string, name: string, wall: number): ReadonlySet<'busy' | 'out-of-office'> | undefined {
    const known = this.#feeds.get(keyOf({ domain, name }))?.known;
    if (known === undefined || wall < known.window.from || wall >= known.window.until) return undefined;
    return new Set(known.spans.filter(({ from, until }) => from <= wall && wall < until).map(({ is }) => is));
  }

  close(): void {
    this.#closed = true;
    this.#off();
    for (const { timer } of this.#feeds.values()) timer?.cancel();
    this.#feeds.clear();
  }

  #changed(domain: string, name: string): void {
    const source = this.#parts.routing.calendar(domain, name);
    const key = keyOf({ domain, name });
    const feed = this.#feeds.get(key);
    feed?.timer?.cancel();
    this.#feeds.delete(key);
    if (source !== undefined) this.#begin(source, feed);
  }

  /** Another address is another calendar; the same one, asked more often, keeps what is known. */
  #begin(source: CalendarSource, before?: Feed): void {
    const known = before?.source.url === source.url ? before.known : undefined;
    const feed: Feed = { source, timer: undefined, known, failing: false };
    this.#feeds.set(keyOf(source), feed);
    void this.#refresh(feed);
  }

  async #refresh(feed: Feed): Promise<void> {
    const { clock, read, allows } = this.#parts;
    const { source } = feed;
    const now = clock.wall();
    const window = { from: now - dayMs, until: now + ahead };
    // What is in the store may be older than the configuration.
    const came: CalendarContents = allows(source.url)
      ? await read(source, window)
      : { ok: false, why: 'the configuration does not allow its address' };
    if (this.#closed || this.#feeds.get(keyOf(source)) !== feed) return;
    if (came.ok) feed.known = { spans: came.spans, window };
    this.#tell(feed, came);
    feed.timer = clock.after(source.refreshSeconds * 1000, () => void this.#refresh(feed));
  }

  /** Once when it begins to fail, and once when it is well again. */
  #tell(feed: Feed, came: CalendarContents): void {
    const { log } = this.#parts;
    const { domain, name } = feed.source;
    if (!came.ok && !feed.failing)
      log.warn(
        { domain, calendar: name, why: came.why },
        feed.known === undefined
          ? 'calendar not read'
          : 'calendar not read; what was read last goes on counting',
      );
    if (came.ok && feed.failing) log.info({ domain, calendar: name }, 'calendar read again');
    feed.failing = !came.ok;
  }
}

const keyOf = ({ domain, name }: Pick<CalendarSource, 'domain' | 'name'>): string => `${domain}\n${name}`;
