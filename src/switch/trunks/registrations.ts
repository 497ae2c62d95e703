import { Emitter, type Clock, type Logger, type Random, type Timer } from '../../base/index.ts';
import { trunkDefaults, type DirectoryStore, type Trunk } from '../../stores/index.ts';
import type { RequestAnswer, Signaling } from '../call/signaling.ts';
import { headerParameters, nameAddress, splitHeader, uriParts } from '../registrar/header-values.ts';
import { domainAt, userPart } from './caller-id.ts';
import { gatewaysOf } from './gateways.ts';
import { routeOver } from './outside-routes.ts';
import {
  startRegistration,
  stepRegistration,
  type Registration,
  type RegistrationAnswer,
  type RegistrationEffect,
  type RegistrationEvent,
} from './registration.ts';

/** How our registration at a carrier stands. Times are wall-clock milliseconds. */
export type RegistrationState = {
  readonly state: 'registering' | 'registered' | 'failed';
  readonly since: number;
  readonly expiresAt?: number;
  readonly reason?: string;
};

export type RegistrationEvents = {
  changed: { readonly trunk: Trunk; readonly now: RegistrationState };
};

export type RegistrationsParts = {
  readonly directory: DirectoryStore;
  /** Answers challenges by itself. */
  readonly signaling: Signaling;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
};

/** REGISTERs that a challenge or a second one may add to each that is sent. */
const cseqStep = 10;

/** One trunk's registration: the step with its requests and its timer. */
class Registering {
  readonly trunk: Trunk;
  state: RegistrationState;
  readonly gone: Promise<void>;
  readonly #parts: RegistrationsParts;
  readonly #changed: (now: RegistrationState) => void;
  readonly #callId: string;
  #cseq = 0;
  #machine: Registration;
  #timer: Timer | undefined;
  #leave: () => void = () => undefined;

  constructor(parts: RegistrationsParts, trunk: Trunk, changed: (now: RegistrationState) => void) {
    this.trunk = trunk;
    this.#parts = parts;
    this.#changed = changed;
    this.#callId = parts.random.hex(16);
    this.state = { state: 'registering', since: parts.clock.wall() };
    this.gone = new Promise((resolve) => {
      this.#leave = resolve;
    });
    const { registerSeconds = trunkDefaults.registerSeconds } = trunk;
    this.#machine = startRegistration(registerSeconds, gatewaysOf(trunk).length);
    this.#step({ kind: 'start' });
  }

  stop(): void {
    this.#step({ kind: 'stop' });
  }

  #step(event: RegistrationEvent): void {
    const [machine, effects] = stepRegistration(this.#machine, event);
    this.#machine = machine;
    if (machine.phase === 'leaving' || machine.phase === 'gone') this.#timer?.cancel();
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: RegistrationEffect): void {
    const { clock } = this.#parts;
    if (effect.do === 'register') void this.#register(effect.seconds, effect.gateway);
    else if (effect.do === 'wait') this.#timer = clock.after(effect.ms, () => this.#step({ kind: 'due' }));
    else if (effect.do === 'gone') this.#leave();
    else this.#say(effect);
  }

  #say(effect: Extract<RegistrationEffect, { do: 'registered' | 'failed' }>): void {
    const { clock, log } = this.#parts;
    const wall = clock.wall();
    const { state: before, since } = this.state;
    const state = effect.do;
    const kept = { state, since: before === state ? since : wall };
    if (effect.do === 'registered') {
      this.state = { ...kept, expiresAt: wall + effect.seconds * 1000 };
      if (before !== state) log.info({ trunk: this.trunk.name, seconds: effect.seconds }, 'trunk registered');
    } else {
      const repeated = this.state.reason === effect.reason;
      this.state = { ...kept, reason: effect.reason };
      if (!repeated) log.warn({ trunk: this.trunk.name, reason: effect.reason }, 'trunk not registered');
    }
    this.#changed(this.state);
  }

  async #register(seconds: number, place: number): Promise<void> {
    const { signaling, random } = this.#parts;
    const { trunk } = this;
    const gateways = gatewaysOf(trunk);
    const gateway = gateways[place] ?? { host: trunk.host };
    const user = userPart(trunk.username ?? trunk.name);
    const self = `<sip:${user}@${domainAt(trunk)}>`;
    const transport = trunk.transport === 'udp' ? '' : `;transport=${trunk.transport}`;
    this.#cseq += cseqStep;
    const headers = {
      From: self,
      To: self,
      // The engine puts its own address here, the one that it sends from.
      Contact: `<sip:${user}@localhost${transport}>;expires=${seconds}`,
      Expires: String(seconds),
      'Call-ID': this.#callId,
      CSeq: `${this.#cseq} REGISTER`,
    };
    const answer = await signaling
      .request('REGISTER', routeOver(trunk, gateway, ''), { headers })
      .catch((error: unknown) => ({ status: 503, reason: String(error) }));
    this.#step({ kind: 'answered', answer: read(answer, trunk), unit: random.unit() });
  }
}

