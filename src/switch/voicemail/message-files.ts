import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VoiceMessage } from '../../stores/index.ts';

/** What is known of a message before it is spoken. */
export type Draft = Omit<VoiceMessage, 'seconds' | 'heard'>;

/** Octets of a WAV header, and of a second of its sound: mono, 8 kHz, 16 bit. */
const header = 44;
const perSecond = 16_000;

const isId = (text: string): boolean => /^[0-9A-Za-z-]{1,64}$/.test(text);

/**
 * The files of messages, in one folder: `ID.wav`, and beside it, as long as the message is not in the store, `ID.json` with
 * what is known of it. So a message that was being spoken when the process died is found again.
 */
export class MessageFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  path({ id }: Pick<VoiceMessage, 'id'>): string {
    if (!isId(id)) throw new Error('not the id of a message');
    return join(this.#folder, `${id}.wav`);
  }

  /** Notes that a message is about to be spoken; rejects where the disk does not take it. */
  async begin(draft: Draft): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const note = this.#note(draft.id);
    await writeFile(`${note}.part`, JSON.stringify(draft), { mode: 0o600 });
    await rename(`${note}.part`, note);
    return this.path(draft);
  }

  /** It is in the store. */
  async kept({ id }: Pick<VoiceMessage, 'id'>): Promise<void> {
    await rm(this.#note(id), { force: true });
  }

  async remove(message: Pick<VoiceMessage, 'id'>): Promise<void> {
    await rm(this.path(message), { force: true });
    await this.kept(message);
  }

  /** Octets of its sound; undefined where there is none. */
  async size(message: Pick<VoiceMessage, 'id'>): Promise<number | undefined> {
    return (await stat(this.path(message)).catch(() => undefined))?.size;
  }

  /** The sound itself, open for reading; rejects where there is none. */
  open(message: Pick<VoiceMessage, 'id'>) {
    return open(this.path(message), 'r');
  }

  /** Messages that an earlier process did not put into the store, with the length of what was recorded of them. */
  async left(): Promise<readonly { readonly draft: Draft; readonly seconds: number }[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
    const found = await Promise.all(ids.filter(isId).map((id) => this.#left(id)));
    return found.filter((one) => one !== undefined);
  }

  async #left(id: string): Promise<{ readonly draft: Draft; readonly seconds: number } | undefined> {
    try {
      const draft = JSON.parse(await readFile(this.#note(id), 'utf8')) as Draft;
      const size = (await this.size({ id })) ?? 0;
      return { draft, seconds: Math.max(0, size - header) / perSecond };
    } catch {
      return undefined;
    }
  }

  #note(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
