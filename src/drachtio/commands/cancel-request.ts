import { cancelOwned, draftHeaders } from '../header-rules.ts';
import { requestErrorText, tokenText } from '../reply-text.ts';
import type { OutgoingOptions } from './outgoing.ts';
import type { SipCommandHandler } from './sip.ts';

/** CANCEL of an INVITE that the application sent: it leaves as soon as the peer has said anything (RFC 3261 §9.1). */
export const cancelRequest =
  ({
    core,
    ledger,
    events,
  }: Pick<OutgoingOptions, 'core' | 'ledger' | 'events'>): SipCommandHandler<'request'> =>
  (application, command) => {
    const { transactionId, message } = command;
    const outgoing = ledger.findOutgoing(transactionId)?.what;
    const { headers } = draftHeaders(message.headers, cancelOwned);
    const known =
      outgoing !== undefined &&
      core().cancel(outgoing, headers, (result) => {
        if (result.ok) return events.requestSent(application, command.id, result, `cancel-${command.id}`);
        const text = requestErrorText(result.error, message.uri, result.detail);
        application.reply(command.id, `NOK|${tokenText(text)}`);
      });
    if (!known)
      application.reply(
        command.id,
        `NOK|unable to cancel unknown transaction id: ${tokenText(transactionId)}`,
      );
  };
