import type { Clock, Random } from '../../base/index.ts';
import type { DirectoryStore, Flow, Trunk } from '../../stores/index.ts';
import type { InviteFailure, Signaling } from '../call/signaling.ts';
import { Gateways } from './gateways.ts';
import { isOutsideNumber, NumberForms } from './number-form.ts';
import { outsideRoutes, type OutsideAsk, type OutsideTarget } from './outside-routes.ts';
import { TrunkSignaling } from './trunk-signaling.ts';

export type TrunkParts = {
  /** The way to every carrier; what it makes of it for calls is `signaling`. */
  readonly signaling: Signaling;
  readonly directory: DirectoryStore;
  readonly clock: Clock;
  readonly random: Random;
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

  constructor(parts: TrunkParts) {
    this.#parts = parts;
    const { signaling: inner, clock, random } = parts;
    this.gateways = new Gateways(clock);
    this.signaling = new TrunkSignaling({ inner, gateways: this.gateways, clock, random });
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

/** The trunk that a request comes from: by its source address and port, which nobody else is given. */
export function trunkAt(directory: DirectoryStore, source: Flow): Trunk | undefined {
  for (const { name } of directory.domains())
    for (const trunk of directory.trunks(name))
      if (trunk.host === source.address && trunk.port === source.port && trunk.transport === source.protocol)
        return trunk;
  return undefined;
}
