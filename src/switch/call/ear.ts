import { Bell } from './announcements.ts';
import type { Call } from './call.ts';
import type { FlipView } from './call-view.ts';
import type { LegAudio } from './leg-audio.ts';
import type { Leg } from './leg.ts';

/** What a swap cost, in milliseconds and packets; what the media engine cannot tell is left out. */
export type SwapMeasures = Pick<FlipView, 'audio_ms' | 'audio_back_ms' | 'gap_ms' | 'lost_packets'>;

/** How long a new device that is connected may stay silent before the old one is let go all the same. */
const silenceMs = 1000;
/** How often the engine is asked: where it tells by itself, only in case that it could not. */
const pollMs = 10;
const idlePollMs = 100;
/** A first packet may be on its way through a transcoder; and the far party may be between two packets. */
const settleMs = 60;
/** How long it may take to confirm (ACK) before the move is given up. */
const confirmMs = 5000;

const nothing: LegAudio = { packets: 0, awaited: false };

/** Listens for a new leg, from the moment that its media is connected. */
export class Ear {
  readonly #call: Call;
  readonly #leg: Leg;
  readonly #connectedAt: number;
  #audio = nothing;
  #heardAt: number | undefined;

  constructor(call: Call, leg: Leg) {
    this.#call = call;
    this.#leg = leg;
    this.#connectedAt = call.context.clock.now();
  }

  /** Waits for its first packet, or for as long as it may be silent; false when it ended or was never confirmed. */
  async firstPacket(confirmed: () => boolean): Promise<boolean> {
    const { clock, announcements } = this.#call.context;
    const bell = new Bell();
    const forget = announcements.whenHeard(this.#call.media.callId, this.#leg.tag, bell);
    try {
      for (;;) {
        await this.#listen();
        const known = this.#judge(confirmed());
        if (known !== undefined) return known;
        await bell.wait(clock, announcements.made && this.#heardAt === undefined ? idlePollMs : pollMs);
      }
    } finally {
      forget();
    }
  }

  /** The engine's own figures; where it has none, the time at which packets were seen. */
  async measures(): Promise<SwapMeasures> {
    const { clock } = this.#call.context;
    const bell = new Bell();
    const first = this.#audio;
    // An engine that tells the one figure tells the other.
    for (let left = first.audioMs === undefined ? 0 : settleMs; left > 0; left -= pollMs * 2) {
      if (this.#audio.audioBackMs !== undefined) break;
      await bell.wait(clock, pollMs * 2);
      await this.#listen();
    }
    if (this.#heardAt === undefined) return {};
    const { audioMs = Math.round(this.#heardAt - this.#connectedAt), gapMs, lostPackets } = first;
    const { audioBackMs } = this.#audio;
    return {
      audio_ms: audioMs,
      ...(audioBackMs === undefined ? {} : { audio_back_ms: audioBackMs }),
      ...(gapMs === undefined ? {} : { gap_ms: gapMs }),
      ...(lostPackets === undefined ? {} : { lost_packets: lostPackets }),
    };
  }

  #judge(confirmed: boolean): boolean | undefined {
    if (this.#leg.state === 'ended' || this.#call.phase === 'ended') return false;
    const now = this.#call.context.clock.now();
    const heardAt = this.#heardAt ?? now;
    if (this.#heardAt !== undefined && (!this.#audio.awaited || now - heardAt >= settleMs)) return true;
    const waited = now - this.#connectedAt;
    if (confirmed && waited >= silenceMs) return true;
    return waited >= confirmMs ? false : undefined;
  }

  async #listen(): Promise<void> {
    try {
      this.#audio = await this.#call.media.audioOf(this.#leg.tag);
    } catch {
      this.#audio = nothing;
    }
    if (this.#audio.packets > 0) this.#heardAt ??= this.#call.context.clock.now();
  }
}
