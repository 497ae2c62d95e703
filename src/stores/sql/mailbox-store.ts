import { pageOf, parseCursor } from '../cursor.ts';
import type { MailboxStore, MessageQuery, VoiceMessage } from '../mailbox-store.ts';
import type { Page } from '../records-store.ts';
import type { Database } from './database.ts';
import { olderThan } from './older-than.ts';

/** Messages in a database. Who owns the database closes it. */
export class SqlMailboxStore implements MailboxStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async put(message: VoiceMessage): Promise<void> {
    const { id, userId, at, heard } = message;
    const row = { user_id: userId, at, heard: heard ? 1 : 0, body: JSON.stringify(message) };
    await this.#database
      .insertInto('voice_messages')
      .values({ id, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute();
  }

  async get(userId: string, id: string): Promise<VoiceMessage | undefined> {
    const row = await this.#database
      .selectFrom('voice_messages')
      .select('body')
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .executeTakeFirst();
    return row === undefined ? undefined : (JSON.parse(row.body) as VoiceMessage);
  }

  async list({ userId, heard, after, limit }: MessageQuery): Promise<Page<VoiceMessage>> {
    const cursor = parseCursor(after);
    const rows = await this.#database
      .selectFrom('voice_messages')
      .select('body')
      .where('user_id', '=', userId)
      .$if(heard !== undefined, (q) => q.where('heard', '=', heard === true ? 1 : 0))
      .where(olderThan('at', cursor))
      .orderBy('at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return pageOf(
      rows.map(({ body }) => JSON.parse(body) as VoiceMessage),
      limit,
      ({ at, id }) => ({ at, id }),
    );
  }

  async count(userId: string): Promise<{ readonly all: number; readonly unheard: number }> {
    const rows = await this.#database
      .selectFrom('voice_messages')
      .select(['heard', (count) => count.fn.countAll().as('count')])
      .where('user_id', '=', userId)
      .groupBy('heard')
      .execute();
    const unheard = Number(rows.find((row) => row.heard === 0)?.count ?? 0);
    return { all: rows.reduce((sum, row) => sum + Number(row.count), 0), unheard };
  }

  async remove(userId: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#database
      .deleteFrom('voice_messages')
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }
}
