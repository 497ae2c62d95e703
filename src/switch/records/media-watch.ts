import type { LegQuality } from '../../stores/index.ts';
import type { MediaEngine, NgReply } from '../call/media-engine.ts';
import { callQuality, type CallQuality } from './leg-quality.ts';

type Fields = { readonly 'call-id'?: string } & Readonly<Record<string, unknown>>;

/**
 * A media engine that remembers what the one behind it said of each call when legs and calls were taken out of it.
 * rtpengine 10 says nothing when a whole call is deleted, so it is asked before, until an engine shows that it does say.
 */
export class MediaWatch implements MediaEngine {
  readonly #engine: MediaEngine;
  /** Legs that went before their call did. */
  readonly #legs = new Map<string, Map<string, LegQuality>>();
  readonly #ending = new Map<string, Promise<CallQuality | undefined>>();
  #askBefore: boolean;

  constructor(engine: MediaEngine) {
    this.#engine = engine;
    this.#askBefore = engine.announces !== true;
  }

  get alive(): boolean {
    return this.#engine.alive;
  }

  get announces(): boolean {
    return this.#engine.announces ?? false;
  }

  onLost(tell: (callId: string) => void): void {
    this.#engine.onLost?.(tell);
  }

  async command(name: string, fields: Fields): Promise<NgReply> {
    const callId = fields['call-id'];
    if (name !== 'delete' || callId === undefined) return this.#engine.command(name, fields);
    if (fields['from-tag'] === undefined) return this.#end(callId, fields);
    const reply = await this.#engine.command(name, fields);
    this.#note(callId, reply);
    return reply;
  }

  close(): void {
    this.#engine.close();
  }

  /** What was said of a call whose end is under way; to be asked at once, when the call has ended. */
  qualityOf(callId: string): Promise<CallQuality | undefined> {
    return this.#ending.get(callId) ?? Promise.resolve(undefined);
  }

  #note(callId: string, reply: NgReply): void {
    const said = callQuality(reply);
    // A call that is being ended has been read already, and nobody would ever take this away.
    if (said === undefined || this.#ending.has(callId)) return;
    const legs = this.#legs.get(callId) ?? new Map<string, LegQuality>();
    for (const [tag, quality] of said.legs) legs.set(tag, quality);
    this.#legs.set(callId, legs);
  }

  async #end(callId: string, fields: Fields): Promise<NgReply> {
    const asked = this.#askBefore ? this.#engine.command('query', { 'call-id': callId }) : undefined;
    const before = asked?.catch(() => undefined);
    const deleted =
      before === undefined ? this.#engine.command('delete', fields) : this.#after(before, fields);
    const quality = this.#quality(callId, deleted, before);
    this.#ending.set(callId, quality);
    void quality.finally(() => {
      this.#ending.delete(callId);
      this.#legs.delete(callId);
    });
    return deleted;
  }

  async #after(before: Promise<unknown>, fields: Fields): Promise<NgReply> {
    await before;
    return this.#engine.command('delete', fields);
  }

  async #quality(
    callId: string,
    deleted: Promise<NgReply>,
    before: Promise<NgReply | undefined> | undefined,
  ): Promise<CallQuality | undefined> {
    const reply = await deleted.catch(() => undefined);
    const queried = await before;
    if (reply !== undefined && !('warning' in reply)) this.#askBefore = reply['tags'] === undefined;
    const said =
      (reply === undefined ? undefined : callQuality(reply)) ??
      (queried === undefined ? undefined : callQuality(queried));
    const legs = this.#legs.get(callId);
    if (legs === undefined) return said;
    return { ...said, legs: new Map([...legs, ...(said?.legs ?? [])]) };
  }
}
