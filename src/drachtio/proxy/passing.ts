import {
  branch,
  callId,
  createResponse,
  type ClientTransaction,
  type MessageEvent,
  type ServerTransaction,
  type SipRequest,
  type UserAgentCore,
} from '../../sip/index.ts';
import { copyRequest, copyResponse, destinationsOf, hopsLeft, nextHopOf, routedHere } from './forward.ts';

const keyOf = (request: SipRequest): string => `${branch(request) ?? ''} ${callId(request)}`;

/** Requests inside dialogs between others that pass through here because of a Record-Route. */
export class Passing {
  readonly #core: () => UserAgentCore;
  /** INVITEs that passed and are not answered, by their caller's branch, for the CANCEL that may follow. */
  readonly #invites = new Map<string, ClientTransaction>();

  constructor(core: () => UserAgentCore) {
    this.#core = core;
  }

  /** True: the request runs along our Record-Route and is on its way. */
  claim(request: SipRequest, _event: MessageEvent, transaction: ServerTransaction | undefined): boolean {
    if (request.method === 'CANCEL') return this.#cancel(request, transaction);
    const core = this.#core();
    if (!routedHere(request, core)) return false;
    if (hopsLeft(request) === 0) {
      transaction?.respond(createResponse(request, 483));
      return true;
    }
    const copy = copyRequest(request, core, request.uri);
    destinationsOf(core, nextHopOf(copy), (destinations) => {
      if (transaction !== undefined) return this.#pass(copy, destinations, transaction);
      if (destinations.length > 0) core.transactions.sendAck(copy, destinations, () => undefined);
    });
    return true;
  }

  #pass(
    copy: SipRequest,
    destinations: Parameters<UserAgentCore['transactions']['request']>[1],
    transaction: ServerTransaction,
  ): void {
    const { request } = transaction;
    if (destinations.length === 0) return void transaction.respond(createResponse(request, 503));
    const key = copy.method === 'INVITE' ? keyOf(request) : undefined;
    const forget = () => key !== undefined && this.#invites.delete(key);
    const client = this.#core().transactions.request(copy, destinations, {
      onResponse: (response) => {
        if (response.status >= 200) forget();
        if (response.status > 100) transaction.respond(copyResponse(response));
      },
      onFailure: (failure) => {
        forget();
        transaction.respond(createResponse(request, failure === 'timeout' ? 408 : 503));
      },
    });
    if (key !== undefined) this.#invites.set(key, client);
  }

  #cancel(cancel: SipRequest, transaction: ServerTransaction | undefined): boolean {
    const invite = this.#invites.get(keyOf(cancel));
    if (invite === undefined) return false;
    transaction?.respond(createResponse(cancel, 200));
    invite.cancel();
    return true;
  }
}
