import {
  callId,
  cseq,
  fromTag,
  printVia,
  toTag,
  topVia,
  type SipRequest,
  type SipResponse,
  type Via,
} from '../message/index.ts';

/** What every branch made since RFC 3261 begins with (§8.1.1.7). */
export const magicCookie = 'z9hG4bK';

const sentBy = (via: Via): string => `${via.host.toLowerCase()}:${via.port ?? ''}`;

/**
 * Under which a server transaction is found (RFC 3261 §17.2.3): branch, sent-by and method, an ACK or CANCEL with the
 * method it is about. Without the magic cookie (RFC 2543): Request-URI, From tag, Call-ID, CSeq number and top Via; the
 * To tag is left out, since the INVITE has none and its ACK has ours.
 */
export const serverKey = (request: SipRequest, method: string): string | undefined => {
  const via = topVia(request);
  if (via === undefined) return undefined;
  const branch = via.parameters.get('branch');
  if (branch?.startsWith(magicCookie) === true) return `${branch}|${sentBy(via)}|${method}`;
  const number = cseq(request)?.number ?? '';
  return `2543|${request.uri}|${fromTag(request) ?? ''}|${callId(request)}|${number}|${printVia(via)}|${method}`;
};

/** What stays the same when an element on the way changed the Via: Call-ID, CSeq number and From tag. */
export const callKey = (request: SipRequest, method: string): string =>
  `${callId(request)}|${cseq(request)?.number ?? ''}|${fromTag(request) ?? ''}|${method}`;

export const clientKey = (branch: string, method: string): string => `${branch}|${method}`;

/** The client transaction that a response belongs to (RFC 3261 §17.1.3). */
export const responseKey = (response: SipResponse): string | undefined => {
  const branch = topVia(response)?.parameters.get('branch');
  const method = cseq(response)?.method;
  return branch === undefined || method === undefined ? undefined : clientKey(branch, method);
};

/** Whether an ACK acknowledges what a server transaction sent: its To tag is the one that was given out. */
export const hasToTag = (request: SipRequest, response: SipResponse | undefined): boolean =>
  response !== undefined && toTag(request) === toTag(response);
