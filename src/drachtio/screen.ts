import { from, parseNameAddress, parseUri, to, toTag, type SipRequest } from '../sip/index.ts';
import type { SpammerFilter } from './options.ts';

export type ScreenOptions = {
  readonly spammers: readonly SpammerFilter[];
  readonly optionsAutoRespond: string | undefined;
};

const userOf = (address: { readonly uri: string } | undefined): string =>
  (address && parseUri(address.uri)?.user) ?? '';

const filtered: Record<SpammerFilter['header'], (request: SipRequest) => string> = {
  'user-agent': (request) => request.headers.get('user-agent') ?? '',
  from: (request) => userOf(from(request)),
  to: (request) => userOf(to(request)),
};

const isSpam = (request: SipRequest, spammers: readonly SpammerFilter[]): boolean =>
  spammers.some(({ header, values }) => {
    const text = filtered[header](request);
    return values.some((value) => value !== '' && text.includes(value));
  });

/** What is wrong with a REGISTER that no registrar need see (RFC 3261 §10.3 step 6). */
const registerFault = (request: SipRequest): string | undefined => {
  const contacts = request.headers.list('contact');
  if (contacts.includes('*')) {
    if (contacts.length > 1) return 'Contact: * stands alone';
    return request.headers.get('expires')?.trim() === '0' ? undefined : 'Contact: * needs Expires: 0';
  }
  return contacts.every((contact) => parseNameAddress(contact)) ? undefined : 'Bad Contact';
};

export type Verdict = { readonly status: number; readonly reason?: string };

/** Requests that only make sense where a dialog or an INVITE is known. */
const needsDialog = new Set(['BYE', 'UPDATE', 'PRACK']);

/** The answer to a new request that no application shall see; undefined for all others. */
export const screen = (request: SipRequest, options: ScreenOptions): Verdict | undefined => {
  if (options.spammers.length > 0 && isSpam(request, options.spammers)) return { status: 603 };
  const { method } = request;
  if (needsDialog.has(method) || (method === 'INVITE' && toTag(request) !== undefined))
    return { status: 481 };
  if (method === 'REGISTER') {
    const fault = registerFault(request);
    return fault === undefined ? undefined : { status: 400, reason: fault };
  }
  const agent = options.optionsAutoRespond;
  if (method === 'OPTIONS' && agent !== undefined && request.headers.get('user-agent') === agent)
    return { status: 200 };
  return method === 'FLOW-CLOSED' ? { status: 501 } : undefined;
};
