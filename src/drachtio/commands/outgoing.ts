import { parseNameAddress, type Listener, type OutgoingRequest, type SipRequest } from '../../sip/index.ts';
import type { RequestHandlers, ResponseEvent, SentResult, UserAgentCore } from '../../sip/index.ts';
import type { Application } from '../application.ts';
import type { CallRecords } from '../call-records.ts';
import { contentTypeOf, draftHeaders } from '../header-rules.ts';
import type { Ledger } from '../ledger.ts';
import type { Owners } from '../owner.ts';
import type { Owner } from '../owner.ts';
import { requestErrorText, tokenText } from '../reply-text.ts';
import type { SipEvents } from '../sip-events.ts';
import type { SipCommand } from './sip.ts';

export type OutgoingOptions = {
  readonly core: () => UserAgentCore;
  readonly ledger: Ledger;
  readonly owners: Owners;
  readonly events: SipEvents;
  readonly records: CallRecords;
};

/** What both kinds of requests take from the command. */
export type RequestDraft = {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: Buffer;
  readonly prepare: (request: SipRequest, listener: Listener) => string | undefined;
};

/** Header fields and body as they go to the stack; a string says what is wrong. */
export const draftRequest = (
  { message }: SipCommand<'request'>,
  owned: ReadonlySet<string>,
): RequestDraft | string => {
  const contentType = contentTypeOf(message.headers, message.body);
  if (contentType === 'missing') return 'missing content-type';
  const { headers, localise } = draftHeaders(message.headers, owned);
  return {
    headers: contentType === undefined ? headers : [...headers, contentType],
    body: message.body,
    prepare: (request, listener) => {
      localise?.(request, listener);
      const from = request.headers.get('from') ?? '';
      return parseNameAddress(from) === undefined
        ? `invalid from value provided by client: ${from}`
        : undefined;
    },
  };
};

const dialogMaking = new Set(['INVITE', 'SUBSCRIBE']);

const dialogIdOf = ({ dialog, outgoing }: ResponseEvent): string => {
  if (dialog !== undefined) return dialog.setId;
  const request = outgoing.request;
  if (request === undefined || !dialogMaking.has(outgoing.method)) return '';
  const tag = parseNameAddress(request.headers.get('from') ?? '')?.parameters.get('tag');
  return `${request.headers.get('call-id') ?? ''};from-tag=${tag ?? ''}`;
};

/** The application that sent the request is told of each response, in its own place or in the one it came back to. */
const relay = (options: OutgoingOptions, owner: Owner, event: ResponseEvent): void => {
  const { ledger, events } = options;
  const { response, outgoing } = event;
  ledger.own(event.dialog, owner);
  if (response.status >= 200) ledger.completed(outgoing.id);
  const { application } = owner;
  if (application === undefined) return;
  const dialogId = dialogIdOf(event);
  if (event.event === undefined) return events.local(application, response, outgoing.id, dialogId);
  events.received(application, event.event, { transactionId: outgoing.id, dialogId });
};

const record = (options: OutgoingOptions, { response, outgoing }: ResponseEvent): void => {
  if (outgoing.method !== 'INVITE' || response.status < 200) return;
  if (response.status < 300) options.records.start('network', 'uac', response);
  else options.records.stop('network', outgoing.cancelled ? 'call-canceled' : 'call-rejected', response);
};

/** Handlers that answer the command once it is known whether the request left, and pass on what comes back. */
export const outgoingHandlers = (
  options: OutgoingOptions,
  application: Application,
  command: SipCommand<'request'>,
): RequestHandlers => {
  const owner = options.owners.of(application);
  const { uri } = command.message;
  let initial = false;
  return {
    onSent(result: SentResult, outgoing: OutgoingRequest) {
      if (!result.ok) {
        const text = requestErrorText(result.error, uri, result.detail);
        return application.reply(command.id, `NOK|${tokenText(text)}`);
      }
      options.ledger.sent(outgoing, owner);
      initial = outgoing.dialog === undefined;
      options.events.requestSent(application, command.id, result, outgoing.id);
      if (initial && outgoing.method === 'INVITE') options.records.attempt('application', result.message);
      if (outgoing.method === 'BYE') options.records.stop('application', 'normal-release', result.message);
    },
    onResponse(event: ResponseEvent) {
      if (initial) record(options, event);
      relay(options, owner, event);
    },
  };
};
