import {
  bracketHost,
  canonicalName,
  headerKey,
  parseNameAddress,
  parseUri,
  printNameAddress,
  printUri,
  usualName,
  type Address,
  type HeaderField,
  type Listener,
  type SipMessage,
} from '../sip/index.ts';

/** Headers that only the stack writes. */
const stackOwned = ['via', 'route', 'record-route', 'rseq', 'content-length'];

/** What an application may not write into a new request, … */
export const requestOwned: ReadonlySet<string> = new Set(stackOwned);
/** … into one that it sends along a path it was given (RFC 3327 §5.3), … */
export const routedOwned: ReadonlySet<string> = new Set(stackOwned.filter((name) => name !== 'route'));
/** … into a request inside a dialog or an answer, whose identity is fixed, … */
export const answerOwned: ReadonlySet<string> = new Set([
  ...stackOwned,
  'from',
  'to',
  'call-id',
  'cseq',
  'max-forwards',
]);
/** … and into a CANCEL, which repeats its INVITE. */
export const cancelOwned: ReadonlySet<string> = new Set([
  ...answerOwned,
  'contact',
  'p-asserted-identity',
  'require',
  'proxy-require',
  'content-type',
]);

const localised = ['from', 'to', 'contact', 'p-asserted-identity'];

/** The usual spelling of a known header; another one gets capitals behind its hyphens, unless it is an X- header. */
export const headerSpelling = (name: string): string => {
  const usual = usualName(name);
  if (usual !== undefined || /^x-/i.test(name)) return usual ?? name;
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
};

/** Applications write `sip:user@localhost` for "this server"; here that becomes its real address. */
export const localise = (value: string, host: Address): string => {
  if (!value.includes('@localhost')) return value;
  const address = parseNameAddress(value);
  const uri = address && parseUri(address.uri);
  if (address === undefined || uri?.host !== 'localhost')
    return value.replace(/@localhost(:\d+)?/g, `@${bracketHost(host.address)}:${host.port}`);
  return printNameAddress({ ...address, uri: printUri({ ...uri, host: host.address, port: host.port }) });
};

type Draft = {
  readonly headers: readonly HeaderField[];
  /** Set when a header names `localhost`: puts the listener's address in its place. */
  readonly localise?: (message: SipMessage, listener: Listener | undefined) => void;
};

const localiseAll = (message: SipMessage, listener: Listener | undefined): void => {
  const host = listener?.external ?? listener?.local;
  if (host === undefined) return;
  for (const name of localised) {
    const value = message.headers.get(name);
    if (value?.includes('@localhost')) message.headers.set(canonicalName(name), localise(value, host));
  }
};

/** The application's header fields without those that are not its to write, spelled as usual. */
export const draftHeaders = (fields: readonly HeaderField[], owned: ReadonlySet<string>): Draft => {
  const headers: HeaderField[] = [];
  let local = false;
  for (const { name, value } of fields) {
    const key = headerKey(name);
    if (owned.has(key)) continue;
    if (value.includes('@localhost') && localised.includes(key)) local = true;
    headers.push({ name: headerSpelling(name), value });
  }
  return local ? { headers, localise: localiseAll } : { headers };
};

const SESSION_DESCRIPTION = Buffer.from('v=0');

/** The Content-Type that a body needs: none, SDP where the body is, `missing` where nobody can tell. */
export const contentTypeOf = (
  fields: readonly HeaderField[],
  body: Buffer,
): HeaderField | 'missing' | undefined => {
  if (body.length === 0 || fields.some(({ name }) => headerKey(name) === 'content-type')) return undefined;
  if (!body.subarray(0, 3).equals(SESSION_DESCRIPTION)) return 'missing';
  return { name: 'Content-Type', value: 'application/sdp' };
};
