import { defaultMessageLimits, type MessageLimits } from './limits.ts';
import { refuse } from './parse.ts';
import type { ParseFailure } from './types.ts';

/**
 * What a stream brought: the bytes of one message for `parseMessage`; a `ping`, the double CRLF that is answered with
 * one CRLF (RFC 5626 §3.5.1); a STUN message (§3.5.2), which no SIP message begins like; or a failure, after which the stream cannot be read on and the connection is to be closed
 * once `failure.response`, if any, has been sent. A single CRLF (a pong) is passed over.
 */
export type FramerEvent =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'ping' }
  | { readonly kind: 'stun'; readonly bytes: Buffer }
  | { readonly kind: 'failure'; readonly failure: ParseFailure };

const blankLine = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);
// RFC 5389 §6: the first two bits are zero, and the length behind the header stands in octets 2 and 3.
const stunHeaderBytes = 20;
const largestStunBytes = 548;
const lengthLine = /\r\n(?:content-length|l)[ \t]*:([^\r]*(?:\r\n[ \t][^\r]*)*)/gi;

/** The Content-Length of a header block; undefined when it is missing, malformed or given differently twice. */
const contentLength = (head: string): number | undefined => {
  let found: number | undefined;
  for (const match of head.matchAll(lengthLine)) {
    const text = (match[1] ?? '').trim();
    if (!/^[0-9]{1,10}$/.test(text)) return undefined;
    const value = Number(text);
    if (found !== undefined && found !== value) return undefined;
    found = value;
  }
  return found;
};

/**
 * Cuts a TCP or TLS stream into messages by Content-Length (RFC 3261 §18.3), however the bytes arrive. Message bytes may
 * be views into the chunks handed in.
 */
export class StreamFramer {
  readonly #limits: MessageLimits;
  /** Bytes not yet handed out: `#store` from `#start` to `#end`. */
  #store: Buffer = nothing;
  #start = 0;
  #end = 0;
  /** How far the search for the blank line got. */
  #searched = 0;
  /** Where the present message ends, once its header block is complete. */
  #messageEnd: number | undefined;
  #broken = false;
  /** A CRLF between messages that may be the first half of a ping. */
  #halfPing = false;

  constructor(limits: MessageLimits = defaultMessageLimits) {
    this.#limits = limits;
  }

  /** Bytes that wait for the rest of their message. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Takes what the stream brought and gives what became complete, in order. After a failure it takes nothing more. */
  push(chunk: Buffer): FramerEvent[] {
    const events: FramerEvent[] = [];
    if (this.#broken || chunk.length === 0) return events;
    this.#append(chunk);
    while (!this.#broken && this.#step(events));
    return events;
  }

  #append(chunk: Buffer): void {
    const pending = this.buffered;
    if (pending === 0) {
      this.#store = chunk;
      this.#start = 0;
      this.#searched = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#end + chunk.length > this.#store.length || this.#start > 0) {
      // Room for as much again, so that a message fed byte by byte is not copied at every byte.
      const room = Buffer.allocUnsafe(Math.max(2 * (pending + chunk.length), 1024));
      this.#store.copy(room, 0, this.#start, this.#end);
      this.#searched -= this.#start;
      if (this.#messageEnd !== undefined) this.#messageEnd -= this.#start;
      this.#store = room;
      this.#start = 0;
      this.#end = pending;
    }
    chunk.copy(this.#store, this.#end);
    this.#end += chunk.length;
  }

  /** One event or one CRLF further; false when more bytes are needed. */
  #step(events: FramerEvent[]): boolean {
    if (this.#messageEnd === undefined) {
      if (this.#searched <= this.#start && this.#store[this.#start] === 0x0d) {
        if (this.buffered < 2) return false;
        if (this.#store[this.#start + 1] === 0x0a) return this.#skipLineEnd(events);
      }
      if (this.buffered > 0 && (this.#store[this.#start] ?? 0) < 4) return this.#takeStun(events);
      return this.buffered > 0 && this.#findEnd(events);
    }
    if (this.#end < this.#messageEnd) return false;
    events.push({ kind: 'message', bytes: this.#store.subarray(this.#start, this.#messageEnd) });
    this.#start = this.#messageEnd;
    this.#searched = this.#start;
    this.#messageEnd = undefined;
    return true;
  }

  #takeStun(events: FramerEvent[]): boolean {
    this.#halfPing = false;
    if (this.buffered < stunHeaderBytes) return false;
    const length = stunHeaderBytes + this.#store.readUInt16BE(this.#start + 2);
    if (length > largestStunBytes) return this.#fail(events, 400, 'Neither SIP nor STUN');
    if (this.buffered < length) return false;
    events.push({ kind: 'stun', bytes: this.#store.subarray(this.#start, this.#start + length) });
    this.#start += length;
    this.#searched = this.#start;
    return true;
  }

  #skipLineEnd(events: FramerEvent[]): boolean {
    this.#start += 2;
    this.#searched = this.#start;
    if (this.#halfPing) events.push({ kind: 'ping' });
    this.#halfPing = !this.#halfPing;
    return true;
  }

  #findEnd(events: FramerEvent[]): boolean {
    this.#halfPing = false;
    // The needle may straddle the place where the last search stopped.
    const from = Math.max(this.#start, this.#searched - 3);
    const found = this.#store.subarray(0, this.#end).indexOf(blankLine, from);
    const headBytes = (found < 0 ? this.#end : found) - this.#start;
    if (headBytes > this.#limits.headerBytes) return this.#fail(events, 513, 'Header fields too large');
    if (found < 0) {
      this.#searched = this.#end;
      return false;
    }
    const length = contentLength(this.#store.toString('latin1', this.#start, found));
    if (length === undefined) return this.#fail(events, 400, 'Missing or malformed Content-Length');
    this.#messageEnd = found + blankLine.length + length;
    this.#searched = this.#messageEnd;
    if (this.#messageEnd - this.#start > this.#limits.messageBytes)
      return this.#fail(events, 513, 'Message Too Large');
    return true;
  }

  #fail(events: FramerEvent[], status: number, reason: string): boolean {
    const bytes = this.#store.subarray(this.#start, this.#end);
    events.push({ kind: 'failure', failure: refuse(bytes, { status, reason }, this.#limits) });
    this.#broken = true;
    this.#store = nothing;
    this.#start = 0;
    this.#end = 0;
    return false;
  }
}
