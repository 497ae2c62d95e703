import { Admission, type Clock } from '../base/index.ts';
import type { IncomingRequest, SipRequest } from '../sip/index.ts';
import type { Application } from './application.ts';

export type BackpressureOptions = {
  readonly clock: Clock;
  /** Milliseconds that an application may take for what it answers at once; below 500, when phones repeat themselves. 0: for ever. */
  readonly lateMs: number;
  /** Finds out how long a datagram waits before it is read. */
  readonly probe: (told: (ms: number) => void) => void;
};

/** Milliseconds that what arrives may wait for this engine; below 500, when phones repeat themselves. */
const engineLateMs = 100;
/** How often that is looked at while requests come, in milliseconds. */
const probeMs = 40;

/** Registrations may be late by half of what calls may, and so give way before a call is refused. */
type Lanes = { readonly calls: Admission; readonly registrations: Admission };

const lanesOf = (clock: Clock, targetMs: number, fewest: number): Lanes => ({
  calls: new Admission({ clock, targetMs, fewest, floor: 20 }),
  registrations: new Admission({ clock, targetMs: targetMs / 2, fewest, floor: 1000 }),
});

/** Answers that an application gives without waiting for anybody: they say how far behind it is. */
const prompt = new Set([401, 407, 503]);

/**
 * It has been worked on before, replaces a call that is up (RFC 3891), or is a star code, by which calls that are up are
 * moved: others wait for those.
 */
const hasBegun = ({ headers, uri }: SipRequest): boolean =>
  /^sips?:(?:\*|%2a)/i.test(uri) ||
  headers.has('proxy-authorization') ||
  headers.has('authorization') ||
  headers.has('replaces');

/**
 * Keeps new INVITEs, and REGISTERs before those, from an application that does not keep up, so that it has time for the
 * calls that it has (RFC 7339 in spirit): by how late its prompt answers are, and by its own 503s with Retry-After to
 * INVITEs. Nothing else is ever held back.
 */
export class Backpressure {
  readonly #clock: Clock;
  readonly #lateMs: number;
  readonly #probe: BackpressureOptions['probe'];
  /** What this engine itself keeps up with. */
  readonly #own: Lanes;
  #probedAt = Number.NEGATIVE_INFINITY;
  readonly #told = (ms: number): void => this.#late(this.#own, ms);
  readonly #lanes = new WeakMap<Application, Lanes>();
  readonly #offered = new WeakMap<IncomingRequest, number>();
  readonly #refused = { calls: 0, registrations: 0 };

  constructor({ clock, lateMs, probe }: BackpressureOptions) {
    this.#clock = clock;
    this.#lateMs = lateMs;
    this.#probe = probe;
    this.#own = lanesOf(clock, engineLateMs, 3);
  }

  /** INVITEs and REGISTERs refused so far. */
  get refused(): { readonly calls: number; readonly registrations: number } {
    return this.#refused;
  }

  /** Whether this engine itself has no time for a new INVITE or REGISTER; then Retry-After in seconds. */
  busy(request: SipRequest): number | undefined {
    const now = this.#clock.now();
    if (now - this.#probedAt >= probeMs) {
      this.#probedAt = now;
      this.#probe(this.#told);
    }
    return this.#admit(this.#own, request);
  }

  /** Whether the application gets this new request; Retry-After in seconds when it does not. */
  refusal(application: Application, request: SipRequest): number | undefined {
    if (this.#lateMs === 0 || (request.method !== 'INVITE' && request.method !== 'REGISTER'))
      return undefined;
    return this.#admit(this.#of(application), request);
  }

  /** The application has been told of a request. */
  offered(incoming: IncomingRequest): void {
    if (this.#lateMs > 0) this.#offered.set(incoming, this.#clock.now());
  }

  /** It has answered. */
  answered(application: Application, incoming: IncomingRequest, status: number, retryAfter: boolean): void {
    const at = this.#offered.get(incoming);
    if (at === undefined) return;
    this.#offered.delete(incoming);
    const isNewInvite = incoming.request.method === 'INVITE' && !incoming.inDialog;
    if (isNewInvite && !prompt.has(status)) return;
    const lanes = this.#of(application);
    this.#late(lanes, this.#clock.now() - at);
    if (isNewInvite && status === 503 && retryAfter) lanes.calls.refusedBeyond();
  }

  #late({ calls, registrations }: Lanes, ms: number): void {
    calls.late(ms);
    registrations.late(ms);
  }

  /** Not all at once again: a call after 2 to 5 s, a registration after 5 to 14 s. */
  #admit(lanes: Lanes, request: SipRequest): number | undefined {
    if (request.method !== 'REGISTER')
      return lanes.calls.admit(hasBegun(request)) ? undefined : 2 + (++this.#refused.calls % 4);
    return lanes.registrations.admit(hasBegun(request))
      ? undefined
      : 5 + (++this.#refused.registrations % 10);
  }

  #of(application: Application): Lanes {
    let lanes = this.#lanes.get(application);
    if (lanes === undefined) {
      lanes = lanesOf(this.#clock, this.#lateMs, 5);
      this.#lanes.set(application, lanes);
    }
    return lanes;
  }
}
