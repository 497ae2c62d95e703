import type { NgAnswer, NgDictionary } from '../ng/index.ts';

/** Where calls live, as the side that takes the commands sees it: a relay on the same thread, or on one of its own. */
export interface CallHome {
  /** The calls it holds, for spreading new ones. */
  calls: number;
  /** Carries a request out. `encoded` gives it in bencode; so is the reply where it comes from another thread. */
  execute(request: NgDictionary, encoded: () => Uint8Array): NgAnswer | Promise<NgAnswer>;
  close(): Promise<void>;
}

export type CallHomeListener = {
  /** A call ended, for whatever reason. */
  ended(call: string): void;
  notify(event: NgDictionary): void;
};
