import type { Page } from './records-store.ts';

/** One message that was left for a user. Its sound is a file of its own. */
export type VoiceMessage = {
  readonly id: string;
  readonly domain: string;
  readonly userId: string;
  /** Wall-clock milliseconds of its beginning. */
  readonly at: number;
  readonly seconds: number;
  /** Who called: both are empty where the number was withheld. */
  readonly from: string;
  readonly name: string;
  readonly callId: string;
  /** Whether its user has heard it. */
  readonly heard: boolean;
};

export type MessageQuery = {
  readonly userId: string;
  readonly heard?: boolean;
  readonly after?: string;
  readonly limit: number;
};

/** Messages of users. Promises reject when the backend fails; then nothing was changed. */
export interface MailboxStore {
  /** One that is there already is replaced, so that a write of doubtful outcome can be repeated. */
  put(message: VoiceMessage): Promise<void>;
  get(userId: string, id: string): Promise<VoiceMessage | undefined>;
  /** Newest first. */
  list(query: MessageQuery): Promise<Page<VoiceMessage>>;
  /** How many there are, and how many of them were not heard. */
  count(userId: string): Promise<{ readonly all: number; readonly unheard: number }>;
  /** Whether it was there. */
  remove(userId: string, id: string): Promise<boolean>;
}
