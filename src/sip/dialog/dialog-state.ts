import {
  callId,
  contact,
  cseq,
  createRequest,
  fromTag,
  parseNameAddress,
  parseUri,
  printUri,
  toTag,
  type HeaderField,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';

/** What identifies a dialog and never changes (RFC 3261 §12). */
export type DialogIdentity = {
  readonly role: 'uac' | 'uas';
  /** INVITE or SUBSCRIBE. */
  readonly method: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly localAddress: string;
  readonly remoteAddress: string;
};

/** Where its requests go. */
export type DialogPath = { readonly remoteTarget: string; readonly routeSet: readonly string[] };

export const dialogKey = (callId: string, localTag: string, remoteTag: string): string =>
  `${callId}|${localTag}|${remoteTag}`;

/** The tag of the first request names the set, whoever sent it. */
export const dialogSetId = ({ role, callId, localTag, remoteTag }: DialogIdentity): string =>
  `${callId};from-tag=${role === 'uac' ? localTag : remoteTag}`;

/** A From or To value without its tag, all else as written. */
export const withoutTag = (value: string): string => {
  const close = value.lastIndexOf('>') + 1;
  return value.slice(0, close) + value.slice(close).replace(/\s*;\s*tag\s*=\s*[^;\s]*/i, '');
};

const targetOf = (message: SipMessage): string | undefined => {
  const uri = contact(message)?.uri;
  return uri === undefined || parseUri(uri) === undefined ? undefined : uri;
};

/** The Contact of a target refresh (RFC 3261 §12.2): undefined leaves the target as it is. */
export const refreshedTarget = targetOf;

/** RFC 3261 §12.1.1: the dialog that our response to this request makes. */
export const dialogOfRequest = (request: SipRequest, localTag: string): DialogIdentity => ({
  role: 'uas',
  method: request.method,
  callId: callId(request),
  localTag,
  remoteTag: fromTag(request) ?? '',
  localAddress: withoutTag(request.headers.get('To') ?? ''),
  remoteAddress: withoutTag(request.headers.get('From') ?? ''),
});

/** Without a Contact the sender's own address has to do. */
export const pathOfRequest = (request: SipRequest): DialogPath => ({
  remoteTarget: targetOf(request) ?? parseNameAddress(request.headers.get('From') ?? '')?.uri ?? request.uri,
  routeSet: request.headers.list('Record-Route'),
});

/** RFC 3261 §12.1.2: the dialog that a response to our request makes. */
export const dialogOfResponse = (request: SipRequest, response: SipResponse): DialogIdentity => ({
  role: 'uac',
  method: request.method,
  callId: callId(request),
  localTag: fromTag(request) ?? '',
  remoteTag: toTag(response) ?? '',
  localAddress: withoutTag(request.headers.get('From') ?? ''),
  remoteAddress: withoutTag(request.headers.get('To') ?? ''),
});

export const pathOfResponse = (request: SipRequest, response: SipResponse): DialogPath => ({
  remoteTarget: targetOf(response) ?? request.uri,
  routeSet: response.headers.list('Record-Route').toReversed(),
});

const uriOf = (route: string): string => parseNameAddress(route)?.uri ?? '';

const isLoose = (uri: string): boolean => parseUri(uri)?.parameters.has('lr') === true;

/** A strict router's URI as it may stand in a Request-URI (RFC 3261 §19.1.1): without method and headers. */
const asRequestUri = (text: string): string => {
  const uri = parseUri(text);
  if (uri === undefined) return text;
  const parameters = new Map(uri.parameters);
  parameters.delete('method');
  const { headers: _, ...rest } = uri;
  return printUri({ ...rest, parameters });
};

export type Routing = {
  readonly requestUri: string;
  readonly routes: readonly string[];
  /** The URI whose server gets the request. */
  readonly nextHop: string;
};

/** RFC 3261 §12.2.1.1: loose routes keep the target in the Request-URI, a strict first one takes its place. */
export const routingOf = ({ remoteTarget, routeSet }: DialogPath, target = remoteTarget): Routing => {
  const [first, ...rest] = routeSet;
  if (first === undefined) return { requestUri: target, routes: [], nextHop: target };
  const nextHop = uriOf(first);
  if (isLoose(nextHop)) return { requestUri: target, routes: routeSet, nextHop };
  return { requestUri: asRequestUri(nextHop), routes: [...rest, `<${target}>`], nextHop };
};

const tagged = (address: string, tag: string): string => (tag === '' ? address : `${address};tag=${tag}`);

/** A request inside a dialog (RFC 3261 §12.2.1.1), Via and Contact still to come. */
export const requestIn = (
  identity: DialogIdentity,
  routing: Routing,
  { method, number }: { readonly method: string; readonly number: number },
): SipRequest => {
  const fields: HeaderField[] = routing.routes.map((value) => ({ name: 'Route', value }));
  fields.push(
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: tagged(identity.localAddress, identity.localTag) },
    { name: 'To', value: tagged(identity.remoteAddress, identity.remoteTag) },
    { name: 'Call-ID', value: identity.callId },
    { name: 'CSeq', value: `${number} ${method}` },
  );
  return createRequest(method, routing.requestUri, fields);
};

/** RAck (RFC 3262 §7.2): RSeq, CSeq number, method. */
export type RAck = { readonly rseq: number; readonly cseq: number; readonly method: string };

/** What follows the method is let through: some peers repeat it. */
export const parseRAck = (value: string | undefined): RAck | undefined => {
  const match = /^\s*([0-9]{1,10})\s+([0-9]{1,10})\s+([A-Za-z]+)(?:\s|$)/.exec(value ?? '');
  return match === null
    ? undefined
    : { rseq: Number(match[1]), cseq: Number(match[2]), method: match[3] ?? '' };
};

/** The RSeq of a reliable provisional response (RFC 3262 §7.1); undefined when it is none. */
export const reliableSequence = (response: SipResponse): number | undefined => {
  const required = response.headers.list('Require').some((v) => v.trim().toLowerCase() === '100rel');
  const rseq = /^\s*([0-9]{1,10})\s*$/.exec(response.headers.get('RSeq') ?? '');
  return required && rseq !== null ? Number(rseq[1]) : undefined;
};

export const cseqNumber = (message: SipMessage): number => cseq(message)?.number ?? 0;
