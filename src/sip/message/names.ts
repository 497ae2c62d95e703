import { isAll, TOKEN } from './chars.ts';

// The compact forms of RFC 3261 §7.3.3, RFC 3515, RFC 3892, RFC 3841, RFC 4028, RFC 6665, RFC 8224.
const compactForms: Readonly<Record<string, string>> = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  d: 'Request-Disposition',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  j: 'Reject-Contact',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  n: 'Identity-Info',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
};

const registered =
  `Accept, Accept-Contact, Accept-Encoding, Accept-Language, Accept-Resource-Priority, Alert-Info, Allow,
Allow-Events, Answer-Mode, Authentication-Info, Authorization, Call-ID, Call-Info, Contact, Content-Disposition,
Content-Encoding, Content-Language, Content-Length, Content-Transfer-Encoding, Content-Type, CSeq, Date, Diversion,
Error-Info, Event, Expires, Flow-Timer, From, Geolocation, Geolocation-Error, Geolocation-Routing, History-Info,
Identity, Identity-Info, In-Reply-To, Info-Package, Join, Max-Breadth, Max-Forwards, MIME-Version, Min-Expires, Min-SE,
Organization, P-Access-Network-Info, P-Answer-State, P-Asserted-Identity, P-Associated-URI, P-Called-Party-ID,
P-Charging-Function-Addresses, P-Charging-Vector, P-Early-Media, P-Preferred-Identity, P-Served-User,
P-Visited-Network-ID, Path, Permission-Missing, Policy-Contact, Policy-ID, Priority, Priv-Answer-Mode, Privacy,
Proxy-Authenticate, Proxy-Authentication-Info, Proxy-Authorization, Proxy-Require, RAck, Reason, Record-Route,
Recv-Info, Refer-Sub, Refer-To, Referred-By, Reject-Contact, Remote-Party-ID, Replaces, Reply-To, Request-Disposition,
Require, Resource-Priority, Retry-After, Route, RSeq, Security-Client, Security-Server, Security-Verify, Server,
Service-Route, Session-Expires, Session-ID, SIP-ETag, SIP-If-Match, Subject, Subscription-State, Supported,
Suppress-If-Match, Target-Dialog, Timestamp, To, Trigger-Consent, Unsupported, User-Agent, User-to-User, Via, Warning,
WWW-Authenticate`.split(/,\s*/);

const keys = new Map<string, string>();
const spellings = new Map<string, string>();

for (const name of registered) {
  const key = name.toLowerCase();
  for (const spelling of [name, key, name.toUpperCase()]) keys.set(spelling, key);
  spellings.set(key, name);
}
for (const [letter, name] of Object.entries(compactForms)) {
  for (const spelling of [letter, letter.toUpperCase()]) keys.set(spelling, name.toLowerCase());
}

/** Every usual spelling and its key, and which of them have that first letter and length. */
const spelled: string[] = [];
const spelledKeys: string[] = [];
const bucketOf = (letter: number, length: number): number => ((letter & 31) << 6) | length;
const buckets: number[][] = [];
for (const [spelling, key] of keys) {
  const bucket = bucketOf(spelling.charCodeAt(0), spelling.length);
  (buckets[bucket] ??= []).push(spelled.length);
  spelled.push(spelling);
  spelledKeys.push(key);
}

/** The number of the usual spelling that stands at `start`; -1 when it is none. Nothing is copied or hashed for it. */
export const knownSpelling = (text: string, start: number, end: number): number => {
  if (end - start > 63) return -1;
  const bucket = buckets[bucketOf(text.charCodeAt(start), end - start)];
  if (bucket !== undefined)
    for (const number of bucket) if (text.startsWith(spelled[number] ?? ' ', start)) return number;
  return -1;
};

/** The usual spelling of the header whose name stands between the two places; undefined when it is no known one. */
export const knownName = (text: string, start: number, end: number): string | undefined => {
  const number = knownSpelling(text, start, end);
  return number < 0 ? undefined : spellings.get(keyOfSpelling(number));
};

export const spellingOf = (number: number): string => spelled[number] ?? '';
export const keyOfSpelling = (number: number): string => spelledKeys[number] ?? '';

/** Whether the text is a `token` of RFC 3261 §25.1. */
export const isToken = (text: string): boolean => isAll(text, TOKEN);

/** The name under which a header is found: lower case, compact form made long (RFC 3261 §7.3.3). */
export const headerKey = (name: string): string => {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  return keys.get(lower) ?? lower;
};

/** `headerKey` for a name from the wire; undefined when the name is no token. */
export const wireHeaderKey = (name: string): string | undefined =>
  keys.get(name) ?? (isToken(name) ? headerKey(name) : undefined);

/** The name as it may stand in a message: what is no token loses what is wrong with it. */
export const fieldName = (name: string): string =>
  keys.has(name) || isToken(name) ? name : name.replace(/[^A-Za-z0-9\-.!%*_+`'~]/g, '') || '_';

/** The usual spelling of a known header's name. */
export const usualName = (name: string): string | undefined => spellings.get(headerKey(name));

/** The usual spelling of a header's name: `Call-ID` for `i` and `call-id`; an unknown name stays as it is. */
export const canonicalName = (name: string): string => spellings.get(headerKey(name)) ?? name;
