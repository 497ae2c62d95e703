import type { Emitter } from '../base/index.ts';

/** The one device that rings for a user until it is taken back. `setAt` is wall-clock milliseconds. */
export type ColdRoute = {
  readonly userId: string;
  readonly deviceId: string;
  readonly setAt: number;
  /** A device's extension, or who asked through the API. */
  readonly setBy: string;
};

export type ColdRouteEvents = {
  /** `route` is absent when all devices ring again; `by` says who has taken it back, and nothing when it went with its device. */
  changed: { readonly userId: string; readonly route: ColdRoute | undefined; readonly by?: string };
};

/**
 * Users' cold routes: one at most each, for ever until it is changed. Look-ups are synchronous and see a change at
 * once; a change resolves when it is durable, and rejects, with nothing changed, when it cannot be made so.
 */
export interface ColdRouteStore {
  readonly events: Emitter<ColdRouteEvents>;
  of(userId: string): ColdRoute | undefined;
  all(): readonly ColdRoute[];
  set(route: ColdRoute): Promise<void>;
  /** All devices ring again; yields whether there was anything to take back. `by` is as `setBy`. */
  clear(userId: string, by?: string): Promise<boolean>;
}
