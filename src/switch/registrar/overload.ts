import { Admission } from '../../base/index.ts';
import { Lateness, type LatenessParts } from '../lateness.ts';

/** Less than a call may be late, so that registrations give way before a call is refused. */
const targetMs = 40;
/** REGISTERs a second that are taken at any rate: some hundredths of a core, and a start that is slow at first goes on. */
const floor = 1000;

/**
 * Refuses REGISTERs that come faster than they can be answered, as after a power cut, before they keep calls waiting
 * (RFC 7339 in spirit). A phone that is registered, and one that has answered its challenge, go before new ones.
 */
export class RegisterOverload {
  readonly #lateness: Lateness;
  readonly #admission: Admission;
  #refused = 0;

  constructor(parts: LatenessParts) {
    this.#lateness = new Lateness(parts);
    this.#admission = new Admission({ clock: parts.clock, targetMs, floor });
  }

  /** REGISTERs refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Retry-After in seconds for a REGISTER that is one too many; `received` is the stamp that the stack gave it. */
  refusal(received: string, isKnown: () => boolean): number | undefined {
    const late = this.#lateness.of(received);
    if (late === undefined) return undefined;
    this.#admission.late(late);
    const isLimited = this.#admission.limit < Number.POSITIVE_INFINITY;
    if (this.#admission.admit(isLimited && isKnown())) return undefined;
    this.#refused += 1;
    // Not all at once again: 5 to 14 s.
    return 5 + (this.#refused % 10);
  }
}
