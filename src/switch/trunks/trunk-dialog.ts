import {
  SipFailure,
  type Dialog,
  type DialogListener,
  type Headers,
  type Reason,
  type RequestOutcome,
} from '../call/signaling.ts';
import type { Account } from './account.ts';

/** A dialog with a carrier that wants to know, for each of its requests, who it is from. */
export class TrunkDialog implements Dialog {
  readonly #dialog: Dialog;
  readonly #account: Account;

  constructor(dialog: Dialog, account: Account) {
    this.#dialog = dialog;
    this.#account = account;
  }

  get callId(): string {
    return this.#dialog.callId;
  }

  get localTag(): string {
    return this.#dialog.localTag;
  }

  get remoteTag(): string {
    return this.#dialog.remoteTag;
  }

  get target(): string {
    return this.#dialog.target;
  }

  get facts(): Dialog['facts'] {
    return this.#dialog.facts;
  }

  listen(listener: DialogListener): void {
    this.#dialog.listen(listener);
  }

  bye(reason?: Reason, headers: Headers = {}): void {
    this.#dialog.bye(reason, { ...headers, ...this.#account.ahead(this.#asked('BYE')) });
  }

  async reinvite(sdp: string, headers: Headers = {}): Promise<string> {
    const asked = this.#asked('INVITE', sdp);
    try {
      return await this.#dialog.reinvite(sdp, { ...headers, ...this.#account.ahead(asked) });
    } catch (error) {
      const challenge = error instanceof SipFailure ? error.challenge : undefined;
      const header = challenge === undefined ? undefined : this.#account.answer(challenge, asked);
      if (header === undefined) throw error;
      return this.#dialog.reinvite(sdp, { ...headers, ...header });
    }
  }

  async request(method: string, options: { headers?: Headers; body?: string }): Promise<RequestOutcome> {
    const asked = this.#asked(method, options.body);
    const send = (more: Headers) =>
      this.#dialog.request(method, { ...options, headers: { ...options.headers, ...more } });
    const outcome = await send(this.#account.ahead(asked));
    const { challenge } = outcome;
    const header = challenge === undefined ? undefined : this.#account.answer(challenge, asked);
    return header === undefined ? outcome : send(header);
  }

  #asked(method: string, body = '') {
    return { method, uri: this.#dialog.target, body };
  }
}
