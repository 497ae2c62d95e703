import type { DirectoryStore, MailboxStore, User, VoiceMessage } from '../../stores/index.ts';
import type { Asker, Mailboxes, Outcome } from '../index.ts';
import type { MessageFiles } from './message-files.ts';

export type MailboxParts = {
  readonly directory: DirectoryStore;
  readonly store: MailboxStore;
  readonly files: MessageFiles;
};

const noMailbox = { ok: false, status: 404, reason: 'No such mailbox' } as const;
const noMessage = { ok: false, status: 404, reason: 'No such message' } as const;

/** Where the switch keeps no messages. */
export const noMailboxes: Mailboxes = {
  summary: async () => noMailbox,
  list: async () => noMailbox,
  get: async () => noMailbox,
  sound: async () => noMailbox,
  mark: async () => noMailbox,
  remove: async () => noMailbox,
};

/** Messages, for their user and for an administrator; nobody else knows that they are there. */
export class MailboxesByApi implements Mailboxes {
  readonly #parts: MailboxParts;

  constructor(parts: MailboxParts) {
    this.#parts = parts;
  }

  async summary(extension: string, asker: Asker): ReturnType<Mailboxes['summary']> {
    const user = this.#user(extension, asker);
    return user === undefined ? noMailbox : { ok: true, ...(await this.#parts.store.count(user.id)) };
  }

  async list(
    extension: string,
    query: Parameters<Mailboxes['list']>[1],
    asker: Asker,
  ): ReturnType<Mailboxes['list']> {
    const user = this.#user(extension, asker);
    if (user === undefined) return noMailbox;
    return { ok: true, page: await this.#parts.store.list({ ...query, userId: user.id }) };
  }

  async get(
    extension: string,
    id: string,
    asker: Asker,
  ): Promise<Outcome<{ readonly message: VoiceMessage }>> {
    const user = this.#user(extension, asker);
    const message = user === undefined ? undefined : await this.#parts.store.get(user.id, id);
    return message === undefined ? noMessage : { ok: true, message };
  }

  async sound(extension: string, id: string, asker: Asker): ReturnType<Mailboxes['sound']> {
    const found = await this.get(extension, id, asker);
    if (!found.ok) return found;
    const file = await this.#parts.files.open(found.message).catch(() => undefined);
    if (file === undefined) return { ok: false, status: 404, reason: 'The sound of this message is gone' };
    const { size } = await file.stat();
    return { ok: true, message: found.message, size, stream: file.createReadStream() };
  }

  async mark(
    extension: string,
    id: string,
    heard: boolean,
    asker: Asker,
  ): Promise<Outcome<{ readonly message: VoiceMessage }>> {
    const found = await this.get(extension, id, asker);
    if (!found.ok) return found;
    const message = { ...found.message, heard };
    await this.#parts.store.put(message);
    return { ok: true, message };
  }

  /** The sound goes first: what is listed can be tried again. */
  async remove(extension: string, id: string, asker: Asker): Promise<Outcome<object>> {
    const found = await this.get(extension, id, asker);
    if (!found.ok) return found;
    await this.#parts.files.remove(found.message);
    await this.#parts.store.remove(found.message.userId, id);
    return { ok: true };
  }

  #user(extension: string, asker: Asker): User | undefined {
    const user = this.#parts.directory.user(asker.domain, extension);
    return asker.admin || user?.id === asker.userId ? user : undefined;
  }
}
