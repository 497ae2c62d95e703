import type { Clock, Timer } from '../base/index.ts';
import type { Dialog, IncomingRequest, OutgoingRequest } from '../sip/index.ts';
import type { Application } from './application.ts';

/**
 * Whose calls these are: one application, and, when its connection is lost, the same application as it comes back
 * within the grace time.
 */
export class Owner {
  application: Application | undefined;
  readonly dialogs = new Map<string, Dialog>();
  readonly waiting = new Map<string, IncomingRequest>();
  readonly outgoing = new Map<string, OutgoingRequest>();
  /** Runs while the application is gone. */
  grace: Timer | undefined;

  constructor(application: Application) {
    this.application = application;
  }

  get idle(): boolean {
    return this.dialogs.size === 0 && this.waiting.size === 0 && this.outgoing.size === 0;
  }
}

/** An application is known again by where it runs and the tags that it announces. */
const identity = (application: Application): string =>
  `${application.remote.address} ${[...application.tags].sort().join(',')}`;

/** The owners of all calls, and which of them wait for their application to come back. */
export class Owners {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #release: (owner: Owner) => void;
  readonly #byApplication = new Map<Application, Owner>();
  readonly #orphans = new Map<string, Owner[]>();

  /** `release` ends what the owner still has when nobody came back for it. */
  constructor(clock: Clock, graceMs: number, release: (owner: Owner) => void) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#release = release;
  }

  of(application: Application): Owner {
    let owner = this.#byApplication.get(application);
    if (owner === undefined) {
      owner = new Owner(application);
      this.#byApplication.set(application, owner);
    }
    return owner;
  }

  /** An application has authenticated: it gets back what it left, if it was here before. */
  arrived(application: Application): void {
    const key = identity(application);
    const orphans = this.#orphans.get(key);
    const owner = orphans?.shift();
    if (orphans?.length === 0) this.#orphans.delete(key);
    if (owner === undefined) return;
    owner.grace?.cancel();
    owner.grace = undefined;
    owner.application = application;
    this.#byApplication.set(application, owner);
  }

  lost(application: Application): void {
    const owner = this.#byApplication.get(application);
    this.#byApplication.delete(application);
    if (owner === undefined || owner.idle) return;
    owner.application = undefined;
    const key = identity(application);
    this.#orphans.set(key, [...(this.#orphans.get(key) ?? []), owner]);
    owner.grace = this.#clock.after(this.#graceMs, () => {
      const left = (this.#orphans.get(key) ?? []).filter((o) => o !== owner);
      if (left.length > 0) this.#orphans.set(key, left);
      else this.#orphans.delete(key);
      this.#release(owner);
    });
  }

  close(): void {
    for (const owners of this.#orphans.values()) for (const owner of owners) owner.grace?.cancel();
    this.#orphans.clear();
  }
}
