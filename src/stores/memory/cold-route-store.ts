import { Emitter } from '../../base/index.ts';
import type { ColdRoute, ColdRouteEvents, ColdRouteStore } from '../cold-route-store.ts';

/** Where a change is made durable before anybody sees it; throws when that fails. */
export type ColdRouteJournal = {
  set(route: ColdRoute): void;
  clear(userId: string): void;
  close(): void;
};

const nowhere: ColdRouteJournal = { set: () => undefined, clear: () => undefined, close: () => undefined };

/** Cold routes in memory, written through to a journal where there is one. */
export class MemoryColdRouteStore implements ColdRouteStore {
  readonly events = new Emitter<ColdRouteEvents>();
  readonly #routes: Map<string, ColdRoute>;
  readonly #journal: ColdRouteJournal;

  constructor(known: readonly ColdRoute[] = [], journal: ColdRouteJournal = nowhere) {
    this.#routes = new Map(known.map((route) => [route.userId, route]));
    this.#journal = journal;
  }

  of(userId: string): ColdRoute | undefined {
    return this.#routes.get(userId);
  }

  all(): readonly ColdRoute[] {
    return [...this.#routes.values()];
  }

  async set(route: ColdRoute): Promise<void> {
    this.#journal.set(route);
    this.#routes.set(route.userId, route);
    this.events.emit('changed', { userId: route.userId, route });
  }

  async clear(userId: string): Promise<boolean> {
    if (!this.#routes.has(userId)) return false;
    this.#journal.clear(userId);
    this.#routes.delete(userId);
    this.events.emit('changed', { userId, route: undefined });
    return true;
  }

  close(): void {
    this.#journal.close();
  }
}
