import {
  callId,
  contact,
  createRequest,
  cseq,
  fromTag,
  parseNameAddress,
  setToTag,
  toTag,
  unescapeUri,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import { answerTo, type Arrival, type Exchange, type Recorded } from './phone-exchange.ts';
import { PhoneMedia } from './phone-media.ts';
import type { PhoneDirection } from './phone-sdp.ts';
import type { Phone } from './phone.ts';

export type PhoneField = { readonly name: string; readonly value: string };

export type PhoneCallState = 'calling' | 'ringing' | 'answered' | 'ended';

export type InviteOptions = {
  /** `false`: an INVITE without a body, the offer is asked of the other side (delayed offer); a text is sent as it is. */
  readonly sdp?: string | false;
  readonly direction?: PhoneDirection;
  readonly headers?: readonly PhoneField[];
  /** Adds Replaces for that call (RFC 3891). */
  readonly replaces?: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly earlyOnly?: boolean;
};

export type AnswerOptions = {
  readonly sdp?: string;
  readonly direction?: PhoneDirection;
  readonly headers?: readonly PhoneField[];
};

const tag = () => crypto.randomUUID().slice(0, 8);

/** One call of a scripted phone: its dialog, its media, and what a person at the phone can do with it. */
export class PhoneCall {
  readonly phone: Phone;
  readonly direction: 'in' | 'out';
  readonly callId: string;
  readonly localTag: string;
  readonly media: PhoneMedia;
  remoteTag = '';
  state: PhoneCallState;
  /** The final response that ended or answered the INVITE. */
  finalStatus: number | undefined;
  finalReason: string | undefined;
  endedBy: 'local' | 'remote' | undefined;
  /** The Reason header of the CANCEL, BYE or failure that ended it. */
  endReason: string | undefined;
  /** The status that a re-INVITE or UPDATE from the other side gets. */
  reinviteStatus = 200;
  /** Holds the ACK back by that many milliseconds; `Infinity` until `ack()`. */
  ackDelay = 0;
  /** Provisional responses received. */
  readonly provisional: SipResponse[] = [];
  /** re-INVITEs and UPDATEs received. */
  readonly reinvites: SipRequest[] = [];
  /** Status lines of the sipfrag bodies of NOTIFYs, as `200 OK` (RFC 3515). */
  readonly notifies: string[] = [];
  /** Incoming calls: the INVITE. */
  readonly invite: SipRequest | undefined;
  readonly #localUri: string;
  #remoteUri: string;
  #target: string;
  #routes: readonly string[] = [];
  #sequence: number;
  #exchange: Exchange | undefined;
  #arrival: Arrival | undefined;
  #pendingAck: (() => void) | undefined;
  #ackTimer: NodeJS.Timeout | undefined;
  #acknowledged = false;
  readonly #ackedTags = new Set<string>();
  #rseq = Math.floor(Math.random() * 1000) + 1;

  constructor(phone: Phone, media: PhoneMedia, origin: { readonly target: string } | Arrival) {
    this.phone = phone;
    this.media = media;
    this.localTag = tag();
    this.#sequence = Math.floor(Math.random() * 1000) + 1;
    if ('request' in origin) {
      const { request } = origin;
      this.direction = 'in';
      this.state = 'ringing';
      this.invite = request;
      this.#arrival = origin;
      this.callId = callId(request);
      this.remoteTag = fromTag(request) ?? '';
      this.#localUri = (request.headers.get('to') ?? '').trim();
      this.#remoteUri = request.headers.get('from') ?? '';
      this.#target = contact(request)?.uri ?? '';
      this.#routes = request.headers.list('record-route');
      this.media.offered = request.body.length > 0 ? request.body.toString() : undefined;
    } else {
      this.direction = 'out';
      this.state = 'calling';
      this.callId = `${crypto.randomUUID()}@${phone.name}`;
      this.#localUri = phone.identity;
      this.#remoteUri = `<${origin.target}>`;
      this.#target = origin.target;
    }
  }

  /** What identifies this call to somebody else, for Replaces. */
  get dialog(): { readonly callId: string; readonly localTag: string; readonly remoteTag: string } {
    const { callId, localTag, remoteTag } = this;
    return { callId, localTag, remoteTag };
  }

  /** The value of a Replaces header that makes another party take this phone's place, seen from that party. */
  get replacesValue(): string {
    return `${this.callId};to-tag=${this.remoteTag};from-tag=${this.localTag}`;
  }

  get remoteTarget(): string {
    return this.#target;
  }

  /** The caller as the phone would show it: From, or P-Asserted-Identity where there is one (RFC 3325). */
  get caller(): string {
    const { invite } = this;
    return invite?.headers.get('p-asserted-identity') ?? invite?.headers.get('from') ?? '';
  }

  /** Whether the ACK to this phone's 200 came, or its own ACK went out. */
  get acknowledged(): boolean {
    return this.#acknowledged;
  }

  /** Messages of this call, in both directions. */
  get messages(): readonly Recorded[] {
    return this.phone.messages.filter((r) => callId(r.message) === this.callId);
  }

  /** How many requests of that method, or responses of that status, came in; retransmissions not counted. */
  count(what: string | number): number {
    return this.messages.filter((r) => r.direction === 'in' && !r.repeated && isA(r.message, what)).length;
  }

  ringing(timeout?: number): Promise<void> {
    return this.phone.until(
      () => this.state === 'ringing' || this.#past('ringing'),
      `${this.callId} to ring`,
      timeout,
    );
  }

  /** Waits for the answer; fails at once when the call ends without one. */
  async answered(timeout?: number): Promise<this> {
    const over = () => this.state === 'answered' || this.state === 'ended';
    await this.phone.until(over, `${this.callId} to be answered`, timeout);
    if (this.state === 'ended' && (this.finalStatus ?? 0) >= 300) {
      throw this.phone.complain(`call ended with ${this.finalStatus} ${this.finalReason}, not answered`);
    }
    return this;
  }

  async ended(timeout?: number): Promise<this> {
    await this.phone.until(() => this.state === 'ended', `${this.callId} to end`, timeout);
    return this;
  }

  /** Waits until this call has received a request of that method or a response of that status. */
  async received(what: string | number, timeout?: number): Promise<SipMessage> {
    const found = () => this.messages.find((r) => r.direction === 'in' && isA(r.message, what))?.message;
    await this.phone.until(() => found() !== undefined, `${what} in ${this.callId}`, timeout);
    const message = found();
    if (message === undefined) throw this.phone.complain(`no ${what}`);
    return message;
  }

  // What a caller does.

  /** Sends the INVITE. Authentication, PRACK and ACK follow by themselves. */
  async start(options: InviteOptions): Promise<void> {
    const body =
      options.sdp === false ? undefined : (options.sdp ?? (await this.media.offer(options.direction)));
    const { replaces } = options;
    const headers = [...(options.headers ?? [])];
    if (replaces !== undefined) {
      const { callId, localTag, remoteTag } = replaces;
      const early = options.earlyOnly === true ? ';early-only' : '';
      headers.push({ name: 'Replaces', value: `${callId};to-tag=${remoteTag};from-tag=${localTag}${early}` });
    }
    this.#sendInvite(headers, body);
  }

  /** Gives the call up before it is answered. Waits for a provisional response unless `early` (RFC 3261 §9.1). */
  async cancel(
    options: { readonly early?: boolean; readonly headers?: readonly PhoneField[] } = {},
  ): Promise<void> {
    if (options.early !== true) {
      await this.phone.until(
        () => this.provisional.length > 0 || this.#past('ringing'),
        'a provisional response',
      );
    }
    if (this.state === 'ended' || this.state === 'answered' || this.#exchange === undefined) return;
    this.endedBy = 'local';
    this.phone.exchanges.sendBeside(this.#exchange, 'CANCEL', options.headers ?? []);
  }

  /** Sends the ACK that `ackDelay` holds back. */
  ack(): void {
    clearTimeout(this.#ackTimer);
    this.#pendingAck?.();
    this.#pendingAck = undefined;
  }

  // What a called phone does.

  /** 180, or 183 with early media when `sdp` is asked for; reliably when `reliable` (RFC 3262). */
  async ring(
    options: {
      readonly status?: number;
      readonly sdp?: boolean;
      readonly reliable?: boolean;
      readonly headers?: readonly PhoneField[];
    } = {},
  ): Promise<void> {
    const arrival = this.#incoming();
    const response = this.#response(arrival, options.status ?? (options.sdp === true ? 183 : 180));
    if (options.reliable === true) {
      response.headers.add('Require', '100rel');
      response.headers.add('RSeq', String(this.#rseq++));
    }
    for (const { name, value } of options.headers ?? []) response.headers.add(name, value);
    if (options.sdp === true) withSdp(response, await this.media.respond(undefined));
    this.phone.exchanges.respond(arrival, response);
  }

  /** Picks up. */
  async answer(options: AnswerOptions = {}): Promise<this> {
    const arrival = this.#incoming();
    if (this.state === 'ended') throw this.phone.complain('the call is over, it cannot be answered');
    const response = this.#response(arrival, 200);
    for (const { name, value } of options.headers ?? []) response.headers.add(name, value);
    withSdp(response, options.sdp ?? (await this.media.respond(options.direction)));
    if (this.phone.calls.includes(this) && (this.state as PhoneCallState) === 'ended') return this;
    this.finalStatus = 200;
    this.#become('answered');
    this.phone.exchanges.respond(arrival, response);
    const replaced = this.phone.callNamed(arrival.request.headers.get('replaces'));
    if (replaced !== undefined) void replaced.hangup();
    return this;
  }

  /** Turns the call down. */
  reject(
    status = 486,
    options: { readonly reason?: string; readonly headers?: readonly PhoneField[] } = {},
  ): void {
    const arrival = this.#incoming();
    const response = this.#response(arrival, status, options.reason);
    for (const { name, value } of options.headers ?? []) response.headers.add(name, value);
    this.finalStatus = status;
    this.endedBy = 'local';
    this.phone.exchanges.respond(arrival, response);
    this.#become('ended');
  }

  redirect(target: string, status = 302): void {
    this.reject(status, { headers: [{ name: 'Contact', value: `<${target}>` }] });
  }

  // What both do.

  /** BYE; resolves with its response, or undefined when none came. */
  async hangup(headers: readonly PhoneField[] = []): Promise<SipResponse | undefined> {
    if (this.state === 'ended') return undefined;
    if (this.state !== 'answered') {
      if (this.direction === 'in') this.reject(603);
      else await this.cancel();
      return undefined;
    }
    this.endedBy = 'local';
    const response = this.request('BYE', { headers }).catch(() => undefined);
    this.#become('ended');
    return response;
  }

  /** A re-INVITE (RFC 3261 §14); resolves with the final response, after the ACK. */
  async reinvite(
    options: { readonly direction?: PhoneDirection; readonly sdp?: string | false } = {},
  ): Promise<SipResponse> {
    const body =
      options.sdp === false ? undefined : (options.sdp ?? (await this.media.offer(options.direction)));
    const response = await this.request('INVITE', body === undefined ? {} : { sdp: body });
    if (response.status < 300) {
      if (body === undefined) {
        this.media.offered = response.body.toString();
        this.#sendAck(response, await this.media.respond(options.direction));
      } else {
        this.media.answered(response.body.toString());
        this.#sendAck(response);
      }
      this.#target = contact(response)?.uri ?? this.#target;
    }
    return response;
  }

  hold(): Promise<SipResponse> {
    return this.reinvite({ direction: 'sendonly' });
  }

  resume(): Promise<SipResponse> {
    return this.reinvite({ direction: 'sendrecv' });
  }

  /** UPDATE (RFC 3311), with an offer unless `sdp` is false. */
  async update(
    options: { readonly direction?: PhoneDirection; readonly sdp?: string | false } = {},
  ): Promise<SipResponse> {
    const body =
      options.sdp === false ? undefined : (options.sdp ?? (await this.media.offer(options.direction)));
    const response = await this.request('UPDATE', body === undefined ? {} : { sdp: body });
    if (response.status < 300 && body !== undefined) this.media.answered(response.body.toString());
    return response;
  }

  /** A digit by INFO, as phones without RFC 4733 send it. */
  info(digit: string, duration = 160): Promise<SipResponse> {
    const body = `Signal=${digit}\r\nDuration=${duration}\r\n`;
    return this.request('INFO', { body, type: 'application/dtmf-relay' });
  }

  message(text: string): Promise<SipResponse> {
    return this.request('MESSAGE', { body: text, type: 'text/plain' });
  }

  options(): Promise<SipResponse> {
    return this.request('OPTIONS', {});
  }

  /** REFER (RFC 3515): the other side is to call `target`; with `replaces`, in the place of this phone's other call. */
  refer(
    target: string,
    options: { readonly replaces?: PhoneCall; readonly headers?: readonly PhoneField[] } = {},
  ): Promise<SipResponse> {
    const value =
      options.replaces === undefined
        ? `<${target}>`
        : `<${target}?Replaces=${encodeURIComponent(options.replaces.replacesValue)}>`;
    const headers = [
      { name: 'Refer-To', value },
      { name: 'Referred-By', value: this.phone.identity },
      ...(options.headers ?? []),
    ];
    return this.request('REFER', { headers });
  }

  /** Any request within the dialog. */
  request(
    method: string,
    options: {
      readonly headers?: readonly PhoneField[];
      readonly sdp?: string;
      readonly body?: string;
      readonly type?: string;
    },
  ): Promise<SipResponse> {
    const type = options.sdp === undefined ? options.type : 'application/sdp';
    const text = options.sdp ?? options.body;
    return this.phone.perform(() => {
      const request = this.#build(method, options.headers ?? []);
      if (text !== undefined) {
        if (type !== undefined) request.headers.add('Content-Type', type);
        request.body = Buffer.from(text);
      }
      return { request, remote: this.#nextHop() };
    });
  }

  describe(): object {
    const { direction, callId, state, finalStatus, endedBy, localTag, remoteTag } = this;
    return {
      direction,
      callId,
      state,
      finalStatus,
      endedBy,
      localTag,
      remoteTag,
      media: this.media.describe(),
    };
  }

  close(): void {
    clearTimeout(this.#ackTimer);
    this.media.close();
  }

  // What the phone hands over to it.

  /** A request within the dialog, or a CANCEL of the INVITE. */
  async handle(arrival: Arrival): Promise<void> {
    const { request } = arrival;
    const { phone } = this;
    switch (request.method) {
      case 'CANCEL':
        return this.#handleCancel(arrival);
      case 'BYE':
        if (phone.behaviour.ignoresBye) return undefined;
        phone.exchanges.respond(arrival, this.#response(arrival, 200));
        return this.#remoteEnded(request);
      case 'INVITE':
      case 'UPDATE':
        return this.#handleOffer(arrival);
      case 'REFER':
        phone.exchanges.respond(arrival, this.#response(arrival, 202));
        return this.#follow(request);
      case 'NOTIFY':
        this.notifies.push(
          request.body
            .toString()
            .replace(/^SIP\/2\.0 /, '')
            .trim(),
        );
        break;
      default:
    }
    phone.exchanges.respond(arrival, this.#response(arrival, 200));
    return undefined;
  }

  /** The ACK to this phone's 2xx; it carries the answer when the 2xx carried the offer. */
  acked(ack: SipRequest): void {
    this.#acknowledged = true;
    if (ack.body.length > 0) this.media.answered(ack.body.toString());
  }

  /** A 2xx to the INVITE that is not the first: the same again is ACKed again, another's is ACKed and ended (§13.2.2.4). */
  stray(response: SipResponse): void {
    const remoteTag = toTag(response) ?? '';
    if (remoteTag === this.remoteTag) {
      if (this.#acknowledged) this.#sendAck(response);
      return;
    }
    this.#sendAck(response);
    if (this.#ackedTags.has(remoteTag)) return;
    this.#ackedTags.add(remoteTag);
    const bye = this.#build('BYE', []);
    bye.uri = contact(response)?.uri ?? bye.uri;
    bye.headers.set('To', response.headers.get('to') ?? '');
    this.phone.exchanges.send(bye, this.phone.addressOf(bye.uri), () => undefined);
  }

  // The dialog.

  #past(state: 'ringing'): boolean {
    return state === 'ringing' && (this.state === 'answered' || this.state === 'ended');
  }

  #become(state: PhoneCallState): void {
    if (this.state === 'ended') return;
    this.state = state;
    if (state === 'ended') {
      clearTimeout(this.#ackTimer);
      this.media.stop();
    }
    this.phone.changed();
  }

  #incoming(): Arrival {
    if (this.#arrival === undefined) throw this.phone.complain('this is an outgoing call');
    return this.#arrival;
  }

  #response(arrival: Arrival, status: number, reason?: string): SipResponse {
    const response = answerTo(arrival, status, reason);
    setToTag(response, this.localTag);
    if (status < 300) response.headers.add('Contact', this.phone.contact);
    response.headers.add('Allow', this.phone.allow);
    return response;
  }

  #nextHop() {
    return this.phone.addressOf(parseNameAddress(this.#routes[0] ?? '')?.uri ?? this.#target);
  }

  #build(method: string, extra: readonly PhoneField[], sequence = ++this.#sequence): SipRequest {
    const request = createRequest(method, this.#target);
    const { headers } = request;
    for (const route of this.#routes) headers.add('Route', route);
    headers.add('Max-Forwards', '70');
    headers.add('From', `${this.#localUri};tag=${this.localTag}`);
    headers.add(
      'To',
      this.remoteTag === '' || this.#remoteUri.includes(';tag=')
        ? this.#remoteUri
        : `${this.#remoteUri};tag=${this.remoteTag}`,
    );
    headers.add('Call-ID', this.callId);
    headers.add('CSeq', `${sequence} ${method}`);
    headers.add('Contact', this.phone.contact);
    headers.add('Allow', this.phone.allow);
    headers.add('Supported', 'replaces, 100rel, timer');
    headers.add('User-Agent', this.phone.userAgent);
    for (const { name, value } of extra) headers.add(name, value);
    return request;
  }

  #sendInvite(headers: readonly PhoneField[], body: string | undefined): void {
    const attempt = () => {
      const request = this.#build('INVITE', headers);
      if (body !== undefined) {
        request.headers.add('Content-Type', 'application/sdp');
        request.body = Buffer.from(body);
      }
      return { request, remote: this.phone.outbound(this.#target) };
    };
    const hooks = {
      sent: (exchange: Exchange) => {
        this.#exchange = exchange;
      },
      provisional: (response: SipResponse) => this.#provisional(response),
    };
    this.phone.perform(attempt, hooks).then(
      (response) => this.#final(response),
      (error: unknown) => {
        this.finalStatus = 408;
        this.finalReason = error instanceof Error ? error.message : String(error);
        this.#become('ended');
      },
    );
  }

  #provisional(response: SipResponse): void {
    this.provisional.push(response);
    if (response.status > 100) {
      this.#adopt(response);
      if (response.body.length > 0) this.media.answered(response.body.toString());
      if (response.headers.list('require').includes('100rel')) this.#prack(response);
      if (this.state === 'calling') this.#become('ringing');
    }
    this.phone.changed();
  }

  /** RFC 3262 §7.2. */
  #prack(response: SipResponse): void {
    const sequence = cseq(response)?.number ?? 0;
    const value = `${response.headers.get('rseq') ?? 1} ${sequence} INVITE`;
    void this.request('PRACK', { headers: [{ name: 'RAck', value }] }).catch(() => undefined);
  }

  #adopt(response: SipResponse): void {
    const remoteTag = toTag(response);
    if (remoteTag === undefined) return;
    this.remoteTag = remoteTag;
    this.#remoteUri = response.headers.get('to') ?? this.#remoteUri;
    this.#target = contact(response)?.uri ?? this.#target;
    this.#routes = response.headers.list('record-route').toReversed();
  }

  async #final(response: SipResponse): Promise<void> {
    this.finalStatus = response.status;
    this.finalReason = response.reason;
    if (response.status >= 300) {
      this.endReason = response.headers.get('reason');
      this.endedBy ??= 'remote';
      this.#become('ended');
      return;
    }
    this.#adopt(response);
    const body = response.body.toString();
    let answer: string | undefined;
    if (body !== '') {
      if (this.media.offerSent) this.media.answered(body);
      else {
        this.media.offered = body;
        answer = await this.media.respond(undefined);
      }
    }
    const send = () => this.#sendAck(response, answer);
    if (this.ackDelay > 0) {
      this.#pendingAck = send;
      if (this.ackDelay < Infinity) this.#ackTimer = setTimeout(() => this.ack(), this.ackDelay);
    } else send();
    this.#become('answered');
    // A CANCEL that crossed the 200: the call is answered, and is ended as one (RFC 3261 §9.1).
    if (this.endedBy === 'local') void this.hangup();
  }

  #sendAck(response: SipResponse, answer?: string): void {
    const ack = this.#build('ACK', [], cseq(response)?.number);
    ack.headers.set('To', response.headers.get('to') ?? '');
    for (const name of ['Contact', 'Allow', 'Supported']) ack.headers.delete(name);
    ack.uri = contact(response)?.uri ?? ack.uri;
    const authorization = this.#exchange?.request.headers.get('authorization');
    if (authorization !== undefined) ack.headers.add('Authorization', authorization);
    if (answer !== undefined) {
      ack.headers.add('Content-Type', 'application/sdp');
      ack.body = Buffer.from(answer);
    }
    this.#acknowledged = true;
    this.phone.exchanges.sendAck(ack, this.#nextHop());
    this.phone.changed();
  }

  #handleCancel(arrival: Arrival): void {
    const { phone } = this;
    phone.exchanges.respond(arrival, this.#response(arrival, 200));
    if (this.direction !== 'in' || this.state !== 'ringing') return;
    this.finalStatus = 487;
    this.endReason = arrival.request.headers.get('reason');
    this.endedBy = 'remote';
    const invite = this.#incoming();
    phone.exchanges.respond(invite, this.#response(invite, 487));
    this.#become('ended');
  }

  #remoteEnded(bye: SipRequest): void {
    this.endReason = bye.headers.get('reason');
    this.endedBy ??= 'remote';
    this.#become('ended');
  }

  async #handleOffer(arrival: Arrival): Promise<void> {
    const { request } = arrival;
    this.reinvites.push(request);
    const refused = this.reinviteStatus >= 300;
    const response = this.#response(arrival, this.reinviteStatus);
    if (!refused) {
      this.#target = contact(request)?.uri ?? this.#target;
      // RFC 4028 §9: a session timer that the answer does not name is over.
      const timer = request.headers.get('session-expires');
      if (timer !== undefined) response.headers.add('Session-Expires', timer);
      if (request.body.length > 0) {
        this.media.offered = request.body.toString();
        withSdp(response, await this.media.respond(undefined));
      } else if (request.method === 'INVITE') withSdp(response, await this.media.offer(undefined));
    }
    this.phone.exchanges.respond(arrival, response);
    this.phone.changed();
  }

  /** A REFER is done as phones do it: the call is made, and its outcome is told (RFC 3515 §2.4.4). */
  async #follow(refer: SipRequest): Promise<void> {
    const referTo = parseNameAddress(refer.headers.get('refer-to') ?? '');
    if (referTo === undefined) return;
    const [target = '', fields = ''] = referTo.uri.split('?', 2);
    const headers = fields
      .split('&')
      .filter((field) => field.includes('='))
      .map((field) => ({
        name: field.split('=')[0] ?? '',
        value: unescapeUri(field.slice(field.indexOf('=') + 1)),
      }));
    await this.#notify('SIP/2.0 100 Trying', 'active;expires=60');
    const call = await this.phone.invite(target, { headers });
    await this.phone
      .until(() => call.finalStatus !== undefined, 'the referred call', 60_000)
      .catch(() => undefined);
    await this.#notify(
      `SIP/2.0 ${call.finalStatus ?? 408} ${call.finalReason ?? ''}`,
      'terminated;reason=noresource',
    );
  }

  async #notify(line: string, state: string): Promise<void> {
    if (this.state === 'ended') return;
    const headers = [
      { name: 'Event', value: 'refer' },
      { name: 'Subscription-State', value: state },
    ];
    await this.request('NOTIFY', { headers, body: `${line}\r\n`, type: 'message/sipfrag' }).catch(
      () => undefined,
    );
  }
}

export const isA = (message: SipMessage, what: string | number): boolean =>
  message.kind === 'request' ? message.method === what : message.status === what;

const withSdp = (response: SipResponse, sdp: string | undefined): void => {
  if (sdp === undefined) return;
  response.headers.set('Content-Type', 'application/sdp');
  response.body = Buffer.from(sdp);
};
