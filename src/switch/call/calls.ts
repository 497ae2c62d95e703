import type { Call, CallKeeper } from './call.ts';
import type { Leg } from './leg.ts';
import type { DialogId } from './signaling.ts';

/** The live calls, found by id and by user without looking at the others. */
export class Calls implements CallKeeper {
  readonly #byId = new Map<string, Call>();
  readonly #byUser = new Map<string, Set<Call>>();

  add(call: Call): void {
    this.#byId.set(call.id, call);
  }

  concerns(call: Call, userId: string): void {
    const calls = this.#byUser.get(userId);
    if (calls === undefined) this.#byUser.set(userId, new Set([call]));
    else calls.add(call);
  }

  ended(call: Call): void {
    this.#byId.delete(call.id);
    for (const userId of call.everyUser) {
      const calls = this.#byUser.get(userId);
      calls?.delete(call);
      if (calls?.size === 0) this.#byUser.delete(userId);
    }
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

  /** Calls that are the user's now, newest first. */
  ofUser(userId: string): Call[] {
    return [...(this.#byUser.get(userId) ?? [])].toReversed().filter((call) => call.users().has(userId));
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
