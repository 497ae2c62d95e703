/** One header field line: the name as written, the value unfolded and trimmed. */
export type HeaderField = { readonly name: string; readonly value: string };

/**
 * The header fields of a message in wire order. Names match without case, and a compact form matches its long
 * one (RFC 3261 §7.3.3).
 */
export interface Headers extends Iterable<HeaderField> {
  /** The first field's value. */
  get(name: string): string | undefined;
  /** Every field's value, one an occurrence, commas kept. */
  all(name: string): readonly string[];
  /** The values of a comma-separated header over all its fields, split outside quotes and angle brackets. */
  list(name: string): readonly string[];
  has(name: string): boolean;
  /** Replaces every field of that name, in the place of the first; appends when there is none. */
  set(name: string, value: string | readonly string[]): void;
  /** Appends a field. */
  add(name: string, value: string): void;
  /** Puts a field in front of the first of that name, or at the top. */
  prepend(name: string, value: string): void;
  delete(name: string): void;
  /** Removes the first comma-separated value of that name (a Via or Route that was consumed). */
  shift(name: string): string | undefined;
  clone(): Headers;
}

type Common = {
  readonly headers: Headers;
  /** May be empty; never undefined. */
  body: Buffer;
};

export type SipRequest = Common & { readonly kind: 'request'; readonly method: string; uri: string };
export type SipResponse = Common & { readonly kind: 'response'; status: number; reason: string };
export type SipMessage = SipRequest | SipResponse;

/**
 * Why bytes are no acceptable message. `response` is a 4xx/5xx that may be sent back when the bytes were a request
 * whose Via, From, To, Call-ID and CSeq could still be read (RFC 4475 says which); without it, the bytes are dropped.
 */
export type ParseFailure = { readonly reason: string; readonly response?: SipResponse };

export type ParseResult =
  | { readonly ok: true; readonly message: SipMessage }
  | { readonly ok: false; readonly failure: ParseFailure };

export type Parameters = ReadonlyMap<string, string | undefined>;

export type SipUri = {
  /** Lower case: sip, sips, tel. */
  readonly scheme: string;
  readonly user?: string;
  readonly password?: string;
  /** Without IPv6 brackets; empty for tel. */
  readonly host: string;
  readonly port?: number;
  readonly parameters: Parameters;
  /** The part behind `?`, as written. */
  readonly headers?: string;
};

export type NameAddress = {
  readonly display?: string;
  readonly uri: string;
  readonly parameters: Parameters;
};

export type Via = {
  /** Upper case: UDP, TCP, TLS, WS, WSS. */
  readonly transport: string;
  readonly host: string;
  readonly port?: number;
  readonly parameters: Parameters;
};

export type CSeq = { readonly number: number; readonly method: string };
