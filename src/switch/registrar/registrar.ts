import type { Clock, Logger } from '../../base/index.ts';
import type {
  Binding,
  BindingStore,
  ContactChange,
  Device,
  DirectoryStore,
  Flow,
  RegisterOutcome,
  Registration,
  User,
} from '../../stores/index.ts';
import { deviceById } from '../directory/index.ts';
import type { Authenticator } from './authenticator.ts';
import { parseContacts, type ContactValue } from './contacts.ts';
import { splitHeader, uriParts } from './header-values.ts';
import type { RegisterOverload } from './overload.ts';
import { flowOf, type SipRequest, type SipResponse } from './request.ts';

/** Seconds. */
export type RegistrarPolicy = {
  readonly minExpires: number;
  readonly maxExpires: number;
  readonly defaultExpires: number;
  /** Contacts in one REGISTER. */
  readonly maxContacts: number;
};

export type RegistrarOptions = {
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly authenticator: Authenticator;
  readonly policy: RegistrarPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without it nothing is refused for want of time. */
  readonly overload?: RegisterOverload;
};

/** An answer to a REGISTER. */
export type RegisterAnswer = {
  readonly status: number;
  readonly reason: string;
  readonly headers: Record<string, string>;
};

const answer = (status: number, reason: string, headers: Record<string, string> = {}): RegisterAnswer => ({
  status,
  reason,
  headers,
});

const supported = ['path', 'outbound'];
const oneHour = 3600;

/** A REGISTER whose sender is known and may do what it asks. */
type Accepted = { readonly user: User; readonly device: Device; readonly aor: string };

/** The registrar (RFC 3261 §10.3, RFC 3327, RFC 5626 §6) and the way from a user to the phones to ring. */
export class Registrar {
  readonly #options: RegistrarOptions;

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** The handler for `srf.register`. */
  async handle(request: SipRequest, response: SipResponse): Promise<void> {
    const { logger } = this.#options;
    let result: RegisterAnswer;
    try {
      result = await this.answer(request);
    } catch (error) {
      logger.error({ error: String(error) }, 'REGISTER failed');
      result = answer(500, 'Server Internal Error', { 'Retry-After': '5' });
    }
    response.send(result.status, result.reason, { headers: result.headers });
  }

  async answer(request: SipRequest): Promise<RegisterAnswer> {
    const retryAfter = this.#retryAfter(request);
    if (retryAfter !== undefined) return answer(503, 'Overloaded', { 'Retry-After': String(retryAfter) });
    const unknown = listOf(request, 'require').filter((tag) => !supported.includes(tag));
    if (unknown.length > 0) return answer(420, 'Bad Extension', { Unsupported: unknown.join(', ') });
    const identity = this.#options.authenticator.check(request);
    if (identity.kind !== 'ok') return answer(identity.status, identity.reason, identity.headers);
    const { user, device } = identity;
    const aor = uriParts(request.get('to') ?? '')?.user ?? '';
    // RFC 3261 §10.3 step 4: a device may register as itself or as its user, and as nobody else.
    if (![user.extension, device.extension, device.credentials?.username].includes(aor))
      return answer(403, 'Not your address of record');
    const own = aor === user.extension ? user.extension : device.extension;
    return this.#register(request, { user, device, aor: own });
  }

