import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../base/index.ts';
import { concerns, type EventLog, type LoggedEvent } from './event-log.ts';
import type { Who } from './who.ts';

export type EventStreamsParts = {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Whether who opened the stream may still see it. */
  readonly valid: (who: Who) => boolean;
  readonly most?: number;
  readonly mostOfOne?: number;
};

type Stream = { readonly who: Who; readonly response: ServerResponse };

const heartbeatMs = 15_000;
/** How long events are kept for the last reader to come back. */
const keptMs = 60_000;
/** A reader that leaves more than this unread is let go; it can come back with its Last-Event-ID. */
const mostUnread = 1_048_576;

/** The event streams that are open (server-sent events, HTML §9.2). */
export class EventStreams {
  readonly #parts: EventStreamsParts;
  readonly #open = new Set<Stream>();
  readonly #off: () => void;
  #heartbeat: Timer | undefined;
  /** Runs while nobody reads and somebody may come back. */
  #forget: Timer | undefined;

  constructor(parts: EventStreamsParts) {
    this.#parts = parts;
    this.#off = parts.log.events.on('logged', (event) => this.#logged(event));
  }

  get size(): number {
    return this.#open.size;
  }

  /** Whether one more may be opened by `who`. */
  admits(who: Who): boolean {
    const { most = 1000, mostOfOne = 50 } = this.#parts;
    const own = [...this.#open].filter((stream) => stream.who.name === who.name).length;
    return this.#open.size < most && own < mostOfOne;
  }

  /** Takes over a response: what was missed since `lastEventId`, then what happens. */
  open(who: Who, response: ServerResponse, lastEventId: string | undefined): void {
    const stream = { who, response };
    this.#open.add(stream);
    this.#forget?.cancel();
    this.#forget = undefined;
    this.#parts.log.keep(true);
    response.on('close', () => this.#gone(stream));
    response.on('error', () => this.#gone(stream));
    response.write('retry: 2000\n\n');
    if (lastEventId !== undefined && lastEventId !== '') this.#resume(stream, lastEventId);
    this.#beat();
  }

  close(): void {
    this.#off();
    this.#heartbeat?.cancel();
    this.#forget?.cancel();
    for (const { response } of this.#open) response.end();
    this.#open.clear();
  }

  #resume(stream: Stream, lastEventId: string): void {
    const missed = this.#parts.log.since(lastEventId);
    // What was missed is not known any more: the client has to look at everything anew.
    if (missed === undefined) stream.response.write('event: reset\ndata: {}\n\n');
    for (const event of missed ?? []) this.#tell(stream, event);
  }

  #logged(event: LoggedEvent): void {
    for (const stream of this.#open) this.#tell(stream, event);
  }

  #tell(stream: Stream, event: LoggedEvent): void {
    const { who, response } = stream;
    if (!concerns(event, who.asker)) return;
    if (!this.#parts.valid(who)) return void response.end();
    const id = this.#parts.log.idOf(event);
    response.write(`id: ${id}\nevent: ${event.name}\ndata: ${JSON.stringify(event.data(who.asker))}\n\n`);
    if (response.writableLength > mostUnread) response.destroy();
    return undefined;
  }

  #gone(stream: Stream): void {
    if (!this.#open.delete(stream) || this.#open.size > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = undefined;
    this.#forget = this.#parts.clock.after(keptMs, () => this.#parts.log.keep(false));
  }

  /** Keeps what lies between from closing a stream that is silent, and ends those of sessions that are over. */
  #beat(): void {
    this.#heartbeat ??= this.#parts.clock.after(heartbeatMs, () => {
      this.#heartbeat = undefined;
      for (const { who, response } of this.#open)
        if (this.#parts.valid(who)) response.write(': here\n\n');
        else response.end();
      if (this.#open.size > 0) this.#beat();
    });
  }
}
