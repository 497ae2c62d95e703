import { parseNameAddress } from './address.ts';
import { HeaderTable, kept, tableOf } from './headers.ts';
import { splitList } from './split.ts';
import { reasonPhrase } from './status.ts';
import type {
  CSeq,
  HeaderField,
  Headers,
  NameAddress,
  SipMessage,
  SipRequest,
  SipResponse,
  SipUri,
  Via,
} from './types.ts';
import { parseUri } from './uri.ts';
import { parseCSeq, parseVia } from './via.ts';

export const noBody: Buffer = Buffer.alloc(0);

/** A request; `wire` are the bytes it was read from, kept to be sent on as they are while nothing was changed. */
export class Request implements SipRequest {
  readonly kind = 'request' as const;
  readonly method: string;
  uri: string;
  readonly headers: HeaderTable;
  body: Buffer;
  readonly #wire: Buffer | undefined;
  readonly #wireUri: string;
  readonly #wireBody: Buffer;
  #parsedFrom: string | undefined;
  #parsedUri: SipUri | undefined;

  constructor(
    line: { readonly method: string; readonly uri: string },
    headers: HeaderTable,
    body: Buffer,
    wire?: Buffer,
  ) {
    this.method = line.method;
    this.uri = line.uri;
    this.headers = headers;
    this.body = body;
    this.#wire = wire;
    this.#wireUri = line.uri;
    this.#wireBody = body;
  }

  get untouched(): Buffer | undefined {
    return this.uri === this.#wireUri && this.body === this.#wireBody && !this.headers.changed
      ? this.#wire
      : undefined;
  }

  get parsedUri(): SipUri | undefined {
    if (this.#parsedFrom !== this.uri) {
      this.#parsedFrom = this.uri;
      this.#parsedUri = parseUri(this.uri);
    }
    return this.#parsedUri;
  }
}

/** A response; see `Request` for the wire bytes. */
export class Response implements SipResponse {
  readonly kind = 'response' as const;
  status: number;
  reason: string;
  readonly headers: HeaderTable;
  body: Buffer;
  readonly #wire: Buffer | undefined;
  readonly #wireLine: string;
  readonly #wireBody: Buffer;

  constructor(
    line: { readonly status: number; readonly reason: string },
    headers: HeaderTable,
    body: Buffer,
    wire?: Buffer,
  ) {
    this.status = line.status;
    this.reason = line.reason;
    this.headers = headers;
    this.body = body;
    this.#wire = wire;
    this.#wireLine = `${line.status} ${line.reason}`;
    this.#wireBody = body;
  }

  get untouched(): Buffer | undefined {
    return this.body === this.#wireBody &&
      !this.headers.changed &&
      `${this.status} ${this.reason}` === this.#wireLine
      ? this.#wire
      : undefined;
  }
}

const asTable = (headers: Headers): HeaderTable =>
  headers instanceof HeaderTable ? headers : tableOf(headers);

/** A request with these header fields and nothing added. `Content-Length` is written when it is printed. */
export const createRequest = (
  method: string,
  uri: string,
  headers: Iterable<HeaderField> = [],
  body: Buffer = noBody,
): SipRequest => new Request({ method, uri }, tableOf(headers), body);

/**
 * A response to a request (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq copied, Record-Route too where it may make
 * a dialog (§12.1.1), Timestamp into a 100. The To tag is the caller's to add (`setToTag`), except in a 100.
 */
export const createResponse = (
  request: SipRequest,
  status: number,
  reason?: string,
  extra: Iterable<HeaderField> = [],
): SipResponse => {
  const from = asTable(request.headers);
  const headers = new HeaderTable();
  headers.copy('via', from);
  if (status > 100 && status < 300) headers.copy('record-route', from);
  for (const key of ['from', 'to', 'call-id', 'cseq']) headers.copy(key, from);
  if (status === 100) headers.copy('timestamp', from);
  for (const { name, value } of extra) headers.add(name, value);
  return new Response({ status, reason: reason ?? reasonPhrase(status) }, headers, noBody);
};

const firstOf = (value: string): string => (value.includes(',') ? (splitList(value)[0] ?? '') : value);
const parseFirstVia = (value: string): Via | undefined => parseVia(firstOf(value));
const parseFirstAddress = (value: string): NameAddress | undefined => parseNameAddress(firstOf(value));

/** The topmost Via; undefined when there is none or it is malformed. Cached, as all of these. */
export const topVia = (message: SipMessage): Via | undefined =>
  asTable(message.headers).memo(kept.via, parseFirstVia);

export const from = (message: SipMessage): NameAddress | undefined =>
  asTable(message.headers).memo(kept.from, parseNameAddress);

export const to = (message: SipMessage): NameAddress | undefined =>
  asTable(message.headers).memo(kept.to, parseNameAddress);

/** The first Contact; undefined for `*`. */
export const contact = (message: SipMessage): NameAddress | undefined =>
  asTable(message.headers).memo(kept.contact, parseFirstAddress);

export const fromTag = (message: SipMessage): string | undefined => from(message)?.parameters.get('tag');

export const toTag = (message: SipMessage): string | undefined => to(message)?.parameters.get('tag');

/** The Call-ID; empty when there is none. */
export const callId = (message: SipMessage): string => message.headers.get('call-id') ?? '';

export const cseq = (message: SipMessage): CSeq | undefined =>
  asTable(message.headers).memo(kept.cseq, parseCSeq);

/** The branch of the topmost Via. */
export const branch = (message: SipMessage): string | undefined => topVia(message)?.parameters.get('branch');

/** The Request-URI; undefined when its scheme is none of sip, sips and tel. */
export const requestUri = (request: SipRequest): SipUri | undefined =>
  request instanceof Request ? request.parsedUri : parseUri(request.uri);

/** Adds a tag to To when it has none (RFC 3261 §8.2.6.2). */
export const setToTag = (message: SipMessage, tag: string): void => {
  const value = message.headers.get('to');
  const parsed = to(message);
  if (value === undefined || parsed === undefined || parsed.parameters.has('tag')) return;
  message.headers.set('To', `${value};tag=${tag}`);
};

/** Writes names of headers that are compact forms in full (RFC 3261 §7.3.3), for who knows few of them. */
export const spellOut = (message: SipMessage): void => asTable(message.headers).spellOut();
