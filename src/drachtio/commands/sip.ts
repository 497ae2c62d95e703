import { parseAppMessage, type AppMessage } from '../app-message.ts';
import { refuse } from '../admin-server.ts';
import type { Application } from '../application.ts';
import type { Command } from '../command.ts';
import { tokenText } from '../reply-text.ts';

/** A `sip` command with its message read. */
export type SipCommand<Kind extends AppMessage['kind'] = AppMessage['kind']> = {
  /** Quoted by the reply. */
  readonly id: string;
  readonly transactionId: string;
  readonly dialogId: string;
  /** Where to send it, whatever the Request-URI says. */
  readonly routeUrl: string;
  readonly message: Extract<AppMessage, { kind: Kind }>;
};

export type SipCommandHandler<Kind extends AppMessage['kind']> = (
  application: Application,
  command: SipCommand<Kind>,
) => void;

export type SipCommandHandlers = {
  readonly respond: SipCommandHandler<'response'>;
  readonly inDialog: SipCommandHandler<'request'>;
  readonly cancel: SipCommandHandler<'request'>;
  readonly newRequest: SipCommandHandler<'request'>;
};

/** `sip|<transaction>|<dialog>|<route URL>`: a response, a request inside a dialog, a CANCEL, or a new request. */
export const sip =
  (handlers: SipCommandHandlers): Command =>
  (application, { id, tokens, sip: text }) => {
    if (tokens.length < 2) return refuse(application, id, 'Invalid message format');
    const message = parseAppMessage(text);
    if (typeof message === 'string') return application.reply(id, `NOK|${tokenText(message)}`);
    const [transactionId = '', dialogId = '', routeUrl = ''] = tokens;
    const address = { id, transactionId, dialogId, routeUrl };
    if (message.kind === 'response') {
      if (transactionId === '') return refuse(application, id, 'transaction id missing');
      return handlers.respond(application, { ...address, message });
    }
    const command = { ...address, message };
    if (dialogId !== '') return handlers.inDialog(application, command);
    if (transactionId !== '' && message.method === 'CANCEL') return handlers.cancel(application, command);
    handlers.newRequest(application, command);
  };
