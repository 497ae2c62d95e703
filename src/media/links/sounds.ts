import { readFileSync, statSync } from 'node:fs';
import { parseTone, parseWav, ToneGenerator, wavMono } from '../../rtp/index.ts';
import type { Sound } from './player.ts';

/** A recorded sound, mono. */
export type Clip = { readonly sampleRate: number; readonly pcm: Int16Array };

const LARGEST_FILE = 64 * 1024 * 1024;
const MOST_CACHED = 64;

/** Milliseconds that a clip lasts. */
export const clipMs = (clip: Clip): number => Math.round((clip.pcm.length * 1000) / clip.sampleRate);

/** The sound in a WAV file's octets; undefined if there is none to be heard. */
export function clipOf(bytes: Uint8Array): Clip | undefined {
  const wav = parseWav(bytes);
  if (typeof wav === 'string' || wav.pcm.length === 0 || wav.sampleRate < 4000 || wav.sampleRate > 192_000)
    return undefined;
  return { sampleRate: wav.sampleRate, pcm: wavMono(wav) };
}

/** WAV files by path; the latest ones stay in memory and are read again when the file has changed. */
export class Clips {
  readonly #known = new Map<string, { readonly clip: Clip; readonly changed: number }>();

  /** Undefined if the file cannot be read or holds no sound. */
  read(path: string): Clip | undefined {
    try {
      const { mtimeMs, size } = statSync(path);
      const known = this.#known.get(path);
      if (known?.changed === mtimeMs) return known.clip;
      const clip = size > LARGEST_FILE ? undefined : clipOf(readFileSync(path));
      if (clip === undefined) return undefined;
      const oldest = this.#known.keys().next();
      if (this.#known.size >= MOST_CACHED && !oldest.done) this.#known.delete(oldest.value);
      this.#known.set(path, { clip, changed: mtimeMs });
      return clip;
    } catch {
      return undefined;
    }
  }
}

/** A clip, played `times` times. */
export function clipSound(clip: Clip, times: number): Sound {
  let at = 0;
  let left = times;
  return {
    sampleRate: clip.sampleRate,
    next(pcm) {
      if (left <= 0) return false;
      let filled = 0;
      while (filled < pcm.length && left > 0) {
        const piece = clip.pcm.subarray(at, at + pcm.length - filled);
        pcm.set(piece, filled);
        filled += piece.length;
        at += piece.length;
        if (at >= clip.pcm.length) {
          at = 0;
          left--;
        }
      }
      pcm.fill(0, filled);
      return true;
    },
  };
}

/** A tone in the writing of the tone plans, such as `440+480/2000 0/4000`; undefined if it cannot be read. */
export function toneSound(text: string, sampleRate: number): { sound: Sound; ms: number } | undefined {
  const tone = parseTone(text);
  if (tone === undefined) return undefined;
  const generator = new ToneGenerator(tone, sampleRate);
  const endless = tone.repeat.length > 0 || tone.once.some((segment) => segment.duration === undefined);
  const ms = endless ? 0 : tone.once.reduce((sum, segment) => sum + (segment.duration ?? 0), 0);
  return { sound: { sampleRate, next: (pcm) => !generator.done && generator.next(pcm) }, ms };
}
