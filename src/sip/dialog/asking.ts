import { parseNameAddress, parseUri, type HeaderField, type SipRequest } from '../message/index.ts';
import type { Listener } from '../transport/index.ts';
import type { Closing } from './closing.ts';
import type { CoreContext } from './context.ts';
import { fieldNamed, type Launcher } from './launcher.ts';
import { LiveDialog } from './live-dialog.ts';
import { Outgoing } from './outgoing.ts';
import { destinationsOf } from './path.ts';
import { minSe } from './session-timer.ts';
import type { Sessions } from './sessions.ts';
import type {
  Dialog,
  InDialogSpec,
  OutgoingRequest,
  RequestError,
  RequestHandlers,
  RequestSpec,
  SentResult,
} from './types.ts';

const noDialog = ['no-dialog', 'the dialog is gone'] as const;

const schemes = new Set(['sip', 'sips']);

/** Our requests: outside dialogs, inside them, taken back. */
export class Asking {
  readonly #context: CoreContext;
  readonly #launcher: Launcher;
  readonly #closing: Closing;
  readonly #sessions: Sessions;

  constructor(context: CoreContext, launcher: Launcher, closing: Closing, sessions: Sessions) {
    this.#context = context;
    this.#launcher = launcher;
    this.#closing = closing;
    this.#sessions = sessions;
  }

  request(spec: RequestSpec, handlers: RequestHandlers): Outgoing {
    const launcher = this.#launcher;
    const outgoing = launcher.open(spec.method, undefined, handlers);
    const uri = parseUri(spec.uri);
    // A number needs somebody who routes it (RFC 3966 §3).
    const isRouted = spec.nextHop !== undefined || spec.destinations !== undefined;
    if (uri === undefined || !(schemes.has(uri.scheme) || isRouted)) {
      launcher.fail(outgoing, 'invalid-uri', spec.uri);
      return outgoing;
    }
    if (this.#context.dialogs.size >= this.#context.limits.dialogs && spec.method === 'INVITE') {
      launcher.fail(outgoing, 'overloaded', 'too many dialogs');
      return outgoing;
    }
    outgoing.placed = isRouted;
    const request = launcher.newRequest(spec);
    if (spec.destinations !== undefined) launcher.launch(outgoing, request, spec.destinations, spec);
    else {
      destinationsOf(this.#context, spec.nextHop ?? this.#firstHop(spec), (destinations) =>
        launcher.launch(outgoing, request, destinations, spec),
      );
    }
    return outgoing;
  }

  requestInDialog(dialog: Dialog, spec: InDialogSpec, handlers: RequestHandlers): Outgoing {
    const live = dialog instanceof LiveDialog ? dialog : undefined;
    const outgoing = this.#launcher.open(spec.method, live, handlers);
    const obstacle = this.#obstacle(live, spec.method);
    if (live === undefined || obstacle !== undefined) {
      const [error, detail] = obstacle ?? noDialog;
      this.#launcher.fail(outgoing, error, detail);
    } else if (spec.method === 'BYE') this.#bye(outgoing, live, spec);
    else {
      if (spec.method === 'INVITE') live.sentInvite = outgoing;
      if (spec.method === 'UPDATE') live.sentUpdate = true;
      this.#launcher.sendIn(outgoing, live, { ...spec, prepare: this.#withTerms(live, spec) });
    }
    return outgoing;
  }

