import { isAfter, pageOf, parseCursor } from '../cursor.ts';
import type { MailboxStore, MessageQuery, VoiceMessage } from '../mailbox-store.ts';
import type { Page } from '../records-store.ts';

const newestFirst = (a: VoiceMessage, b: VoiceMessage) =>
  b.at - a.at || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** Messages in memory. */
export class MemoryMailboxStore implements MailboxStore {
  readonly #messages = new Map<string, VoiceMessage>();

  async put(message: VoiceMessage): Promise<void> {
    this.#messages.set(message.id, message);
  }

  async get(userId: string, id: string): Promise<VoiceMessage | undefined> {
    const message = this.#messages.get(id);
    return message?.userId === userId ? message : undefined;
  }

  async list({ userId, heard, after, limit }: MessageQuery): Promise<Page<VoiceMessage>> {
    const cursor = parseCursor(after);
    const found = this.#of(userId)
      .filter((one) => (heard === undefined || one.heard === heard) && isAfter(cursor, one.at, one.id))
      .sort(newestFirst);
    return pageOf(found, limit, ({ at, id }) => ({ at, id }));
  }

  async count(userId: string): Promise<{ readonly all: number; readonly unheard: number }> {
    const all = this.#of(userId);
    return { all: all.length, unheard: all.filter((one) => !one.heard).length };
  }

  async remove(userId: string, id: string): Promise<boolean> {
    return (await this.get(userId, id)) !== undefined && this.#messages.delete(id);
  }

  #of(userId: string): VoiceMessage[] {
    return [...this.#messages.values()].filter((one) => one.userId === userId);
  }
}
