import { parseUri, type Destination } from '../../sip/index.ts';
import { given } from '../app-message.ts';
import type { ContactFlows } from '../contact-flows.ts';
import { requestOwned, routedOwned } from '../header-rules.ts';
import { requestErrorText, tokenText } from '../reply-text.ts';
import { sendInDialog } from './in-dialog-request.ts';
import { draftRequest, outgoingHandlers, type OutgoingOptions } from './outgoing.ts';
import type { SipCommand, SipCommandHandler } from './sip.ts';

export type NewRequestOptions = OutgoingOptions & {
  readonly flows: ContactFlows;
  readonly outboundProxy: string | undefined;
};

/** Methods that go to a registered contact over the connection on which it registered. */
const toContact = new Set(['INVITE', 'OPTIONS', 'NOTIFY', 'MESSAGE', 'SUBSCRIBE', 'INFO', 'REFER']);

const fromTagOf = (message: SipCommand<'request'>['message']): string | undefined =>
  /;\s*tag=([^;\s>,]+)/.exec(given(message, 'from') ?? '')?.[1];

/** The dialog that the application means without naming it: it repeats its Call-ID and From tag. */
const meantDialog = (options: NewRequestOptions, command: SipCommand<'request'>) => {
  const callId = given(command.message, 'call-id');
  const tag = callId === undefined ? undefined : fromTagOf(command.message);
  if (tag === undefined) return undefined;
  const dialog = options.core().findDialog(`${callId};from-tag=${tag}`);
  return dialog?.state === 'confirmed' ? dialog : undefined;
};

type Hop = { readonly destinations: readonly Destination[] } | { readonly nextHop: string } | object;

const protocols = ['tcp', 'tls', 'ws', 'wss'] as const;

/** The connection that a next hop names by address, port and transport. */
const namedFlow = (options: NewRequestOptions, nextHop: string) => {
  const uri = parseUri(nextHop);
  const protocol = protocols.find((p) => p === uri?.parameters.get('transport')?.toLowerCase());
  if (uri?.port === undefined || protocol === undefined) return undefined;
  return options.core().transport.openFlow(protocol, { address: uri.host, port: uri.port });
};

const hopOf = (options: NewRequestOptions, { message, routeUrl }: SipCommand<'request'>): Hop => {
  // Two phones behind two NATs may have the same Contact: an application that names the connection knows better.
  const named = namedFlow(options, routeUrl);
  if (named !== undefined) return { destinations: [{ kind: 'flow', flow: named }] };
  const flow = toContact.has(message.method) ? options.flows.find(message.uri) : undefined;
  if (flow !== undefined && options.core().transport.isOpen(flow))
    return { destinations: [{ kind: 'flow', flow }] };
  const nextHop = routeUrl === '' ? options.outboundProxy : routeUrl;
  if (nextHop === undefined) return {};
  return { nextHop: /^sips?:/i.test(nextHop) ? nextHop : `sip:${nextHop}` };
};

/** Route counts only where it begins with the next hop that is asked for: headers that were just copied do not. */
const isRouted = ({ message, routeUrl }: SipCommand<'request'>): boolean => {
  const first = /<([^>]*)>/.exec(given(message, 'route') ?? '')?.[1];
  return first !== undefined && first === routeUrl;
};

const bareUri = (uri: string): string => (uri.startsWith('<') && uri.endsWith('>') ? uri.slice(1, -1) : uri);

/** A request outside dialogs. */
export const newRequest =
  (options: NewRequestOptions): SipCommandHandler<'request'> =>
  (application, command) => {
    const dialog = meantDialog(options, command);
    if (dialog !== undefined) return sendInDialog(options, application, { command, dialog });
    const fail = (text: string) => application.reply(command.id, `NOK|${tokenText(text)}`);
    const { method } = command.message;
    const uri = bareUri(command.message.uri);
    const parsed = parseUri(uri);
    // A tel URI says nothing about where to send it; the next hop must.
    const hop = hopOf(options, command);
    const hasHop = Object.keys(hop).length > 0;
    if (parsed === undefined || (parsed.scheme === 'tel' && !hasHop))
      return fail(requestErrorText('invalid-uri', command.message.uri, ''));
    if (!hasHop && options.core().isOwn(uri)) return fail('can not send request to myself');
    const draft = draftRequest(command, isRouted(command) ? routedOwned : requestOwned);
    if (typeof draft === 'string') return fail(draft);
    options
      .core()
      .request({ method, uri, ...draft, ...hop }, outgoingHandlers(options, application, command));
  };
