import type { Dialog } from '../../sip/index.ts';
import { given } from '../app-message.ts';
import type { Application } from '../application.ts';
import { answerOwned } from '../header-rules.ts';
import { requestErrorText, tokenText } from '../reply-text.ts';
import { draftRequest, outgoingHandlers, type OutgoingOptions } from './outgoing.ts';
import type { SipCommand, SipCommandHandler } from './sip.ts';

type Place = { readonly command: SipCommand<'request'>; readonly dialog: Dialog };

const failing =
  (application: Application, command: SipCommand<'request'>) =>
  (text: string): void =>
    application.reply(command.id, `NOK|${tokenText(text)}`);

const acknowledge = (
  options: OutgoingOptions,
  application: Application,
  { command, dialog }: Place,
): void => {
  const fail = failing(application, command);
  const draft = draftRequest(command, answerOwned);
  if (typeof draft === 'string') return fail(draft);
  options.core().ack(dialog, draft, (result) => {
    if (!result.ok) return fail(requestErrorText(result.error, command.message.uri, result.detail));
    options.events.requestSent(application, command.id, result, `ack-${command.id}`);
  });
};

/** Sends a request in a dialog that was found. */
export const sendInDialog = (options: OutgoingOptions, application: Application, place: Place): void => {
  const { command, dialog } = place;
  const { method, uri } = command.message;
  options.ledger.adopt(dialog, options.owners.of(application));
  if (method === 'ACK') return acknowledge(options, application, place);
  const draft = draftRequest(command, answerOwned);
  if (typeof draft === 'string') return failing(application, command)(draft);
  const spec = { method, ...(!uri.includes('placeholder') && { uri }), ...draft };
  options.core().requestInDialog(dialog, spec, outgoingHandlers(options, application, command));
};

/** A request, or the ACK of a 2xx, inside the dialog that the application names. */
export const inDialogRequest =
  (options: OutgoingOptions): SipCommandHandler<'request'> =>
  (application, command) => {
    const { method, uri } = command.message;
    const rack = method === 'PRACK' ? given(command.message, 'rack') : undefined;
    const dialog = options.core().findDialog(command.dialogId, rack);
    if (dialog !== undefined) return sendInDialog(options, application, { command, dialog });
    const error = method === 'ACK' ? 'nothing-to-acknowledge' : 'no-dialog';
    failing(application, command)(requestErrorText(error, uri, ''));
  };