  #retryAfter(request: SipRequest): number | undefined {
    const { overload, authenticator } = this.#options;
    if (overload === undefined || request.stackTime === undefined) return undefined;
    const isKnown = () =>
      request.get('authorization') !== undefined || authenticator.isRegistered(flowOf(request));
    return overload.refusal(request.stackTime, isKnown);
  }

  /** The device that made a binding. */
  deviceOf(binding: Binding): Device | undefined {
    return deviceById(this.#options.directory, binding.deviceId, binding.userAgent);
  }

  /** A connection is gone, and with it every binding made over it. */
  async flowClosed(flow: Flow): Promise<number> {
    return flow.protocol === 'udp' ? 0 : this.#options.bindings.removeFlow(flow);
  }

  async #register(request: SipRequest, who: Accepted): Promise<RegisterAnswer> {
    const { bindings, logger } = this.#options;
    if (request.get('contact') === undefined)
      return this.#granted(request, bindings.ofAor(who.user.domain, who.aor));
    const changes = this.#changes(request);
    if ('status' in changes) return changes;
    const cseq = Number.parseInt(request.get('cseq') ?? '', 10);
    const callId = request.get('call-id') ?? '';
    if (!Number.isInteger(cseq) || callId === '') return answer(400, 'CSeq or Call-ID is missing');
    const userAgent = request.get('user-agent')?.slice(0, 128);
    const outcome = await bindings.register({
      domain: who.user.domain,
      aor: who.aor,
      userId: who.user.id,
      deviceId: who.device.id,
      flow: flowOf(request),
      path: splitHeader(request.get('path') ?? ''),
      ...(userAgent === undefined ? {} : { userAgent }),
      callId,
      cseq,
      contacts: changes.contacts,
    });
    logger.debug({ aor: who.aor, device: who.device.id, outcome: outcome.kind }, 'REGISTER');
    return this.#outcome(request, outcome);
  }

  /** What the Contact header asks for, or why that cannot be done. */
  #changes(request: SipRequest): Pick<Registration, 'contacts'> | RegisterAnswer {
    const { policy } = this.#options;
    const values = parseContacts(request.get('contact') ?? '');
    if (values === undefined) return answer(400, 'Contact makes no sense');
    if (values === '*') {
      const zero = (request.get('expires') ?? '').trim() === '0';
      return zero ? { contacts: 'all' } : answer(400, 'Contact: * goes with Expires: 0 only');
    }
    if (values.length > policy.maxContacts) return answer(400, 'Too many contacts');
    const contacts = values.map((value) => this.#change(request, value));
    if (contacts.some(({ seconds }) => seconds > 0 && seconds < policy.minExpires))
      return answer(423, 'Interval Too Brief', { 'Min-Expires': String(policy.minExpires) });
    return { contacts };
  }

  #outcome(request: SipRequest, outcome: RegisterOutcome): RegisterAnswer {
    if (outcome.kind === 'ok') return this.#granted(request, outcome.bindings);
    if (outcome.kind === 'stale') return answer(500, 'Out of order', { 'Retry-After': '1' });
    return answer(503, 'Registrar is full', { 'Retry-After': '60' });
  }

  #change(request: SipRequest, contact: ContactValue): ContactChange {
    const { policy } = this.#options;
    const asked = [contact.expires, request.get('expires')?.trim()].find((e) => e !== undefined);
    // RFC 3261 §20.19: what cannot be read counts as 3600.
    const seconds =
      asked === undefined ? policy.defaultExpires : /^\d{1,10}$/.test(asked) ? Number(asked) : oneHour;
    const { uri, q, instance, regId } = contact;
    return {
      uri,
      q,
      ...(instance === undefined ? {} : { instance }),
      ...(regId === undefined ? {} : { regId }),
      seconds: Math.min(seconds, policy.maxExpires),
    };
  }

  #granted(request: SipRequest, bindings: readonly Binding[]): RegisterAnswer {
    const now = this.#options.clock.wall();
    const contacts = bindings.map((b) => contactOf(b, now));
    const outbound =
      listOf(request, 'supported').includes('outbound') && bindings.some((b) => b.regId !== undefined);
    const path = request.get('path');
    return answer(200, 'OK', {
      ...(contacts.length === 0 ? {} : { Contact: contacts.join(', ') }),
      Date: new Date(now).toUTCString(),
      Supported: supported.join(', '),
      // RFC 5626 §6: tells the phone that its flow is what it is reached by.
      ...(outbound ? { Require: 'outbound' } : {}),
      ...(path === undefined ? {} : { Path: path }),
    });
  }
}

function contactOf(binding: Binding, now: number): string {
  const seconds = Math.max(0, Math.ceil((binding.expiresAt - now) / 1000));
  return [
    `<${binding.contact}>;expires=${seconds}`,
    binding.q === 1 ? '' : `;q=${binding.q}`,
    binding.instance === undefined ? '' : `;+sip.instance="<${binding.instance}>"`,
    binding.regId === undefined ? '' : `;reg-id=${binding.regId}`,
  ].join('');
}

/** The option tags of a header. */
function listOf(request: SipRequest, name: string): readonly string[] {
  return splitHeader(request.get(name) ?? '').map((tag) => tag.toLowerCase());
}
