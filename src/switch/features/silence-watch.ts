import type { Timer } from '../../base/index.ts';
import type { Call, CallContext } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import type { Leg } from '../call/leg.ts';
import { directionOf } from '../call/session-description.ts';

const tickMs = 1000;
/** Each call is looked at once in so many ticks. */
const ticks = 5;
const silentMs = 20_000;
/** Questions at once are a burst of datagrams; where some of those are lost, the engine counts as gone with all its calls. */
const atOnce = 16;

/** Asks the media engine about each call in turn. */
class SilenceWatch {
  readonly #calls: Calls;
  readonly #context: CallContext;
  readonly #silent: (call: Call, leg: Leg) => void;
  readonly #seen = new WeakMap<Leg, { readonly packets: number; readonly since: number }>();
  #timer: Timer | undefined;
  #round = 0;
  #looking = false;

  constructor(calls: Calls, context: CallContext, silent: (call: Call, leg: Leg) => void) {
    this.#calls = calls;
    this.#context = context;
    this.#silent = silent;
  }

  start(): void {
    const { events } = this.#context;
    events.on('answered', () => {
      if (this.#timer === undefined) this.#next();
    });
    events.on('ended', () => {
      if (this.#calls.size === 0) this.#stop();
    });
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #next(): void {
    this.#timer = this.#context.clock.after(tickMs, () => {
      // With too many calls for a second, each is looked at less often.
      if (!this.#looking) void this.#lookAround();
      this.#next();
    });
  }

  async #lookAround(): Promise<void> {
    this.#looking = true;
    this.#round++;
    const due = this.#calls.all().filter((_call, i) => (i + this.#round) % ticks === 0);
    try {
      for (let i = 0; i < due.length; i += atOnce)
        await Promise.all(due.slice(i, i + atOnce).map((call) => this.#look(call)));
    } finally {
      this.#looking = false;
    }
  }

  async #look(call: Call): Promise<void> {
    if (call.phase !== 'talking') return;
    const all = [call.caller, call.callee].flatMap((party) => party.leg ?? []);
    const legs = all.filter(shouldSend);
    for (const leg of all) if (!legs.includes(leg)) this.#seen.delete(leg);
    const heard = await Promise.all(legs.map((leg) => call.media.audioOf(leg.tag).catch(() => undefined)));
    const now = this.#context.clock.now();
    for (const [i, leg] of legs.entries()) {
      const packets = heard[i]?.packets;
      const before = this.#seen.get(leg);
      if (packets === undefined) continue;
      if (packets !== before?.packets) this.#seen.set(leg, { packets, since: now });
      else if (now - before.since >= silentMs) {
        this.#seen.set(leg, { packets, since: now });
        this.#silent(call, leg);
      }
    }
  }
}

const shouldSend = (leg: Leg): boolean => ['sendrecv', 'sendonly'].includes(directionOf(leg.sdp));

/** Finds legs that fell silent where the media engine does not tell of them by itself. */
export function watchSilence(
  calls: Calls,
  context: CallContext,
  silent: (call: Call, leg: Leg) => void,
): void {
  if (!context.engine.announces) new SilenceWatch(calls, context, silent).start();
}
