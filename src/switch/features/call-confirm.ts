import type { Call } from '../call/call.ts';
import type { Leg } from '../call/leg.ts';
import type { Asking } from '../call/ring.ts';
import type { InDialogRequest } from '../call/signaling.ts';
import { tones } from '../call/tones.ts';
import { parseInfo, type DtmfEvent } from './dtmf.ts';

const yes = '1';
const no = '2';
/** More often than anybody is asked. */
const again = 100;

/**
 * Call confirm (S2-27): who answered a forwarded call hears a prompt and presses 1 to take it. 2, silence and hanging up
 * are all the same: the caller never hears of it, and least of all a mailbox that answered.
 */
export class CallConfirms {
  /** Who is asked now, by the media engine's tag. */
  readonly #asked = new Map<string, (answer: boolean) => void>();

  ask(call: Call, leg: Leg): Asking {
    const { clock, settings } = call.context;
    const { seconds, prompt } = settings.features.confirm;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = clock.after(seconds * 1000, () => this.#decide(leg, false));
    const command = (name: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void call.media
        .command(name, { 'from-tag': leg.tag, ...fields })
        .catch((error: unknown) => call.log.info({ error: String(error) }, `${name} failed`));
    this.#asked.set(leg.tag, (answer) => {
      timer.cancel();
      if (leg.state === 'active') {
        command('stop media');
        command('unblock DTMF');
      }
      resolve(answer);
    });
    // Digits that are held back are told for certain: an engine may else forward them unseen.
    command('block DTMF');
    const sound = prompt === 'tone' ? { blob: tones.question.sound } : { file: prompt };
    command('play media', { 'repeat-times': again, ...sound });
    return { answer: promise, stop: () => this.#decide(leg, false) };
  }

  /** A digit that the media engine heard. */
  heard({ tag, key }: DtmfEvent): void {
    this.#pressed(tag, key.digit);
  }

  /** A digit by SIP INFO; false when nobody is asked there. */
  info(_call: Call, leg: Leg, request: InDialogRequest): boolean {
    const key = this.#asked.has(leg.tag)
      ? parseInfo(request.get('Content-Type') ?? '', request.body)
      : undefined;
    if (key === undefined) return false;
    request.respond(200);
    this.#pressed(leg.tag, key.digit);
    return true;
  }

  #pressed(tag: string, digit: string): void {
    if (digit === yes || digit === no) this.#decide({ tag }, digit === yes);
  }

  #decide({ tag }: Pick<Leg, 'tag'>, answer: boolean): void {
    const decide = this.#asked.get(tag);
    this.#asked.delete(tag);
    decide?.(answer);
  }
}
