import { sends } from '../../sdp/index.ts';
import type { Call } from './call.ts';
import type { Party } from './party.ts';
import type { Stream } from './stream.ts';

/** A call that nobody signalled and nobody spoke in for this long was forgotten by its switch. */
const FORGOTTEN_MS = 3_600_000;

/** Looks for parties that should send and do not, and for calls that everybody forgot. */
export class Watch {
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Announces parties that fell silent or speak again; true when the call itself is to be ended. */
  look(call: Call): boolean {
    const wall = call.clock.wall();
    let latest = call.lastSignal;
    for (const party of call.parties)
      for (const stream of party.streams) {
        latest = Math.max(latest, stream.lastPacket);
        this.#judge(call, party, stream, wall);
      }
    if (wall - latest < FORGOTTEN_MS) return false;
    const [party] = call.parties;
    if (party !== undefined) call.announce(party, { type: 'CALL_TIMEOUT' });
    return true;
  }

  #judge(call: Call, party: Party, stream: Stream, wall: number): void {
    if (!stream.awaited) return;
    const silentMs = wall - Math.max(stream.lastPacket, stream.awaitedSince);
    const timedOut = silentMs >= this.#timeoutMs && shouldSend(stream);
    if (timedOut === stream.timedOut) return;
    stream.timedOut = timedOut;
    call.announce(party, {
      type: timedOut ? 'MEDIA_TIMEOUT' : 'MEDIA_RESUMED',
      media: stream.index + 1,
      silent_ms: Math.round(silentMs),
    });
  }
}

const shouldSend = (stream: Stream) =>
  stream.kind === 'audio' && stream.ports !== undefined && !stream.rejected && sends(stream.direction);
