import type { Logger } from '../base/index.ts';

type Closer = { readonly what: string; readonly close: () => unknown };

/** What was opened, to be closed in the opposite order. */
export class Opened {
  readonly #closers: Closer[] = [];

  add(what: string, close: Closer['close']): void {
    this.#closers.unshift({ what, close });
  }

  /** Closes everything; what cannot be closed is logged and does not keep the rest open. */
  async close(log: Logger): Promise<void> {
    for (const { what, close } of this.#closers.splice(0)) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the order matters
        await close();
      } catch (error) {
        log.warn({ what, error: String(error) }, 'not closed');
      }
    }
  }
}
