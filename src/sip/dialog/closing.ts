import { createRequest, printMessage, type HeaderField, type SipRequest } from '../message/index.ts';
import { endDialog, type CoreContext } from './context.ts';
import { requestIn, routingOf } from './dialog-state.ts';
import type { Launcher } from './launcher.ts';
import type { LiveDialog, PeerAnswer } from './live-dialog.ts';
import { canBeDialled, destinationsIn } from './path.ts';
import type { AckSpec, DialogEnd, RequestHandlers, SentResult } from './types.ts';

const ignore = (): void => undefined;

/** Nobody listens. */
export const silent: RequestHandlers = Object.freeze({ onSent: ignore, onResponse: ignore });

/** The credentials of an INVITE go into its ACK too (RFC 3261 §22.3, §13.2.2.4). */
const credentials = (invite: SipRequest | undefined): HeaderField[] =>
  ['Authorization', 'Proxy-Authorization'].flatMap((name) =>
    (invite?.headers.all(name) ?? []).map((value) => ({ name, value })),
  );

const bodyOwned = new Set([
  'via',
  'content-length',
  'from',
  'to',
  'call-id',
  'cseq',
  'route',
  'max-forwards',
]);

/** ACK to a 2xx, and BYE: how calls are sealed and ended. */
export class Closing {
  readonly #context: CoreContext;
  readonly #launcher: Launcher;

  constructor(context: CoreContext, launcher: Launcher) {
    this.#context = context;
    this.#launcher = launcher;
  }

  ack(dialog: LiveDialog, spec: AckSpec, done: (result: SentResult) => void): void {
    const answer = dialog.peerAnswer;
    if (answer === undefined || answer.acknowledged) {
      return done({ ok: false, error: 'nothing-to-acknowledge', detail: 'no 2xx waits for an ACK' });
    }
    answer.acknowledged = true;
    answer.outgoing.ackLimit?.cancel();
    this.#sendAck(dialog, answer, spec, done);
    // RFC 3261 §9.1: the 2xx was faster than our CANCEL, so the call is ended the other way.
    if (answer.outgoing.cancelled && !answer.outgoing.inDialog) {
      this.bye(dialog, 'lost-race', 'ACK-BYE due to cancel race condition');
    }
  }

  /** The 2xx came again: the ACK was lost (RFC 3261 §13.2.2.4). */
  ackAgain(answer: PeerAnswer): void {
    if (answer.ack === undefined) return;
    this.#context.transport.sendRequest(answer.ack.request, answer.ack.destination, ignore);
  }

  /** For a 2xx that nobody wants. */
  ackAndBye(dialog: LiveDialog, cause: DialogEnd, text: string): void {
    const answer = dialog.peerAnswer;
    if (answer !== undefined && !answer.acknowledged) {
      answer.acknowledged = true;
      answer.outgoing.ackLimit?.cancel();
      this.#sendAck(dialog, answer, {}, ignore);
    }
    this.bye(dialog, cause, text);
  }

  /** A BYE of our own accord, told to the user; the dialog is over at once. */
  bye(dialog: LiveDialog, cause: DialogEnd, text: string): void {
    if (dialog.state === 'terminated' || dialog.byeSent) return endDialog(this.#context, dialog, cause);
    const { handler } = this.#context;
    this.sendBye(dialog, [{ name: 'Reason', value: `SIP;cause=200;text="${text}"` }], {
      onSent: (result, outgoing) => {
        const message = result.ok
          ? result.message
          : (outgoing.request ?? createRequest('BYE', dialog.remoteTarget));
        const bytes = result.ok ? result.bytes : printMessage(message).length;
        const flow = result.ok ? result.flow : undefined;
        handler.onUnsolicitedBye({ dialog, cause, text, message, flow, bytes });
      },
      onResponse: ignore,
    });
    endDialog(this.#context, dialog, cause);
  }

  sendBye(dialog: LiveDialog, headers: readonly HeaderField[], handlers: RequestHandlers): void {
    dialog.byeSent = true;
    const outgoing = this.#launcher.open('BYE', dialog, handlers);
    this.#launcher.sendIn(outgoing, dialog, { method: 'BYE', headers });
  }

  #sendAck(dialog: LiveDialog, answer: PeerAnswer, spec: AckSpec, done: (result: SentResult) => void): void {
    const { transport, transactions } = this.#context;
    const routing = routingOf(dialog.path);
    const ack = requestIn(dialog.identity, routing, { method: 'ACK', number: answer.number });
    const given = [...(spec.headers ?? [])].filter(({ name }) => !bodyOwned.has(name.toLowerCase()));
    for (const { name, value } of [...credentials(answer.outgoing.request), ...given])
      ack.headers.add(name, value);
    if (spec.body !== undefined) ack.body = spec.body;
    destinationsIn(this.#context, dialog, routing.nextHop, (found) => {
      const destinations = found.filter(canBeDialled);
      const listener = destinations[0] && transport.listenerFor(destinations[0]);
      const refusal = listener && spec.prepare?.(ack, listener);
      if (refusal !== undefined) return done({ ok: false, error: 'refused', detail: refusal });
      transactions.sendAck(ack, destinations, (result) => {
        if (!result.ok) return done({ ok: false, error: 'transport', detail: result.detail });
        answer.ack = { request: ack, destination: { kind: 'flow', flow: result.flow } };
        const { flow, bytes, wire } = result;
        done({ ok: true, message: ack, flow, bytes, wire });
      });
    });
  }
}
