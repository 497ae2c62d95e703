import type { Clock } from '../../base/index.ts';

/** What a media engine tells of its own accord about a leg. rtpengine tells digits alone; the embedded relay all of it. */
export type Announcement = {
  readonly kind: 'turned' | 'silent' | 'resumed' | 'lost';
  readonly callId: string;
  /** The leg whose packets these are; empty where all of the call is meant. */
  readonly tag: string;
};

const kinds: Readonly<Record<string, Announcement['kind']>> = {
  SOURCE: 'turned',
  MEDIA_TIMEOUT: 'silent',
  MEDIA_RESUMED: 'resumed',
  CALL_LOST: 'lost',
};

/** One datagram of the media engine's log (JSON); `undefined` for a digit and for anything that is not known. */
export function parseAnnouncement(datagram: Uint8Array): Announcement | undefined {
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(datagram));
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { type, callid, source_tag: tag = '', media } = said as Record<string, unknown>;
  const kind = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind === undefined || typeof callid !== 'string' || typeof tag !== 'string') return undefined;
  return typeof media === 'number' && media !== 1 ? undefined : { kind, callId: callid, tag };
}

/** Wakes one who waits; rung while nobody waits, it ends the next waiting at once. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Waits for so long, or until it is rung. */
  async wait(clock: Clock, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = clock.after(this.#rung ? 0 : ms, resolve);
    await promise;
    timer.cancel();
    this.#wake = undefined;
    this.#rung = false;
  }
}

/** Hands on what the media engine tells to whoever waits for it. */
export class Announcements {
  readonly #bells = new Map<string, Bell>();
  #made = false;

  /** Whether the engine has ever told that a far end hears another source: then nobody needs to ask often. */
  get made(): boolean {
    return this.#made;
  }

  heard({ kind, callId, tag }: Announcement): void {
    if (kind !== 'turned') return;
    this.#made = true;
    this.#bells.get(`${callId} ${tag}`)?.ring();
  }

  /** Has the bell rung when the far party begins to hear that leg; what is returned ends that. */
  whenHeard(callId: string, tag: string, bell: Bell): () => void {
    const key = `${callId} ${tag}`;
    this.#bells.set(key, bell);
    return () => void this.#bells.delete(key);
  }
}
