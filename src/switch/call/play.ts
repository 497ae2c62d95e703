import type { Timer } from '../../base/index.ts';
import type { Call } from './call.ts';
import type { Leg } from './leg.ts';
import { toneMs, tones, type Tone } from './tones.ts';

/** Stops a tone that repeats; does nothing to one that is over. */
export type StopTone = () => void;

/**
 * Plays a tone to one leg alone: the other party hears nothing of it. A media engine that cannot play leaves the leg
 * without the tone; the call does not depend on it.
 */
export function play(call: Call, leg: Leg, tone: Tone): StopTone {
  const { sound, everyMs } = tones[tone];
  let timer: Timer | undefined;
  let stopped = false;
  const once = () => {
    if (stopped || call.phase === 'ended' || leg.state === 'ended') return;
    hush(call, leg, toneMs(tone));
    call.media
      .command('play media', { 'from-tag': leg.tag, blob: sound })
      .catch((error: unknown) => call.log.info({ tone, error: String(error) }, 'tone not played'));
    if (everyMs !== undefined) timer = call.context.clock.after(everyMs, once);
  };
  once();
  return () => {
    if (stopped) return;
    stopped = true;
    timer?.cancel();
    if (everyMs === undefined || call.phase === 'ended') return;
    call.media.command('stop media', { 'from-tag': leg.tag }).catch(() => undefined);
  };
}

/** Packets of the tone are still under way when the engine has played it. */
const marginMs = 40;

/**
 * Keeps the other party's sound back from the leg for as long as the tone lasts: rtpengine would send both at once, as two
 * streams that a phone makes nothing of.
 */
function hush(call: Call, leg: Leg, ms: number): void {
  const party = call.partyOf(leg);
  const other = party === undefined ? undefined : call.other(party).leg;
  if (other === undefined || other.state !== 'active') return;
  const command = (name: string) =>
    call.media
      .command(name, { 'from-tag': other.tag })
      .catch((error: unknown) => call.log.info({ error: String(error) }, `no ${name}`));
  void command('block media');
  call.context.clock.after(ms + marginMs, () => void command('unblock media'));
}
