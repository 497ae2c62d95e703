import type { Emitter, Logger } from '../../base/index.ts';
import type { CallRecord, DirectoryStore } from '../../stores/index.ts';
import type { CallEvents, CallView } from '../call/call-view.ts';
import { callRecord, type Beginning } from './call-record.ts';
import type { CallQuality } from './leg-quality.ts';

export type RecordKeeperParts = {
  readonly events: Emitter<CallEvents>;
  readonly directory: DirectoryStore;
  /** What the media engine said of a call that has just ended. */
  readonly qualityOf: (callId: string) => Promise<CallQuality | undefined>;
  /** Takes a record at once; must not throw. */
  readonly keep: (record: CallRecord) => void;
  readonly log: Logger;
};

/** Makes the record of every call when it ends. */
export class RecordKeeper {
  readonly #parts: RecordKeeperParts;
  readonly #live = new Map<string, Beginning>();
  readonly #writing = new Set<Promise<void>>();
  readonly #off: readonly (() => void)[];

  constructor(parts: RecordKeeperParts) {
    this.#parts = parts;
    const { events } = parts;
    this.#off = [
      events.on('started', ({ id, from, to, users }) => void this.#live.set(id, { from, to, users })),
      events.on('ended', (view) => this.#ended(view)),
    ];
  }

  /** Resolves when every call that has ended so far was handed on. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing);
  }

  close(): void {
    for (const off of this.#off) off();
  }

  #ended(view: CallView): void {
    const beginning = this.#live.get(view.id) ?? view;
    this.#live.delete(view.id);
    const writing = this.#write(view, beginning).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  async #write(view: CallView, beginning: Beginning): Promise<void> {
    const { directory, qualityOf, keep, log } = this.#parts;
    const quality = await qualityOf(view.id).catch((error: unknown) => {
      log.warn({ call: view.id, error: String(error) }, 'no quality figures');
      return undefined;
    });
    keep(callRecord(directory, view, beginning, quality));
  }
}
