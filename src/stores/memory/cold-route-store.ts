import { Emitter } from '../../base/index.ts';
import type { ColdRoute, ColdRouteEvents, ColdRouteStore } from '../cold-route-store.ts';
import { WriteThrough } from '../write-through.ts';

/** Cold routes in memory: the default, and the cache of every other backend. */
export class MemoryColdRouteStore implements ColdRouteStore {
  readonly events = new Emitter<ColdRouteEvents>();
  readonly #routes: Map<string, ColdRoute>;
  readonly #through: WriteThrough;

  constructor(known: readonly ColdRoute[] = [], through = new WriteThrough()) {
    this.#routes = new Map(known.map((route) => [route.userId, route]));
    this.#through = through;
  }

  of(userId: string): ColdRoute | undefined {
    return this.#routes.get(userId);
  }

  all(): readonly ColdRoute[] {
    return [...this.#routes.values()];
  }

  set(route: ColdRoute): Promise<void> {
    const { userId } = route;
    return this.#through.change(() => ({
      changes: [{ kind: 'coldRoute', before: this.#routes.get(userId), after: route }],
      apply: () => {
        this.#routes.set(userId, route);
        this.events.emit('changed', { userId, route });
      },
    }));
  }

  clear(userId: string, by?: string): Promise<boolean> {
    return this.#through.change(() => {
      const before = this.#routes.get(userId);
      if (before === undefined) return { changes: [], apply: () => false };
      return {
        changes: [{ kind: 'coldRoute', before, after: undefined }],
        apply: () => {
          this.#routes.delete(userId);
          this.events.emit('changed', { userId, route: undefined, ...(by === undefined ? {} : { by }) });
          return true;
        },
      };
    });
  }
}