const seconds = (text: string | undefined): number | undefined => {
  const found = /^\s*(\d{1,9})/.exec(text ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
};

/** What a REGISTER came to; of several contacts, ours are known by their user and the first to end counts. */
function read({ status, reason, get }: RequestAnswer, trunk: Trunk): RegistrationAnswer {
  const header = (name: string) => get?.(name);
  const ours = splitHeader(header('Contact') ?? '')
    .filter((value) => uriParts(value)?.user === (trunk.username ?? trunk.name))
    .flatMap((value) => seconds(headerParameters(nameAddress(value)?.rest ?? '').get('expires')) ?? []);
  const expires = ours.length > 0 ? Math.min(...ours) : seconds(header('Expires'));
  const minExpires = seconds(header('Min-Expires'));
  const retryAfter = seconds(header('Retry-After'));
  return {
    status,
    reason,
    ...(expires === undefined ? {} : { expires }),
    ...(minExpires === undefined ? {} : { minExpires }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** What of a trunk a registration is made of: when that changes, it is another one. */
const marks = (trunk: Trunk): string =>
  JSON.stringify([
    gatewaysOf(trunk),
    trunk.transport,
    trunk.username,
    trunk.password,
    trunk.carrierDomain,
    trunk.registerSeconds,
  ]);

/** Our registrations at all carriers that want one; they follow the directory. */
export class Registrations {
  readonly events = new Emitter<RegistrationEvents>();
  readonly #parts: RegistrationsParts;
  readonly #live = new Map<string, Registering>();
  /** What is being taken away: until it is, nothing is registered in its place, which it would take away too. */
  readonly #leaving = new Map<string, Registering>();
  readonly #off: () => void;
  #closed = false;

  constructor(parts: RegistrationsParts) {
    this.#parts = parts;
    this.#off = parts.directory.events.on('changed', ({ what }) => {
      if (what === 'trunk') this.#follow();
    });
    this.#follow();
  }

  state(trunk: Trunk): RegistrationState | undefined {
    return this.#live.get(trunk.id)?.state;
  }

  /** Takes every registration away; resolves when the carriers have answered, or will not. */
  async close(): Promise<void> {
    this.#off();
    this.#closed = true;
    for (const live of this.#live.values()) this.#stop(live);
    await Promise.all([...this.#leaving.values()].map(({ gone }) => gone));
  }

  #follow(): void {
    const { directory } = this.#parts;
    const wanted = directory
      .domains()
      .flatMap(({ name }) => directory.trunks(name))
      .filter(({ register }) => register);
    for (const [id, live] of this.#live) {
      if (wanted.some((trunk) => trunk.id === id && marks(trunk) === marks(live.trunk))) continue;
      this.#stop(live);
    }
    for (const trunk of wanted) {
      if (this.#closed || this.#live.has(trunk.id) || this.#leaving.has(trunk.id)) continue;
      const changed = (now: RegistrationState) => this.events.emit('changed', { trunk, now });
      this.#live.set(trunk.id, new Registering(this.#parts, trunk, changed));
    }
  }

  #stop(live: Registering): void {
    const { id } = live.trunk;
    this.#live.delete(id);
    this.#leaving.set(id, live);
    live.stop();
    void live.gone.then(() => {
      this.#leaving.delete(id);
      this.#follow();
    });
  }
}
