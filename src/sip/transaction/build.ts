import {
  cseq,
  createRequest,
  type HeaderField,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';

const field = (name: string, value: string | undefined): HeaderField[] =>
  value === undefined ? [] : [{ name, value }];

/**
 * The ACK to a non-2xx final response (RFC 3261 §17.1.1.3): the INVITE's Request-URI, Call-ID, From, CSeq number, Route
 * and top Via, the response's To.
 */
export const ackFor = (invite: SipRequest, response: SipResponse): SipRequest => {
  const { headers } = invite;
  return createRequest('ACK', invite.uri, [
    ...field('Via', headers.list('Via')[0]),
    ...headers.all('Route').map((value) => ({ name: 'Route', value })),
    { name: 'Max-Forwards', value: '70' },
    ...field('From', headers.get('From')),
    ...field('To', response.headers.get('To') ?? headers.get('To')),
    ...field('Call-ID', headers.get('Call-ID')),
    { name: 'CSeq', value: `${cseq(invite)?.number ?? 1} ACK` },
  ]);
};

/** The same from nothing but the response, for an INVITE that is forgotten: its branch is what the peer matches by. */
export const strayAckFor = (response: SipResponse, uri: string): SipRequest => {
  const { headers } = response;
  return createRequest('ACK', uri, [
    ...field('Via', headers.list('Via')[0]),
    { name: 'Max-Forwards', value: '70' },
    ...field('From', headers.get('From')),
    ...field('To', headers.get('To')),
    ...field('Call-ID', headers.get('Call-ID')),
    { name: 'CSeq', value: `${cseq(response)?.number ?? 1} ACK` },
  ]);
};

/** CANCEL for a request (RFC 3261 §9.1): its Request-URI, Call-ID, From, To, CSeq number, Route and top Via. */
export const cancelFor = (invite: SipRequest, extra: Iterable<HeaderField>): SipRequest => {
  const { headers } = invite;
  return createRequest('CANCEL', invite.uri, [
    ...field('Via', headers.list('Via')[0]),
    ...headers.all('Route').map((value) => ({ name: 'Route', value })),
    { name: 'Max-Forwards', value: '70' },
    ...field('From', headers.get('From')),
    ...field('To', headers.get('To')),
    ...field('Call-ID', headers.get('Call-ID')),
    { name: 'CSeq', value: `${cseq(invite)?.number ?? 1} CANCEL` },
    ...extra,
  ]);
};
