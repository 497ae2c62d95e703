import { Admission, type Clock } from '../../base/index.ts';
import { Baseline, Lateness, type LatenessParts } from '../lateness.ts';
import type { MediaEngine } from './media-engine.ts';
import type { Incoming, Refusal } from './signaling.ts';

/** An INVITE may be this late, in milliseconds, before fewer are let in: each call waits several times in the same queue. */
const targetMs = 50;

/**
 * Refuses new calls that could not be served in time, before anything is done for them (RFC 7339 in spirit). The delay is
 * what lies between the stack's receipt of an INVITE, which it says, and now.
 */
export class Overload {
  readonly #clock: Clock;
  readonly #lateness: Lateness;
  readonly #admission: Admission;
  /** By how late the media engine is. */
  readonly #media: Admission;
  readonly #mediaBaseline = new Baseline();
  #refused = 0;

  constructor({ clock, busy }: LatenessParts) {
    this.#clock = clock;
    this.#lateness = new Lateness({ clock, busy });
    this.#admission = new Admission({ clock, targetMs });
    this.#media = new Admission({ clock, targetMs });
  }

  /** Calls refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** New calls let in a second; Infinity while there is no need to hold any back. */
  get limit(): number {
    return Math.min(this.#admission.limit, this.#media.limit);
  }

  /** The same engine, and what it takes for a command counts: a call waits for several. */
  watched(engine: MediaEngine): MediaEngine {
    const waited = (since: number) => {
      const now = this.#clock.now();
      this.#media.late(this.#mediaBaseline.above(now - since, now));
    };
    return {
      announces: engine.announces ?? false,
      get alive() {
        return engine.alive;
      },
      onLost: (tell) => engine.onLost?.(tell),
      close: () => engine.close(),
      command: (name, fields) => {
        const since = this.#clock.now();
        return engine.command(name, fields).finally(() => waited(since));
      },
    };
  }

  /**
   * 503 for an INVITE that is one too many. What moves a call that is up, calls for
   * help (RFC 5031) and who has been challenged before go first.
   */
  refusal(incoming: Incoming, dialled: string, emergency = false): Refusal | undefined {
    const late = this.#lateness.of(incoming.receivedAt);
    if (late === undefined) return undefined;
    this.#admission.late(late);
    const begun =
      emergency ||
      dialled.startsWith('*') ||
      /^urn:service:sos\b/i.test(incoming.uri) ||
      incoming.get('Proxy-Authorization') !== undefined ||
      incoming.get('Authorization') !== undefined ||
      incoming.get('Replaces') !== undefined;
    if (this.#media.admit(begun) && this.#admission.admit(begun)) return undefined;
    this.#refused += 1;
    // Not all at once again: 2 to 5 s.
    const seconds = 2 + (this.#refused % 4);
    return { status: 503, reason: 'Overloaded', headers: { 'Retry-After': String(seconds) } };
  }
}
