import type { Call } from './call.ts';
import type { Leg } from './leg.ts';
import { begin } from './sound.ts';
import { announcerOffer, asAnswer } from './session-description.ts';
import type { Incoming } from './signaling.ts';

/** A file of the announcements' folder, and nothing above it. */
const fileName = /^[\w-][\w.-]{0,127}$/;

/**
 * Plays a WAV file to a caller before any answer, as early media (RFC 3960 §2): the call costs nobody anything, and is
 * none that was answered. Resolves when it has been played, or with why it could not be.
 */
export async function announce(
  call: Call,
  caller: { readonly leg: Leg; readonly incoming: Incoming },
  { folder, file }: { readonly folder: string; readonly file: string },
): Promise<string> {
  const { leg, incoming } = caller;
  const { random, clock } = call.context;
  if (folder === '') return 'not played: routing.announcements names no folder';
  if (!fileName.test(file)) return 'not played: not the name of a file';
  // RFC 3264 §4: without an offer there is nothing to answer before the 200.
  if (incoming.body === '' || call.caller.leg !== leg) return 'not played: the caller has no sound yet';
  try {
    const branch = random.hex(8);
    const offer = await call.media.offer(leg, branch);
    const sdp = asAnswer(announcerOffer, offer, true);
    if (sdp === undefined) return 'not played: no common codec';
    const body = await call.media.answer(leg, branch, { tag: random.hex(8), sdp });
    incoming.progress(183, { body });
    const ms = await begin(call.media, leg.tag, { file: `${folder.replace(/\/+$/, '')}/${file}` });
    await new Promise<void>((resolve) => {
      const timer = clock.after(ms, resolve);
      call.afterwards.push(() => {
        timer.cancel();
        resolve();
      });
    });
    return 'played';
  } catch (error) {
    call.log.warn({ error: String(error) }, 'announcement not played');
    return 'not played: the media engine could not';
  }
}
