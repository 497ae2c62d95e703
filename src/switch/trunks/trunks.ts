import type { Clock, Logger, Random } from '../../base/index.ts';
import type { BindingStore, DirectoryStore, Trunk } from '../../stores/index.ts';
import type { InviteFailure, Refusal, Signaling, SipRequest } from '../call/signaling.ts';
import { Gateways } from './gateways.ts';
import { trunkCall, type TrunkCall } from './inbound.ts';
import { isOutsideNumber, NumberForms } from './number-form.ts';
import { outsideRoutes, type OutsideAsk, type OutsideTarget } from './outside-routes.ts';
import { Sources, type ResolveName } from './sources.ts';
import { TrunkSignaling } from './trunk-signaling.ts';

export type TrunkParts = {
  /** The way to every carrier; what it makes of it for calls is `signaling`. */
  readonly signaling: Signaling;
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Looks names of carriers up; without it only addresses are known. */
  readonly resolveName?: ResolveName;
  /** Numbers that are always called, over any trunk. */
  readonly emergencyNumbers: readonly string[];
};

/** The gateways to the telephone network: which way a number goes out, and who a call comes from. */
export class Trunks {
  readonly gateways: Gateways;
  readonly forms = new NumberForms();
  /** What calls go through: it knows the ways of trunks. */
  readonly signaling: Signaling;
  readonly #parts: TrunkParts;
  readonly #sources: Sources;

  constructor(parts: TrunkParts) {
    this.#parts = parts;
    const { signaling: inner, clock, random } = parts;
    this.gateways = new Gateways(clock);
    this.#sources = new Sources({ ...parts, resolve: parts.resolveName });
    this.signaling = new TrunkSignaling({ inner, gateways: this.gateways, clock, random });
  }

  close(): void {
    this.#sources.close();
  }

  /**
   * The call that a trunk makes, known by where it comes from; undefined for everybody else, and for carriers that have to
   * prove who they are, which `callBy` takes. Refused when nothing of that trunk's was called.
   */
  callFrom(request: SipRequest): TrunkCall | Refusal | undefined {
    const trunk = this.#at(request);
    return trunk === undefined || trunk.inbound?.credentials !== undefined
      ? undefined
      : trunkCall({ directory: this.#parts.directory, forms: this.forms }, trunk, request);
  }

  /** The call of a carrier that has proved who it is; from where it was told to call, if it was. */
  callBy(trunk: Trunk, request: SipRequest): TrunkCall | Refusal {
    const elsewhere = trunk.inbound?.sources !== undefined && this.#at(request)?.id !== trunk.id;
    return elsewhere
      ? { status: 403, reason: 'Wrong username or password' }
      : trunkCall({ directory: this.#parts.directory, forms: this.forms }, trunk, request);
  }

  /** A phone may live at a trunk's address; the way over which it has registered is the phone's. */
  #at({ source }: SipRequest): Trunk | undefined {
    const trunk = this.#sources.at(source);
    return trunk === undefined || this.#parts.bindings.ofFlow(source).length > 0 ? undefined : trunk;
  }

  /** Whether it is an emergency number, which passes every limit and policy. */
  isEmergency(dialled: string): boolean {
    return this.#parts.emergencyNumbers.includes(dialled);
  }

  /**
   * All ways to an outside number, to be rung one after the other while `goesOn` says so of the failure before. Empty when
   * no trunk takes it. Who may call outside is for the caller of this to know: calls from one trunk go to another one
   * only when a user's forwarding says so.
   */
  outsideRoutes(ask: OutsideAsk): readonly OutsideTarget[] {
    const emergency = ask.emergency ?? this.isEmergency(ask.number);
    if (!emergency && !isOutsideNumber(ask.number)) return [];
    const { directory, random } = this.#parts;
    return outsideRoutes(
      { directory, random, gateways: this.gateways, forms: this.forms },
      { ...ask, emergency },
    );
  }
}

/**
 * Whether a failure is the gateway's and not the called person's, so that another gateway may do better: no answer to the
 * request, a server that cannot (RFC 3261 §21.5), or credentials of ours that it does not take.
 */
export const goesOn = ({ status, undelivered }: InviteFailure): boolean =>
  undelivered === true ||
  [401, 407, 408, 430].includes(status) ||
  (status >= 500 && status < 600 && status !== 501 && status !== 505 && status !== 513);
