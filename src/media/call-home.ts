import type { NgDictionary } from '../ng/index.ts';

/** Where calls live, as the side that takes the commands sees it: a relay on the same thread, or on one of its own. */
export interface CallHome {
  /** The calls it holds, for spreading new ones. */
  calls: number;
  execute(request: NgDictionary): NgDictionary | Promise<NgDictionary>;
  close(): Promise<void>;
}

export type CallHomeListener = {
  /** A call ended, for whatever reason. */
  ended(call: string): void;
  notify(event: NgDictionary): void;
};
