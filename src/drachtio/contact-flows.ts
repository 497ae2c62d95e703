import type { Clock } from '../base/index.ts';
import { parseNameAddress, parseUri, type Flow, type SipRequest, type SipResponse } from '../sip/index.ts';

type Entry = { readonly flow: Flow; readonly until: number };

const keyOf = (uri: string): string | undefined => {
  const parsed = parseUri(uri);
  if (parsed === undefined || parsed.scheme === 'tel') return undefined;
  return `${parsed.user ?? ''}@${parsed.host.toLowerCase()}:${parsed.port ?? ''}`;
};

const secondsOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text.trim()) : undefined;

/**
 * Over which connection a contact can be reached: the one on which it registered or subscribed, for who sits behind a
 * NAT or in a browser cannot be dialled (RFC 5626 §5.3, RFC 7118 §5).
 */
export class ContactFlows {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  readonly #byFlow = new Map<string, Set<string>>();

  constructor(clock: Clock, limit = 100_000) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Learns from a 2xx to REGISTER or SUBSCRIBE that came over a connection; expiry 0 forgets. */
  learn(request: SipRequest, flow: Flow, response: SipResponse): void {
    if (!flow.reliable) return;
    const usual =
      secondsOf(response.headers.get('expires')) ?? secondsOf(request.headers.get('expires')) ?? 3600;
    for (const value of request.headers.list('contact')) {
      const contact = parseNameAddress(value);
      const key = contact && keyOf(contact.uri);
      if (contact === undefined || key === undefined) continue;
      const seconds = secondsOf(contact.parameters.get('expires')) ?? usual;
      if (seconds === 0) this.#remove(key);
      else this.#put(key, { flow, until: this.#clock.now() + seconds * 1000 });
    }
  }

  /** The connection to that contact, if one was learnt and has not expired. */
  find(uri: string): Flow | undefined {
    const key = keyOf(uri);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return undefined;
    if (entry.until > this.#clock.now()) return entry.flow;
    this.#remove(key);
    return undefined;
  }

  /** The connection is gone. */
  closed(flow: Flow): void {
    for (const key of this.#byFlow.get(flow.id) ?? [])
      if (this.#entries.get(key)?.flow.id === flow.id) this.#entries.delete(key);
    this.#byFlow.delete(flow.id);
  }

  #put(key: string, entry: Entry): void {
    if (!this.#entries.has(key) && this.#entries.size >= this.#limit) this.#forgetExpired();
    if (!this.#entries.has(key) && this.#entries.size >= this.#limit) return;
    this.#remove(key);
    this.#entries.set(key, entry);
    const keys = this.#byFlow.get(entry.flow.id) ?? new Set();
    this.#byFlow.set(entry.flow.id, keys.add(key));
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const keys = this.#byFlow.get(entry.flow.id);
    keys?.delete(key);
    if (keys?.size === 0) this.#byFlow.delete(entry.flow.id);
  }

  #forgetExpired(): void {
    const now = this.#clock.now();
    for (const [key, { until }] of this.#entries) if (until <= now) this.#remove(key);
  }
}