  #obstacle(dialog: LiveDialog | undefined, method: string): readonly [RequestError, string] | undefined {
    if (dialog === undefined || dialog.state === 'terminated' || dialog.byeSent) return noDialog;
    if (method === 'ACK') return ['nothing-to-acknowledge', 'an ACK goes by ack()'];
    // RFC 3261 §14.1.
    const isBusy = method === 'INVITE' && (dialog.sentInvite ?? dialog.pendingInvite) !== undefined;
    return isBusy ? ['request-pending', 'another INVITE is under way'] : undefined;
  }

  cancel(
    outgoing: OutgoingRequest,
    headers: readonly HeaderField[],
    done: ((result: SentResult) => void) | undefined,
  ): boolean {
    if (!(outgoing instanceof Outgoing) || outgoing.method !== 'INVITE') return false;
    if (outgoing.state === 'completed' || outgoing.cancelled) return false;
    outgoing.cancelled = true;
    outgoing.cancelWish = { headers, done };
    this.#launcher.cancelNow(outgoing);
    return true;
  }

  abandon(outgoing: OutgoingRequest, reason: string | undefined): void {
    if (!(outgoing instanceof Outgoing) || outgoing.abandoned !== undefined) return;
    outgoing.abandoned = { reason };
    const headers = reason === undefined ? [] : [{ name: 'Reason', value: reason }];
    if (this.cancel(outgoing, headers, undefined)) return;
    const answered = outgoing.winner;
    if (answered?.state === 'confirmed') {
      this.#closing.ackAndBye(answered, 'ended-here', 'Call abandoned');
    }
  }

  /** Keeps a session alive (RFC 4028 §7.4): by UPDATE where the peer takes it, else by re-INVITE with the offer as it was. */
  refresh(dialog: LiveDialog, interval: number): void {
    const isBusy = dialog.sentUpdate || (dialog.sentInvite ?? dialog.pendingInvite) !== undefined;
    if (isBusy || dialog.openAnswers.size > 0) return this.#sessions.refused(dialog, 491, undefined);
    const method = dialog.peerTakesUpdate || dialog.description === undefined ? 'UPDATE' : 'INVITE';
    const headers = [
      { name: 'Session-Expires', value: `${interval};refresher=uac` },
      { name: 'Min-SE', value: String(Math.min(interval, this.#context.sessionTimers.minSe)) },
      { name: 'Supported', value: 'timer' },
    ];
    const { description } = dialog;
    const offer =
      method === 'INVITE' && description !== undefined
        ? {
            headers: [...headers, { name: 'Content-Type', value: description.type }],
            body: description.body,
          }
        : { headers };
    this.requestInDialog(
      dialog,
      { method, ...offer },
      {
        onSent: (result) => {
          if (!result.ok) this.#sessions.refused(dialog, 500, undefined);
        },
        onResponse: ({ response }) => {
          if (response.status < 200) return;
          if (response.status >= 300) this.#sessions.refused(dialog, response.status, minSe(response));
          else if (method === 'INVITE') this.#closing.ack(dialog, {}, () => undefined);
        },
      },
    );
  }

  /** A preloaded route decides where a request goes first (RFC 3261 §8.1.2). */
  #firstHop({ uri, headers }: RequestSpec): string {
    const route = fieldNamed([...(headers ?? [])], 'route');
    return (route === undefined ? undefined : parseNameAddress(route)?.uri) ?? uri;
  }

  #withTerms(dialog: LiveDialog, { method, prepare }: InDialogSpec) {
    return (request: SipRequest, listener: Listener): string | undefined => {
      if (method === 'INVITE' || method === 'UPDATE') {
        this.#sessions.keepTerms(dialog, request);
        this.#sessions.remember(dialog, request);
      }
      return prepare?.(request, listener);
    };
  }

  #bye(outgoing: Outgoing, dialog: LiveDialog, spec: InDialogSpec): void {
    // A re-INVITE of ours that is under way is taken back first; in an early dialog the INVITE itself lives on by forks.
    if (dialog.sentInvite?.inDialog === true) this.cancel(dialog.sentInvite, [], undefined);
    const answer = dialog.peerAnswer;
    if (answer?.acknowledged === false) this.#closing.ack(dialog, {}, () => undefined);
    if (dialog.byeSent) return this.#launcher.fail(outgoing, 'no-dialog', 'the dialog is gone');
    const send = (): void => {
      dialog.byeSent = true;
      this.#launcher.sendIn(outgoing, dialog, spec);
    };
    // RFC 3261 §15: the called side may not end a call whose 2xx was not acknowledged yet.
    if (dialog.openAnswers.size === 0) return send();
    const gone = (): void => this.#launcher.fail(outgoing, 'no-dialog', 'the dialog is gone');
    if (dialog.heldBye === undefined) dialog.heldBye = { send, drop: gone };
    else gone();
  }
}
