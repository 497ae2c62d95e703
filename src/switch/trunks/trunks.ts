import { Emitter, type Clock, type Logger, type Random, type Timer } from '../../base/index.ts';
import type { BindingStore, DirectoryStore, Trunk } from '../../stores/index.ts';
import type { InviteFailure, Refusal, Signaling, SipRequest } from '../call/signaling.ts';
import { gatewayName, Gateways, gatewaysOf, type GatewayState } from './gateways.ts';
import { trunkCall, type TrunkCall } from './inbound.ts';
import { isOutsideNumber, NumberForms } from './number-form.ts';
import { outsideRoutes, type OutsideAsk, type OutsideTarget } from './outside-routes.ts';
import { Pings } from './pings.ts';
import { Registrations, type RegistrationState } from './registrations.ts';
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

/** How a trunk stands; its registration only where it has one. */
export type TrunkState = {
  readonly domain: string;
  readonly name: string;
  readonly registration?: RegistrationState;
  readonly gateways: readonly (GatewayState & { readonly address: string })[];
};

export type TrunkEvents = { changed: TrunkState };

/** What there is to see of trunks from outside. */
export interface TrunkStates {
  /** Whether it is a number that is always called, before any extension. */
  isEmergency(dialled: string): boolean;
  /** A registration or a gateway has changed its state. */
  readonly events: Emitter<TrunkEvents>;
  state(domain: string, name: string): TrunkState | undefined;
  all(): readonly TrunkState[];
}

/** How long carriers are given to take a registration away when the switch stops. */
const leaveMs = 5000;

/** The gateways to the telephone network: which way a number goes out, and who a call comes from. */
export class Trunks implements TrunkStates {
  readonly events = new Emitter<TrunkEvents>();
  readonly gateways: Gateways;
  readonly forms = new NumberForms();
  /** What calls go through: it knows the ways of trunks. */
  readonly signaling: Signaling;
  readonly #parts: TrunkParts;
  readonly #sources: Sources;
  readonly #registrations: Registrations;
  readonly #pings: Pings;

  constructor(parts: TrunkParts) {
    this.#parts = parts;
    const { signaling: inner, directory, clock, random } = parts;
    this.gateways = new Gateways(clock);
    this.#sources = new Sources({ ...parts, resolve: parts.resolveName });
    this.signaling = new TrunkSignaling({ inner, gateways: this.gateways, clock, random });
    this.#registrations = new Registrations({ ...parts, signaling: this.signaling });
    this.#pings = new Pings({ ...parts, signaling: this.signaling, gateways: this.gateways });
    const changed = ({ trunk }: { readonly trunk: Trunk }) => this.#changed(trunk);
    this.gateways.events.on('changed', (event) => {
      const { trunk, gateway, now } = event;
      const said = { trunk: trunk.name, gateway: gatewayName(gateway) };
      if (now.state === 'resting')
        parts.log.warn({ ...said, reason: now.reason }, 'gateway fails, and rests');
      else parts.log.info(said, 'gateway answers');
      changed(event);
    });
    this.#registrations.events.on('changed', changed);
    directory.events.on('changed', ({ what, id, removed }) => {
      if (what === 'trunk' && removed) this.gateways.forget(id);
    });
  }

  state(domain: string, name: string): TrunkState | undefined {
    const trunk = this.#parts.directory.trunk(domain, name);
    if (trunk === undefined) return undefined;
    const registration = this.#registrations.state(trunk);
    return {
      domain,
      name,
      ...(registration === undefined ? {} : { registration }),
      gateways: gatewaysOf(trunk).map((gateway) => ({
        address: gatewayName(gateway),
        ...this.gateways.state(trunk, gateway),
      })),
    };
  }

  all(): readonly TrunkState[] {
    const { directory } = this.#parts;
    return directory
      .domains()
      .flatMap(({ name }) => directory.trunks(name))
      .flatMap(({ domain, name }) => this.state(domain, name) ?? []);
  }

  /** Takes our registrations away, and asks nobody any more; resolves when the carriers know, or have had their time. */
  async close(): Promise<void> {
    this.#sources.close();
    this.#pings.close();
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#parts.clock.after(leaveMs, resolve);
    });
    await Promise.race([this.#registrations.close(), late]);
    timer?.cancel();
  }

  #changed({ domain, name }: Trunk): void {
    const state = this.state(domain, name);
    if (state !== undefined) this.events.emit('changed', state);
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
