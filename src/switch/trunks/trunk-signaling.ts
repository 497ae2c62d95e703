import type { Clock, Random, Timer } from '../../base/index.ts';
import { trunkDefaults } from '../../stores/index.ts';
import type {
  Dialog,
  Headers,
  Invitation,
  InviteFailure,
  InviteListener,
  Outgoing,
  Provisional,
  Reason,
  RequestAnswer,
  Route,
  Signaling,
} from '../call/signaling.ts';
import { Account } from './account.ts';
import type { Gateways } from './gateways.ts';
import { TrunkDialog } from './trunk-dialog.ts';

export type TrunkSignalingParts = {
  readonly inner: Signaling;
  readonly gateways: Gateways;
  readonly clock: Clock;
  readonly random: Random;
};

const tooLate: Reason = { cause: 408, text: 'Another gateway is tried' };
const noWord: InviteFailure = {
  status: 408,
  reason: 'The gateway did not answer in time',
  contacts: [],
  undelivered: true,
};

/**
 * Signaling that knows trunks: it answers their challenges (RFC 3261 §22), gives up gateways that say nothing, and keeps
 * count of which of them do their work. What goes to phones passes through untouched.
 */
export class TrunkSignaling implements Signaling {
  readonly #parts: TrunkSignalingParts;

  constructor(parts: TrunkSignalingParts) {
    this.#parts = parts;
  }

  invite(invitation: Invitation, listener: InviteListener): Outgoing {
    const { route } = invitation;
    if (route.gateway === undefined && route.auth === undefined)
      return this.#parts.inner.invite(invitation, listener);
    return new TrunkInvite(this.#parts, invitation, listener);
  }

  async request(
    method: string,
    route: Route,
    options: { headers?: Headers; body?: string },
  ): Promise<RequestAnswer> {
    const { inner, random } = this.#parts;
    const { auth, uri } = route;
    if (auth === undefined) return inner.request(method, route, options);
    const account = new Account(auth, random);
    const again = sentAgain(method, options.headers ?? {}, random);
    const send = (more: Headers) => inner.request(method, route, { ...options, headers: again(more) });
    for (let answer = await send({}); ;) {
      const { challenge } = answer;
      const asked = { method, uri, body: options.body ?? '' };
      const header = challenge === undefined ? undefined : account.answer(challenge, asked);
      if (header === undefined) return answer;
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      answer = await send(header);
    }
  }
}

/**
 * The headers by which a request that is sent again is known as the same one (RFC 3261 §22.2): its Call-ID and its From
 * stay, its CSeq rises. What names them already is kept.
 */
function sentAgain(method: string, headers: Headers, random: Random): (more: Headers) => Headers {
  const callId = headers['Call-ID'] ?? random.hex(16);
  const { From: from } = headers;
  const tagged = from === undefined || /;\s*tag=/i.test(from) ? {} : { From: `${from};tag=${random.hex(8)}` };
  let number = Number.parseInt(headers['CSeq'] ?? '1', 10);
  return (more) => ({
    ...headers,
    ...tagged,
    'Call-ID': callId,
    CSeq: `${number++} ${method}`,
    ...more,
  });
}

/** One INVITE to a trunk, in as many transactions as its challenges take. */
class TrunkInvite implements Outgoing {
  readonly #parts: TrunkSignalingParts;
  readonly #invitation: Invitation;
  readonly #listener: InviteListener;
  readonly #headers: (more: Headers) => Headers;
  readonly #account: Account | undefined;
  #patience: Timer | undefined;
  #outgoing: Outgoing | undefined;
  #cancelled: Reason | undefined;
  #challenged = false;
  #over = false;
  /** It has said something, or it is over. */
  #heard = false;

  constructor(parts: TrunkSignalingParts, invitation: Invitation, listener: InviteListener) {
    const { auth, gateway } = invitation.route;
    this.#parts = parts;
    this.#invitation = invitation;
    this.#listener = listener;
    this.#account = auth === undefined ? undefined : new Account(auth, parts.random);
    this.#headers =
      auth === undefined ? () => invitation.headers : sentAgain('INVITE', invitation.headers, parts.random);
    this.#send({});
    const patience = gateway?.patienceMs;
    if (patience === undefined || this.#heard) return;
    this.#patience = parts.clock.after(patience, () => this.#giveUp());
  }

  cancel(reason: Reason): void {
    if (this.#over || this.#cancelled !== undefined) return;
    this.#cancelled = reason;
    this.#quiet();
    this.#outgoing?.cancel(reason);
  }

  #send(more: Headers): void {
    this.#outgoing = this.#parts.inner.invite(
      { ...this.#invitation, headers: this.#headers(more) },
      {
        provisional: (response) => this.#provisional(response),
        answered: (dialog, sdp) => this.#answered(dialog, sdp),
        failed: (failure) => this.#failed(failure),
      },
    );
    if (this.#cancelled !== undefined) this.#outgoing.cancel(this.#cancelled);
  }

  #provisional(response: Provisional): void {
    if (this.#over) return;
    this.#well();
    this.#listener.provisional(response);
  }

  #answered(dialog: Dialog, sdp: string): void {
    const known =
      this.#account === undefined || !this.#challenged ? dialog : new TrunkDialog(dialog, this.#account);
    // It answered after it was given up, while another gateway is called: nobody is there to talk to.
    if (this.#over) return known.bye(tooLate);
    this.#over = true;
    this.#well();
    return this.#listener.answered(known, sdp);
  }

  #failed(failure: InviteFailure): void {
    if (this.#over) return;
    const header = this.#answerTo(failure);
    if (header !== undefined) {
      this.#challenged = true;
      return this.#send(header);
    }
    this.#over = true;
    this.#quiet();
    this.#note(failure);
    return this.#listener.failed(failure);
  }

  #answerTo({ challenge }: InviteFailure): Headers | undefined {
    if (challenge === undefined || this.#cancelled !== undefined) return undefined;
    const { route, sdp } = this.#invitation;
    return this.#account?.answer(challenge, { method: 'INVITE', uri: route.uri, body: sdp });
  }

  #giveUp(): void {
    if (this.#over) return;
    this.#over = true;
    this.#outgoing?.cancel(tooLate);
    this.#note(noWord);
    this.#listener.failed(noWord);
  }

  #quiet(): void {
    this.#heard = true;
    this.#patience?.cancel();
  }

  #well(): void {
    this.#quiet();
    const { gateway: led } = this.#invitation.route;
    if (led !== undefined) this.#parts.gateways.answered(led.trunk, led.gateway);
  }

  /** Any answer of its own says that a gateway is there; some say that it cannot take calls now. */
  #note(failure: InviteFailure): void {
    const { gateway: led } = this.#invitation.route;
    if (led === undefined) return;
    const { trunk, gateway } = led;
    const { gateways } = this.#parts;
    const { restSeconds = trunkDefaults.restSeconds } = trunk;
    if (!ails(failure)) gateways.answered(trunk, gateway);
    else if (this.#cancelled === undefined)
      gateways.failed(trunk, gateway, said(failure), failure.retryAfter ?? restSeconds);
  }
}

const said = ({ status, reason }: InviteFailure): string => `${status} ${reason}`.trim();

/** What says that the next call will fare no better. Other 5xx may be of this one alone. */
const ails = ({ status, undelivered }: InviteFailure): boolean =>
  undelivered === true || status === 503 || status === 401 || status === 407;
