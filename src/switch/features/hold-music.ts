import type { Call, CallContext, Party } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import type { Leg } from '../call/leg.ts';
import { holdMusic } from '../call/tones.ts';

/** Two looks at a holder's stream so far apart, once it has had time to fall silent, tell whether its phone plays its own. */
const lookMs = 200;
const forEver = 1000;

type Playing = { readonly holder: Leg; readonly held: Leg; sounding: boolean };

/**
 * Music for a party that was put on hold, from the media engine: for it alone, and only where the phone that holds sends
 * none. It stops when that phone resumes, and when another device takes the holder's place: a hold goes with its holder.
 */
export class HoldMusic {
  readonly #context: CallContext;
  readonly #playing = new Map<Party, Playing>();

  constructor(calls: Calls, context: CallContext) {
    this.#context = context;
    context.events.on('changed', ({ id }) => {
      const call = calls.get(id);
      if (call !== undefined) for (const party of [call.caller, call.callee]) this.#look(call, party);
    });
    context.events.on('ended', () => this.#forgetEnded());
  }

  /** A leg is connected: when it takes the holder's place, the music ends before it is heard. */
  connected(call: Call, leg: Leg): void {
    const party = call.partyOf(leg);
    for (const one of party === undefined ? [] : [party, call.other(party)]) {
      const playing = this.#playing.get(one);
      if (playing !== undefined && playing.holder !== leg) this.#stop(call, one, playing);
    }
  }

  #look(call: Call, party: Party): void {
    const holder = party.leg;
    const held = call.other(party).leg;
    const playing = this.#playing.get(party);
    const holds = call.phase === 'talking' && holder?.holds === true && party.next === undefined;
    if (playing !== undefined && (!holds || playing.holder !== holder || playing.held !== held))
      this.#stop(call, party, playing);
    if (!holds || held === undefined || held.holds || this.#playing.has(party)) return;
    const begun: Playing = { holder, held, sounding: false };
    this.#playing.set(party, begun);
    void this.#start(call, party, begun);
  }

  async #start(call: Call, party: Party, playing: Playing): Promise<void> {
    const { music } = this.#context.settings.features.hold;
    if (music === 'none') return;
    const packets = () =>
      call.media.audioOf(playing.holder.tag).then(
        (audio) => audio.packets,
        () => 0,
      );
    const pause = () => new Promise<void>((resolve) => void this.#context.clock.after(lookMs, resolve));
    await pause();
    const before = await packets();
    await pause();
    if ((await packets()) > before || this.#playing.get(party) !== playing) return;
    playing.sounding = true;
    const sound = music === 'tone' ? { blob: holdMusic } : { file: music };
    await call.media
      .command('play media', { 'from-tag': playing.held.tag, 'repeat-times': forEver, ...sound })
      .catch((error: unknown) => call.log.info({ error: String(error) }, 'no music on hold'));
  }

  #stop(call: Call, party: Party, playing: Playing): void {
    this.#playing.delete(party);
    if (playing.sounding)
      call.media.command('stop media', { 'from-tag': playing.held.tag }).catch(() => undefined);
  }

  #forgetEnded(): void {
    for (const [party, { holder, held }] of this.#playing)
      if (holder.state === 'ended' && held.state === 'ended') this.#playing.delete(party);
  }
}
