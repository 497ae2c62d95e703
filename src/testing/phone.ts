import {
  branch,
  callId,
  createRequest,
  cseq,
  isIPv4,
  isIPv6,
  parseUri,
  requestUri,
  setToTag,
  toTag,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import { isA, PhoneCall, type InviteOptions, type PhoneField } from './phone-call.ts';
import { authorization, challengeOf, type Challenge, type DigestAlgorithm } from './phone-digest.ts';
import { answerTo, PhoneExchanges, type Arrival, type Exchange, type Recorded } from './phone-exchange.ts';
import { ladder } from './phone-ladder.ts';
import { PhoneMedia } from './phone-media.ts';
import type { PhoneCodec } from './phone-sdp.ts';
import { openWire, type PhoneProtocol, type PhoneRemote, type PhoneWire } from './phone-wire.ts';

export type PhoneOptions = {
  /** Its user part, and its name in ladders; `phone` by default. */
  readonly name?: string;
  readonly displayName?: string;
  readonly password?: string;
  /** Where it differs from `name`. */
  readonly authUser?: string;
  /** The host part of its address of record; the server's address by default. */
  readonly domain?: string;
  /** Where requests outside dialogs go; undefined calls by address. */
  readonly server?: PhoneRemote;
  readonly protocol?: PhoneProtocol;
  readonly address?: string;
  readonly codecs?: readonly PhoneCodec[];
  /** Real RTP on loopback for each call: `call.media.rtp`. */
  readonly rtp?: boolean;
  /** In order of preference is the server's matter; these are the ones the phone knows. */
  readonly algorithms?: readonly DigestAlgorithm[];
  /** `+sip.instance` of its Contact (RFC 5626). */
  readonly instance?: string;
  /** Answers with the nonce at hand, counting up, without waiting for a challenge. */
  readonly reuseNonce?: boolean;
  /** RFC 3261 T1 in milliseconds; small to make a test of lost messages short. */
  readonly t1?: number;
};

/** What poor phones do. May be changed at any time. */
export type PhoneBehaviour = {
  /** No answer to BYE. */
  ignoresBye: boolean;
  /** Leaves new calls without any response. */
  ignoresInvite: boolean;
  /** Incoming calls ring by themselves. */
  rings: boolean;
  /** Incoming calls are answered by themselves. */
  answers: boolean;
  /** Incoming calls are turned down with that status. */
  rejectsWith: number | undefined;
  /** Applied to new calls; see `PhoneCall.ackDelay`. */
  ackDelay: number;
  /** Changes the top Via of a request on its way out. */
  rewriteVia: (via: string, request: SipRequest) => string;
};

export type RegisterOptions = {
  readonly expires?: number;
  readonly headers?: readonly PhoneField[];
  /** The Contact's value where it is not the phone's own; several make several fields. */
  readonly contacts?: readonly string[];
  /** The address of record's user part, where it is not the phone's name. */
  readonly user?: string;
  /** The status to insist on, 200 by default; anything else fails with the ladder. */
  readonly status?: number;
};

/** Builds the request anew for each try: another CSeq each time. */
type Attempt = () => { readonly request: SipRequest; readonly remote: PhoneRemote };

type Hooks = {
  readonly sent?: (exchange: Exchange) => void;
  readonly provisional?: (response: SipResponse) => void;
};

type Waiter = { readonly holds: () => boolean; readonly resolve: () => void };

const WAIT = 5000;

/**
 * A SIP phone on real loopback sockets that does what a test tells it and remembers everything it saw. It stands on the
 * message parser alone, not on the switch's transactions, transports or SDP. Waits are for facts, and one that is in
 * vain fails with the phone's ladder.
 */
export class Phone {
  readonly name: string;
  readonly messages: Recorded[] = [];
  readonly calls: PhoneCall[] = [];
  readonly behaviour: PhoneBehaviour = {
    ignoresBye: false,
    ignoresInvite: false,
    rings: false,
    answers: false,
    rejectsWith: undefined,
    ackDelay: 0,
    rewriteVia: (via) => via,
  };
  /** May take a request outside any dialog and answer it itself; false leaves it to the phone. */
  onRequest: (
    request: SipRequest,
    respond: (status: number, headers?: readonly PhoneField[]) => void,
  ) => boolean = () => false;
  readonly userAgent = 'Flipswitch test phone';
  readonly allow = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, MESSAGE';
  readonly exchanges: PhoneExchanges;
  readonly #options: PhoneOptions;
  readonly #wire: PhoneWire;
  readonly #opened = performance.now();
  readonly #waiters = new Set<Waiter>();
  readonly #unclaimed: PhoneCall[] = [];
  readonly #registerId = crypto.randomUUID();
  #registerSequence = 0;
  #closed = false;
  #sequence = 0;
  #challenge: Challenge | undefined;

  private constructor(options: PhoneOptions, open: (receive: Phone['receive']) => PhoneWire) {
    this.name = options.name ?? 'phone';
    this.#options = options;
    this.#wire = open((bytes, from) => this.receive(bytes, from));
    this.exchanges = new PhoneExchanges(this.#wire, {
      t1: options.t1 ?? 500,
      record: (message, direction, repeated, remote) => {
        this.messages.push({ at: performance.now(), direction, message, repeated, remote });
        this.changed();
      },
      onRequest: (arrival) => this.#dispatch(arrival),
      onAck: (arrival) => {
        this.#callOf(arrival.request)?.acked(arrival.request);
        this.changed();
      },
      onStray: (response) => {
        if (cseq(response)?.method === 'INVITE' && response.status >= 200 && response.status < 300)
          this.calls.find((c) => c.callId === callId(response))?.stray(response);
      },
      rewriteVia: (via, request) => this.behaviour.rewriteVia(via, request),
    });
  }

  static async open(options: PhoneOptions = {}): Promise<Phone> {
    let receive: Phone['receive'] = () => undefined;
    const host = `${crypto.randomUUID().slice(0, 12)}.invalid`;
    const wire = await openWire(
      options.protocol ?? 'udp',
      options.address ?? '127.0.0.1',
      host,
      (bytes, from) => receive(bytes, from),
    );
    return new Phone(options, (handler) => {
      receive = handler;
      return wire;
    });
  }

  /** The address other phones can call it at directly. */
  get uri(): string {
    return `sip:${this.name}@${this.#wire.sentBy}${this.#parameter}`;
  }

  /** The value of its Contact. */
  get contact(): string {
    return `<${this.uri}>`;
  }

  /** Its From without a tag. */
  get identity(): string {
    const display = this.#options.displayName === undefined ? '' : `"${this.#options.displayName}" `;
    return `${display}<sip:${this.name}@${this.domain}>`;
  }

  get domain(): string {
    return this.#options.domain ?? this.#options.server?.address ?? this.#wire.sentBy;
  }

  /** The last challenge it was given. */
  get challenge(): Challenge | undefined {
    return this.#challenge;
  }

  get #parameter(): string {
    return this.#wire.protocol === 'udp' ? '' : `;transport=${this.#wire.protocol}`;
  }

  // Registration.

  /** Registers, with digest when it is asked for (RFC 3261 §10, RFC 7616); fails unless the answer is `status`. */
  async register(options: RegisterOptions = {}): Promise<SipResponse> {
    const { expires = 300, status = 200 } = options;
    const instance =
      this.#options.instance === undefined ? '' : `;+sip.instance="<${this.#options.instance}>";reg-id=1`;
    const contacts = options.contacts ?? [`${this.contact}${instance};expires=${expires}`];
    const aor = `sip:${options.user ?? this.name}@${this.domain}`;
    const response = await this.perform(() => {
      const request = createRequest('REGISTER', `sip:${this.domain}`, [
        { name: 'Max-Forwards', value: '70' },
        { name: 'From', value: `<${aor}>;tag=${this.#registerId.slice(0, 8)}` },
        { name: 'To', value: `<${aor}>` },
        { name: 'Call-ID', value: this.#registerId },
        { name: 'CSeq', value: `${++this.#registerSequence} REGISTER` },
        ...contacts.map((value) => ({ name: 'Contact', value })),
        { name: 'Expires', value: String(expires) },
        { name: 'Supported', value: 'path, outbound, gruu' },
        { name: 'User-Agent', value: this.userAgent },
        ...(options.headers ?? []),
      ]);
      return { request, remote: this.outbound(`sip:${this.domain}`) };
    });
    if (response.status !== status) throw this.complain(`REGISTER got ${response.status} ${response.reason}`);
    return response;
  }

  /** Takes its binding back; `all` takes every binding of the address of record (RFC 3261 §10.2.2). */
  unregister(options: { readonly all?: boolean } = {}): Promise<SipResponse> {
    return this.register({ expires: 0, ...(options.all === true ? { contacts: ['*'] } : {}) });
  }

  // Calls.

  /** Calls a URI, or a number at the phone's domain. The INVITE is on its way when this resolves. */
  async invite(target: string, options: InviteOptions = {}): Promise<PhoneCall> {
    const uri = /^(sips?|tel):/.test(target) ? target : `sip:${target}@${this.domain}`;
    const call = new PhoneCall(this, this.#media(), { target: uri });
    call.ackDelay = this.behaviour.ackDelay;
    this.calls.push(call);
    await call.start(options);
    return call;
  }

  /** The next incoming call that no `incoming()` has given yet. */
  async incoming(timeout = WAIT): Promise<PhoneCall> {
    await this.until(() => this.#unclaimed.length > 0, 'an incoming call', timeout);
    const call = this.#unclaimed.shift();
    if (call === undefined) throw this.complain('no incoming call');
    return call;
  }

  /** Incoming calls, past and present. */
  get rung(): readonly PhoneCall[] {
    return this.calls.filter((c) => c.direction === 'in');
  }

  // Requests outside calls.

  message(target: string, text: string): Promise<SipResponse> {
    return this.request('MESSAGE', target, {
      body: text,
      headers: [{ name: 'Content-Type', value: 'text/plain' }],
    });
  }

  options(target: string): Promise<SipResponse> {
    return this.request('OPTIONS', target, { headers: [{ name: 'Accept', value: 'application/sdp' }] });
  }

  /** Any request outside a dialog. */
  request(
    method: string,
    target: string,
    options: {
      readonly headers?: readonly PhoneField[];
      readonly body?: string;
      readonly callId?: string;
    } = {},
  ): Promise<SipResponse> {
    const uri = /^[a-z][a-z0-9+.-]*:/i.test(target) ? target : `sip:${target}@${this.domain}`;
    const given = new Set(options.headers?.map(({ name }) => name));
    const id = options.callId ?? crypto.randomUUID();
    const tag = crypto.randomUUID().slice(0, 8);
    return this.perform(() => {
      const request = createRequest(
        method,
        uri,
        [
          { name: 'Max-Forwards', value: '70' },
          { name: 'From', value: `${this.identity};tag=${tag}` },
          { name: 'To', value: `<${uri}>` },
          { name: 'Call-ID', value: id },
          { name: 'CSeq', value: `${++this.#sequence} ${method}` },
          { name: 'Contact', value: this.contact },
          { name: 'User-Agent', value: this.userAgent },
        ].filter(({ name }) => !given.has(name)),
      );
      for (const { name, value } of options.headers ?? []) request.headers.add(name, value);
      if (options.body !== undefined) request.body = Buffer.from(options.body);
      return { request, remote: this.outbound(uri) };
    });
  }

  // Waiting for facts.

  /** Resolves when `holds` is true, looked at after everything that happens; fails after `timeout` ms with the ladder. */
  until(holds: () => boolean, what: string, timeout = WAIT): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.complain(`waited ${timeout} ms for ${what}`));
      }, timeout);
      const waiter: Waiter = {
        holds,
        resolve: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** The first request of that method, or response of that status, that came in, now or within `timeout` ms. */
  async received(what: string | number, timeout?: number): Promise<SipMessage> {
    await this.until(() => this.count(what) > 0, `${what}`, timeout);
    const found = this.messages.find((r) => r.direction === 'in' && isA(r.message, what));
    if (found === undefined) throw this.complain(`no ${what}`);
    return found.message;
  }

  /** How many requests of that method, or responses of that status, came in; retransmissions not counted. */
  count(what: string | number): number {
    return this.messages.filter((r) => r.direction === 'in' && !r.repeated && isA(r.message, what)).length;
  }

  /** Everything seen, one message a line. */
  get ladder(): string {
    return ladder(this.name, this.messages, this.#opened);
  }

  /** An error that shows what the phone saw. */
  complain(what: string): Error {
    return new Error(`${this.name}: ${what}\n${this.ladder}`);
  }

  // Its life.

  /** From now on it neither hears nor says anything, its media included; connections stay open. */
  die(): void {
    this.exchanges.dead = true;
    for (const call of this.calls) call.media.stop();
  }

  /** A dead phone that comes back to life, its calls forgotten by nobody. */
  revive(): void {
    this.exchanges.dead = false;
  }

  /** Ends its connections (TCP, WebSocket) without a word. */
  drop(): void {
    this.#wire.drop();
  }

  /** Ends everything at once, without a word to anybody. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.exchanges.close();
    for (const call of this.calls) call.close();
    for (const waiter of this.#waiters) waiter.resolve();
    await this.#wire.close();
  }

  describe(): object {
    return { name: this.name, uri: this.uri, calls: this.calls.map((c) => c.describe()) };
  }

  // For its calls.

  /** Looks at what is waited for. */
  changed(): void {
    for (const waiter of this.#waiters) if (waiter.holds()) waiter.resolve();
  }

  /** Where a request to a URI outside dialogs goes. */
  outbound(uri: string): PhoneRemote {
    return this.#options.server ?? this.addressOf(uri);
  }

  /** Where a request to a URI goes when nothing but the URI says; names lead to the server. */
  addressOf(uri: string): PhoneRemote {
    const parsed = parseUri(uri);
    const { server } = this.#options;
    if (/^wss?$/.test(this.#wire.protocol) && server !== undefined) return server;
    if (parsed === undefined || !(isIPv4(parsed.host) || isIPv6(parsed.host))) {
      if (server === undefined) throw this.complain(`does not know where ${uri} is`);
      return server;
    }
    return { address: parsed.host, port: parsed.port ?? 5060 };
  }

  /** The call a Replaces header names (RFC 3891 §3). */
  callNamed(replaces: string | undefined): PhoneCall | undefined {
    if (replaces === undefined) return undefined;
    const [id, ...fields] = replaces.split(';').map((part) => part.trim());
    return this.calls.find(
      (c) =>
        c.callId === id &&
        c.state === 'answered' &&
        fields.includes(`to-tag=${c.localTag}`) &&
        fields.includes(`from-tag=${c.remoteTag}`),
    );
  }

  /** Sends a request until it is answered for good, challenges included (RFC 3261 §22). */
  async perform(attempt: Attempt, hooks: Hooks = {}): Promise<SipResponse> {
    const { password, reuseNonce } = this.#options;
    let challenge = reuseNonce === true ? this.#challenge : undefined;
    for (let tries = 0; ; tries++) {
      const { request, remote } = attempt();
      if (challenge !== undefined) {
        const user = this.#options.authUser ?? this.name;
        const value = authorization(
          challenge,
          { user, password: password ?? '' },
          request.method,
          request.uri,
        );
        request.headers.add(challenge.header, value);
      }
      const exchange = this.exchanges.send(request, remote, (response) => {
        if (response.status < 200) hooks.provisional?.(response);
      });
      hooks.sent?.(exchange);
      const response = await exchange.final;
      if ((response.status !== 401 && response.status !== 407) || password === undefined) return response;
      const next = challengeOf(response, this.#options.algorithms ?? ['SHA-256', 'MD5']);
      // A second challenge that is not stale says that the password is wrong.
      if (next === undefined || tries > 1 || (challenge !== undefined && !next.stale)) return response;
      challenge = next;
      this.#challenge = next;
    }
  }

  receive(bytes: Buffer, from: PhoneRemote): void {
    this.exchanges.receive(bytes, from);
  }

  #media(): PhoneMedia {
    const {
      codecs = ['PCMU', 'PCMA', 'telephone-event'],
      rtp = false,
      address = '127.0.0.1',
    } = this.#options;
    return new PhoneMedia({ name: this.name, address, codecs, real: rtp });
  }

  #callOf(request: SipRequest): PhoneCall | undefined {
    const id = callId(request);
    const tag = toTag(request);
    return this.calls.find((c) => c.callId === id && (tag === undefined || tag === c.localTag));
  }

  #dispatch(arrival: Arrival): void {
    const { request } = arrival;
    const call = this.#callOf(request);
    const inDialog = toTag(request) !== undefined;
    if (request.method === 'CANCEL') return this.#cancelled(arrival);
    if (inDialog) {
      if (call !== undefined && call.state !== 'ended') void call.handle(arrival);
      else this.#respond(arrival, call !== undefined && request.method === 'BYE' ? 200 : 481);
      return undefined;
    }
    const taken = this.onRequest(request, (status, headers) => this.#respond(arrival, status, headers));
    if (taken) return undefined;
    if (request.method === 'INVITE') return this.#ring(arrival);
    return this.#respond(arrival, request.method === 'SUBSCRIBE' ? 489 : 200, [
      { name: 'Allow', value: this.allow },
    ]);
  }

  #cancelled(arrival: Arrival): void {
    const { request } = arrival;
    const call = this.calls.find(
      (c) =>
        c.invite !== undefined &&
        branch(c.invite) === branch(request) &&
        c.callId === callId(request) &&
        cseq(c.invite)?.number === cseq(request)?.number,
    );
    if (call === undefined) this.#respond(arrival, 481);
    else void call.handle(arrival);
  }

  #ring(arrival: Arrival): void {
    if (this.behaviour.ignoresInvite) return;
    if (requestUri(arrival.request) === undefined) return this.#respond(arrival, 416);
    const call = new PhoneCall(this, this.#media(), arrival);
    this.calls.push(call);
    this.#unclaimed.push(call);
    const { rejectsWith, rings, answers } = this.behaviour;
    if (rejectsWith !== undefined) call.reject(rejectsWith);
    else void this.#pickUp(call, rings, answers);
    this.changed();
  }

  async #pickUp(call: PhoneCall, rings: boolean, answers: boolean): Promise<void> {
    if (rings) await call.ring();
    if (answers) await call.answer();
  }

  #respond(arrival: Arrival, status: number, headers: readonly PhoneField[] = []): void {
    const response = answerTo(arrival, status);
    setToTag(response, crypto.randomUUID().slice(0, 8));
    for (const { name, value } of headers) response.headers.add(name, value);
    this.exchanges.respond(arrival, response);
  }
}
