import type { Endpoint, Identity } from './endpoint.ts';
import type { Headers, SipRequest } from './signaling.ts';

const quoted = (name: string): string => (name === '' ? '' : `"${name.replaceAll(/["\\\r\n]/g, ' ')}" `);

/** User parts may have `#`, which a URI may not (RFC 3261 §25.1). */
const userPart = (number: string): string => encodeURIComponent(number).replaceAll('%2B', '+');

const uriOf = ({ number, domain }: Identity): string => `<sip:${userPart(number)}@${domain}>`;

const nameAddr = (identity: Identity): string => `${quoted(identity.name)}${uriOf(identity)}`;

/** RFC 3323 §4.1.1.3. */
const anonymous = '"Anonymous" <sip:anonymous@anonymous.invalid>';

/**
 * Who calls, as the called side is told: From and P-Asserted-Identity carry the authenticated identity and never what
 * the caller's own From says. A withheld number goes to trunks alone, which are within the trust domain, together with
 * the wish (RFC 3325 §7).
 */
export function callerHeaders(caller: Identity, towards: Endpoint['kind'], dialled: Identity): Headers {
  const to = { To: uriOf({ ...dialled, name: '' }) };
  const asserted = { 'P-Asserted-Identity': nameAddr(caller) };
  if (!caller.withheld) return { From: nameAddr(caller), ...to, ...asserted };
  return towards === 'trunk'
    ? { From: anonymous, ...to, ...asserted, Privacy: 'id' }
    : { From: anonymous, ...to, Privacy: 'id' };
}

/** A caller with a word for whose phone it is shown on; the name stays in front, where a short display has room. */
export const noted = (caller: Identity, note: string | undefined): Identity =>
  note === undefined
    ? caller
    : { ...caller, name: `${caller.name === '' ? caller.number : caller.name} (${note})` };

/** Who a device is now connected to, for phones that show it (RFC 3325 §9.1; Remote-Party-ID for older ones). */
export function connectedHeaders(party: Identity): Headers {
  if (party.withheld) return { Privacy: 'id' };
  const name = nameAddr(party);
  return {
    'P-Asserted-Identity': name,
    'Remote-Party-ID': `${name};party=called;screen=yes;privacy=off`,
  };
}

/** Whether the request asks for its number to be withheld (RFC 3323 §4.2); `none` asks for nothing. */
export const asksPrivacy = (request: SipRequest): boolean =>
  (request.get('Privacy') ?? '')
    .split(/[;,]/)
    .some((value) => /^(id|user|header|session)$/i.test(value.trim())) ||
  /@anonymous\.invalid/i.test(request.get('From') ?? '');

/** The display name and user part of a From header, for callers on a trunk. */
export function fromHeader(value: string): { readonly name: string; readonly number: string } {
  const name = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*</.exec(value);
  const number = /sips?:([^@;>]*)@|tel:([^;>]*)/i.exec(value);
  const user = (number?.[1] ?? number?.[2] ?? '').split(':')[0] ?? '';
  return { name: (name?.[1] ?? name?.[2] ?? '').trim(), number: decode(user) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
