/** One ng reply, decoded. `result` is `ok` or `pong`: errors reject instead. */
export type NgReply = Readonly<Record<string, unknown>> & { readonly result: string };

/** An ng command that failed: the engine's English `error-reason`, or that it did not answer. */
export class MediaFailure extends Error {
  override readonly name = 'MediaFailure';
}

/** A media engine as the switch sees it: rtpengine's ng protocol, command by command, any number of nodes behind it. */
export interface MediaEngine {
  /** Runs one command for a call; all commands of one call id go to one node. Rejects with `MediaFailure`. */
  command(
    name: string,
    fields: { readonly 'call-id'?: string } & Readonly<Record<string, unknown>>,
  ): Promise<NgReply>;
  /** Whether some node answered lately. */
  readonly alive: boolean;
  /** Whether it tells of its own accord who is heard and who fell silent. */
  readonly announces?: boolean;
  /** Has `tell` called, from here on, for each call whose media is gone although nobody ended it. */
  onLost?(tell: (callId: string) => void): void;
  close(): void;
}
