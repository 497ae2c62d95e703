import type { MailboxStore, User, VoiceMessage } from '../../stores/index.ts';
import type { Call, CallContext } from '../call/call.ts';
import type { Leg } from '../call/leg.ts';
import type { Sound } from '../call/sound.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Terminals } from '../terminal/terminals.ts';
import type { Draft, MessageFiles } from './message-files.ts';

export type VoicemailParts = {
  readonly terminals: Terminals;
  readonly store: MailboxStore;
  readonly files: MessageFiles;
  readonly context: Pick<CallContext, 'settings' | 'clock' | 'random' | 'log'>;
};

const thanks = { cause: 200, text: 'Message taken' } as const;
const unable = { cause: 503, text: 'No message can be taken' } as const;
const full = { cause: 480, text: 'Mailbox full' } as const;

type End = typeof thanks | typeof unable | typeof full;

/** Takes calls for users' mailboxes: greeting, beep, message. */
export class Voicemail {
  readonly #parts: VoicemailParts;
  /** Messages that are being spoken. */
  readonly #live = new Set<string>();

  constructor(parts: VoicemailParts) {
    this.#parts = parts;
  }

  /** A leg that has answered in that user's place, to be bridged; rejects where there can be none. */
  async take(call: Call, rungAs: Leg, user: User): Promise<Leg> {
    const terminal = await this.#parts.terminals.open(call, rungAs, {
      kind: 'terminal',
      user,
      name: 'mailbox',
    });
    void this.#serve(call, terminal, user);
    return terminal.leg;
  }

  /** What an earlier process was in the middle of. */
  async recover(): Promise<void> {
    const { files, context } = this.#parts;
    for (const { draft, seconds } of await files.left()) {
      if (this.#live.has(draft.id)) continue;
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await this.#settle(draft, seconds >= context.settings.voicemail.leastSeconds ? seconds : 0);
      } catch (error) {
        context.log.error({ message: draft.id, error: String(error) }, 'a message is not in its mailbox');
      }
    }
  }

  /** A user is no more: what was said to them goes, too. */
  async forget(userId: string): Promise<void> {
    const { store, files } = this.#parts;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- page by page
      const { items } = await store.list({ userId, limit: 100 });
      if (items.length === 0) return;
      for (const message of items) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await files.remove(message);
        // oxlint-disable-next-line no-await-in-loop -- likewise
        await store.remove(userId, message.id);
      }
    }
  }

  async #serve(call: Call, terminal: Terminal, user: User): Promise<void> {
    let end: End = unable;
    try {
      if (!(await terminal.connected)) return;
      end = await this.#answer(call, terminal, user);
    } catch (error) {
      call.log.error({ error: String(error) }, 'no message taken');
    } finally {
      terminal.hangUp(end);
    }
  }

  async #answer(call: Call, terminal: Terminal, user: User): Promise<End> {
    const { store, files, context } = this.#parts;
    const { greeting, messages, maxSeconds, silenceSeconds, leastSeconds } = context.settings.voicemail;
    if ((await store.count(user.id)).all >= messages) return this.#refuse(terminal, full);
    const sound: Sound = greeting === 'tone' ? { tone: 'greeting' } : { file: greeting };
    // A caller who knows it goes straight to the beep.
    await terminal.play([sound], { stopKeys: '#' });
    if (terminal.gone) return thanks;
    const draft = this.#draft(call, user);
    this.#live.add(draft.id);
    try {
      const file = await files.begin(draft);
      const { ended, seconds, spoken } = await terminal.record({ file, maxSeconds, silenceSeconds });
      await this.#settle(draft, spoken && seconds >= leastSeconds ? seconds : 0);
      return ended === 'failed' ? await this.#refuse(terminal, unable) : thanks;
    } finally {
      this.#live.delete(draft.id);
    }
  }

  async #refuse(terminal: Terminal, end: End): Promise<End> {
    await terminal.play([{ tone: 'error' }]);
    return end;
  }

  #draft(call: Call, user: User): Draft {
    const { random, clock } = this.#parts.context;
    const { number, name, withheld } = call.caller.identity;
    return {
      id: random.hex(16),
      domain: user.domain,
      userId: user.id,
      at: clock.wall(),
      ...(withheld ? { from: '', name: '' } : { from: number, name }),
      callId: call.id,
    };
  }

  /** Into the mailbox with it, or away. Where the store fails, the files stay for the next start. */
  async #settle(draft: Draft, seconds: number): Promise<void> {
    const { store, files, context } = this.#parts;
    if (seconds === 0) return files.remove(draft);
    const message: VoiceMessage = { ...draft, seconds, heard: false };
    await store.put(message);
    await files.kept(message);
    context.log.info({ message: message.id, seconds }, 'message taken');
  }
}
