import type { MediaSession } from './media-session.ts';
import { toneMs, tones, type Tone } from './tones.ts';

/** A tone of the switch, or a WAV file where the media engine finds it. */
export type Sound = { readonly tone: Tone } | { readonly file: string };

/** What an engine that does not say how long a file is has it take; and the longest that is waited for. */
const unknownMs = 10_000;
const longestMs = 300_000;

/**
 * Begins a sound to the leg of that tag, which alone hears it; yields how many milliseconds it lasts. Rejects with
 * `MediaFailure` where the engine cannot play it.
 */
export async function begin(media: MediaSession, tag: string, sound: Sound): Promise<number> {
  const what = 'tone' in sound ? { blob: tones[sound.tone].sound } : { file: sound.file };
  const { duration } = await media.command('play media', { 'from-tag': tag, ...what });
  if ('tone' in sound) return toneMs(sound.tone);
  return typeof duration === 'number' ? Math.min(duration, longestMs) : unknownMs;
}
