import type { SipMessage, SipRequest, SipResponse } from '../message/index.ts';
import type { CoreContext } from './context.ts';
import { glareDelay } from './glare.ts';
import type { LiveDialog } from './live-dialog.ts';
import {
  SessionTimer,
  termsOfAnswer,
  termsOfResponse,
  writeTerms,
  type SessionTerms,
} from './session-timer.ts';

export type SessionActs = {
  /** Sends a refresh and tells the outcome by `refused`; a 2xx tells itself. */
  refresh(dialog: LiveDialog, interval: number): void;
  expire(dialog: LiveDialog): void;
};

/** The session timers of the dialogs (RFC 4028). */
export class Sessions {
  readonly #context: CoreContext;
  acts: SessionActs | undefined;

  constructor(context: CoreContext) {
    this.#context = context;
  }

  /** Our 2xx to an INVITE or UPDATE of the peer: writes the terms into it and starts the timer anew. */
  onAnswer(dialog: LiveDialog, request: SipRequest, response: SipResponse): void {
    const terms = termsOfAnswer(request, response, this.#context.sessionTimers);
    if (terms !== undefined) writeTerms(request, response, terms);
    this.#agree(dialog, terms, terms?.refresher === 'uas');
  }

  /** The peer's 2xx to an INVITE or UPDATE of ours. */
  onAccepted(dialog: LiveDialog, response: SipResponse): void {
    const terms = termsOfResponse(response);
    this.#agree(dialog, terms, terms?.refresher === 'uac');
  }

  /** Our refresh was answered with something else than 2xx, or could not go out. */
  refused(dialog: LiveDialog, status: number, minSe: number | undefined): void {
    const delay = glareDelay(dialog.role === 'uac', this.#context.random);
    const more = minSe === undefined ? {} : { minSe };
    dialog.session?.handle({ kind: 'refused', status, delay, ...more });
  }

  /** Keeps the session description that was sent last, for a refresh by re-INVITE. */
  remember(dialog: LiveDialog, message: SipMessage): void {
    const type = message.headers.get('Content-Type');
    if (message.body.length > 0 && type !== undefined && /^application\/sdp\b/i.test(type)) {
      dialog.description = { type, body: message.body };
    }
  }

  /** While a timer runs, every INVITE and UPDATE of ours names its terms, or the 2xx would end it (RFC 4028 §7.4). */
  keepTerms(dialog: LiveDialog, request: SipRequest): void {
    const state = dialog.session?.state;
    if (state === undefined || state.kind === 'off' || request.headers.has('Session-Expires')) return;
    const refresher = state.kind === 'watching' ? 'uas' : 'uac';
    request.headers.add('Session-Expires', `${state.interval};refresher=${refresher}`);
    if (!request.headers.list('Supported').includes('timer')) request.headers.add('Supported', 'timer');
  }

  #agree(dialog: LiveDialog, terms: SessionTerms | undefined, isOurs: boolean): void {
    if (terms === undefined) {
      dialog.description = undefined;
      return dialog.session?.handle({ kind: 'none' });
    }
    dialog.session ??= new SessionTimer(this.#context.clock, {
      refresh: (interval) => this.acts?.refresh(dialog, interval),
      expire: () => this.acts?.expire(dialog),
    });
    const refresher = isOurs ? 'local' : 'remote';
    dialog.session.handle({ kind: 'agreed', interval: terms.interval, refresher });
  }
}
