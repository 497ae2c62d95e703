import type { Call } from './call.ts';
import type { Leg } from './leg.ts';
import type { DialogId } from './signaling.ts';

/** The live calls. */
export class Calls {
  readonly #byId = new Map<string, Call>();

  add(call: Call): void {
    this.#byId.set(call.id, call);
  }

  remove(call: Call): void {
    this.#byId.delete(call.id);
  }

  get(id: string): Call | undefined {
    return this.#byId.get(id);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Newest first. */
  all(): Call[] {
    return [...this.#byId.values()].toReversed();
  }

  ofUser(userId: string): Call[] {
    return this.all().filter((call) => call.users().has(userId));
  }

  /** The leg whose dialog this is, confirmed or early (RFC 3891 §3). */
  byDialog(id: DialogId): { call: Call; leg: Leg } | undefined {
    for (const call of this.#byId.values())
      for (const leg of call.legs) {
        const own = leg.dialog ?? leg.early;
        if (own === undefined || leg.state === 'ended') continue;
        if (own.callId === id.callId && own.localTag === id.localTag && own.remoteTag === id.remoteTag)
          return { call, leg };
      }
    return undefined;
  }
}
