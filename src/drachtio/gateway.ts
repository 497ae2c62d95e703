import type {
  AckEvent,
  Dialog,
  DialogEnd,
  IncomingRequest,
  MessageEvent,
  ServerTransaction,
  SipRequest,
  UnsolicitedBye,
  UserAgentCore,
  UserAgentHandler,
} from '../sip/index.ts';
import type { Application } from './application.ts';
import type { Backpressure } from './backpressure.ts';
import type { CallEnd, CallRecords } from './call-records.ts';
import type { Ledger } from './ledger.ts';
import type { Owners } from './owner.ts';
import type { ProxyTable } from './proxy/proxy-table.ts';
import { screen, type ScreenOptions, type Verdict } from './screen.ts';
import type { SipEvents } from './sip-events.ts';
import type { Verbs } from './verbs.ts';

/** Takes a new request in place of the applications that subscribed to its method. */
export interface NewRequestHandlers {
  /** Whether requests of that method are theirs. */
  takes(method: string): boolean;
  /** True: it is theirs, whatever comes of it. */
  handle(incoming: IncomingRequest, receivedOn: string): boolean;
}

export type GatewayOptions = {
  readonly core: () => UserAgentCore;
  readonly verbs: Verbs<Application>;
  readonly owners: Owners;
  readonly ledger: Ledger;
  readonly events: SipEvents;
  readonly records: CallRecords;
  readonly proxies: ProxyTable;
  readonly backpressure: Backpressure;
  readonly handlers: NewRequestHandlers;
  readonly screen: ScreenOptions;
};

/** Standard methods for which "nobody is here now" is the truth; for any other nobody ever was. */
const standard = new Set('INVITE REGISTER MESSAGE OPTIONS INFO NOTIFY SUBSCRIBE PUBLISH REFER'.split(' '));

const endOf: Partial<Record<DialogEnd, CallEnd>> = {
  'session-expired': 'session-expired',
  'ack-timeout': 'system-initiated-termination',
  'lost-race': 'ackbye',
};

/** From the SIP stack to the applications: who gets what, and what happens when nobody can. */
export class Gateway implements UserAgentHandler {
  readonly #options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  claim(request: SipRequest, event: MessageEvent, transaction: ServerTransaction | undefined): boolean {
    return this.#options.proxies.claim(request, event, transaction);
  }

  refuses(request: SipRequest): number | undefined {
    const { backpressure, verbs, handlers } = this.#options;
    const retryAfter = backpressure.busy(request);
    if (retryAfter !== undefined || handlers.takes(request.method)) return retryAfter;
    // With several it is not known yet which of them gets it.
    const application = verbs.sole(request.method.toLowerCase());
    return application && backpressure.refusal(application, request);
  }

  onRequest(incoming: IncomingRequest): void {
    if (incoming.inDialog && incoming.dialog !== undefined) return this.#inDialog(incoming, incoming.dialog);
    const { request, event } = incoming;
    const { records, handlers, verbs } = this.#options;
    const verdict = screen(request, this.#options.screen);
    if (verdict !== undefined) return this.#answer(incoming, verdict);
    if (request.method === 'INVITE') records.attempt('network', request);
    const receivedOn = `${event.flow.local.address}|${event.flow.local.port}|`;
    if (handlers.handle(incoming, receivedOn)) return;
    const verb = request.method.toLowerCase();
    const application = verbs.pick(verb);
    if (application === undefined)
      return this.#answer(incoming, { status: standard.has(request.method) ? 503 : 501 });
    const isAsked = verbs.sole(verb) !== undefined;
    const retryAfter = isAsked ? undefined : this.#options.backpressure.refusal(application, request);
    if (retryAfter !== undefined)
      return this.#answer(incoming, { status: 503, reason: 'Overloaded', retryAfter });
    this.offer(incoming, application, receivedOn);
  }

  /** Gives a new request to an application; it is that application's from now on. */
  offer(incoming: IncomingRequest, application: Application, receivedOn: string): void {
    const { ledger, owners, events, backpressure } = this.#options;
    ledger.wait(incoming, owners.of(application));
    backpressure.offered(incoming);
    events.received(application, incoming.event, { transactionId: incoming.id, dialogId: '', receivedOn });
  }

  onAck({ event, dialog, invite }: AckEvent): void {
    const application = this.#options.ledger.ownerOf(dialog)?.application;
    if (application === undefined) return;
    this.#options.events.received(application, event, { transactionId: invite.id, dialogId: dialog.setId });
  }

  onCancel(incoming: IncomingRequest, cancel: SipRequest, event: MessageEvent): void {
    const { ledger, proxies, events, records } = this.#options;
    records.stop('network', 'call-canceled', cancel);
    if (proxies.cancel(incoming)) return;
    const held = ledger.findWaiting(incoming.id);
    ledger.answered(incoming.id);
    const application = held?.owner.application;
    if (application === undefined) return;
    const dialogId = incoming.dialog?.setId ?? '';
    events.received(application, event, { transactionId: incoming.id, dialogId });
  }

  onUnsolicitedBye(bye: UnsolicitedBye): void {
    const { ledger, events, records } = this.#options;
    records.stop('application', endOf[bye.cause] ?? 'normal-release', bye.message);
    const application = ledger.lastOwnerOf(bye.dialog)?.application;
    if (application !== undefined) events.unsolicited(application, bye, bye.dialog.setId);
  }

  onDialogEnd(dialog: Dialog): void {
    this.#options.ledger.ended(dialog);
  }

  #inDialog(incoming: IncomingRequest, dialog: Dialog): void {
    const { ledger, events, records, backpressure } = this.#options;
    const { request } = incoming;
    if (request.method === 'BYE') records.stop('network', 'normal-release', request);
    const owner = ledger.ownerOf(dialog);
    if (owner === undefined) return this.#answer(incoming, { status: 481 });
    if (owner.application === undefined) {
      // Its application may still come back; a call that the peer ends needs it no more.
      if (request.method === 'BYE') return this.#answer(incoming, { status: 200 });
      return this.#answer(incoming, { status: 500, reason: 'Application Gone', retryAfter: 5 });
    }
    ledger.wait(incoming, owner);
    backpressure.offered(incoming);
    events.received(owner.application, incoming.event, {
      transactionId: incoming.id,
      dialogId: dialog.setId,
    });
  }

  #answer(incoming: IncomingRequest, verdict: Verdict & { readonly retryAfter?: number }): void {
    const { status, reason, retryAfter } = verdict;
    this.#options.core().respond(incoming, {
      status,
      ...(reason !== undefined && { reason }),
      ...(retryAfter !== undefined && { headers: [{ name: 'Retry-After', value: String(retryAfter) }] }),
    });
  }
}
