import { Admission, type Clock } from '../../base/index.ts';
import type { MediaEngine } from './media-engine.ts';
import type { Incoming, Refusal } from './signaling.ts';

/** An INVITE may be this late, in milliseconds, before fewer are let in: each call waits several times in the same queue. */
const targetMs = 50;
/** Below this share of its time the thread has nothing standing in front of it, whatever the clocks say. */
const busyShare = 0.9;
/** Clocks of two machines in different time zones agree on the minutes and seconds within a quarter of an hour. */
const wrapMs = 900_000;
/** How long the least difference of the two clocks is believed, in milliseconds. */
const baselineMs = 60_000;

/** Milliseconds since midnight of `HH:MM:SS.uuuuuu`; undefined for anything else. */
function timeOfDay(stamp: string): number | undefined {
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d(?:\.\d+)?)$/.exec(stamp) ?? [];
  if (hours === undefined) return undefined;
  return (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000;
}

/** How long `stamp` is ago, wrapped to what clocks of different zones agree on. */
const ageOf = (at: number, wall: number): number => {
  const age = (((wall - at) % wrapMs) + wrapMs) % wrapMs;
  return age > wrapMs / 2 ? age - wrapMs : age;
};

/** The least of the last one to two minutes: what two clocks differ by when nothing waits. */
class Baseline {
  #least = Number.POSITIVE_INFINITY;
  #before = Number.POSITIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;

  above(age: number, now: number): number {
    if (now - this.#since > baselineMs) {
      this.#before = this.#least;
      this.#least = Number.POSITIVE_INFINITY;
      this.#since = now;
    }
    this.#least = Math.min(this.#least, age);
    return age - Math.min(this.#least, this.#before);
  }
}

export type OverloadParts = {
  readonly clock: Clock;
  /** The share of its time that this thread is busy, 0 to 1. */
  readonly busy: () => number;
};

/**
 * Refuses new calls that could not be served in time, before anything is done for them (RFC 7339 in spirit). The delay is
 * what lies between the stack's receipt of an INVITE, which it says, and now.
 */
export class Overload {
  readonly #clock: Clock;
  readonly #busy: () => number;
  readonly #admission: Admission;
  readonly #baseline = new Baseline();
  /** By how late the media engine is. */
  readonly #media: Admission;
  readonly #mediaBaseline = new Baseline();
  #refused = 0;

  constructor({ clock, busy }: OverloadParts) {
    this.#clock = clock;
    this.#busy = busy;
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
    const at = timeOfDay(incoming.receivedAt);
    if (at === undefined) return undefined;
    const late = this.#baseline.above(ageOf(at, this.#clock.wall()), this.#clock.now());
    this.#admission.late(this.#busy() < busyShare ? 0 : late);
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
