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
/** How often that is looked at while INVITEs come, in milliseconds. */
const probeMs = 40;

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
 * Keeps new INVITEs from an application that does not keep up, so that it has time for the calls that it has (RFC 7339
 * in spirit): by how late its prompt answers are, and by its own 503s with Retry-After. Nothing else is ever held back.
 */
export class Backpressure {
  readonly #clock: Clock;
  readonly #lateMs: number;
  readonly #probe: BackpressureOptions['probe'];
  /** What this engine itself keeps up with. */
  readonly #own: Admission;
  #probedAt = Number.NEGATIVE_INFINITY;
  readonly #told = (ms: number): void => this.#own.late(ms);
  readonly #admissions = new WeakMap<Application, Admission>();
  readonly #offered = new WeakMap<IncomingRequest, number>();
  #refused = 0;

  constructor({ clock, lateMs, probe }: BackpressureOptions) {
    this.#clock = clock;
    this.#lateMs = lateMs;
    this.#probe = probe;
    this.#own = new Admission({ clock, targetMs: engineLateMs, fewest: 3, floor: 20 });
  }

  /** INVITEs refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether this engine itself has no time for a new INVITE; then Retry-After in seconds. */
  busy(request: SipRequest): number | undefined {
    const now = this.#clock.now();
    if (now - this.#probedAt >= probeMs) {
      this.#probedAt = now;
      this.#probe(this.#told);
    }
    return this.#own.admit(hasBegun(request)) ? undefined : this.#refuse();
  }

  /** Whether the application gets this new request; Retry-After in seconds when it does not. */
  refusal(application: Application, request: SipRequest): number | undefined {
    if (this.#lateMs === 0 || request.method !== 'INVITE') return undefined;
    return this.#of(application).admit(hasBegun(request)) ? undefined : this.#refuse();
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
    const admission = this.#of(application);
    admission.late(this.#clock.now() - at);
    if (isNewInvite && status === 503 && retryAfter) admission.refusedBeyond();
  }

  #refuse(): number {
    this.#refused += 1;
    // Not all at once again: 2 to 5 s.
    return 2 + (this.#refused % 4);
  }

  #of(application: Application): Admission {
    let admission = this.#admissions.get(application);
    if (admission === undefined) {
      admission = new Admission({ clock: this.#clock, targetMs: this.#lateMs, fewest: 5, floor: 20 });
      this.#admissions.set(application, admission);
    }
    return admission;
  }
}
