import type { Call, CallContext } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import type { Leg } from '../call/leg.ts';
import { offeringTo } from '../call/media-session.ts';
import { nextVersion, sameSession, withDirection } from '../call/session-description.ts';
import { SipFailure } from '../call/signaling.ts';

const mediaLost = { cause: 503, text: 'Media lost' } as const;

/** RFC 3261 §14.1: whoever did not make the dialog waits for so long after a 491, and tries again. */
const glareMs = 2000;
const mostTries = 3;

/**
 * Gives a call new media when the engine that had it died, or lost it: both phones are asked (re-INVITE) to send to
 * another, with what each of them said last. A call that still rings is asked once it is answered.
 */
export class Rehome {
  readonly #calls: Calls;
  readonly #context: CallContext;
  /** Calls that lost their media while they rang. */
  readonly #later = new Set<string>();
  readonly #moving = new Set<string>();

  constructor(calls: Calls, context: CallContext) {
    this.#calls = calls;
    this.#context = context;
    context.engine.onLost?.((callId) => this.lost(callId));
    context.events.on('answered', ({ id }) => {
      if (this.#later.delete(id)) this.lost(id);
    });
    context.events.on('ended', ({ id }) => void this.#later.delete(id));
  }

  /** The media of a call is gone. */
  lost(callId: string): void {
    const call = this.#calls.get(callId);
    if (call === undefined || call.phase === 'ended' || this.#moving.has(callId)) return;
    call.decisions.push('media lost by the media engine');
    if (call.phase === 'ringing') return void this.#later.add(callId);
    this.#moving.add(callId);
    void call.operations.run(() => this.#again(call)).finally(() => this.#moving.delete(callId));
  }

  async #again(call: Call): Promise<void> {
    const [caller, callee] = [call.caller.leg, call.callee.leg];
    if (call.phase !== 'talking' || caller?.dialog === undefined || callee?.dialog === undefined) return;
    try {
      const forCallee = await call.media.offer(caller, callee.branch, offeringTo(caller, callee.sdp));
      const forCaller = await call.media.answer(caller, callee.branch, callee);
      if (call.recording) await call.media.command('start recording', {}).catch(() => undefined);
      await Promise.all([
        this.#tell(call, callee, caller, forCallee),
        this.#tell(call, caller, callee, forCaller),
      ]);
      call.decisions.push('media moved to another media engine');
      for (const leg of [caller, callee]) this.#context.phone.connected(call, leg);
      call.changed();
    } catch (error) {
      call.log.warn({ error: String(error) }, 'media not moved to another engine');
      call.end('switch', mediaLost);
    }
  }

  /** Asks one phone to send elsewhere; what it says in return may be new as well. */
  async #tell(call: Call, leg: Leg, far: Leg, sdp: string): Promise<void> {
    if (leg.state === 'ended' || sameSession(sdp, leg.local)) return;
    // A hold is between us and who holds: a phone that holds says so again.
    const offer = nextVersion(withDirection(sdp, 'sendrecv'), leg.local);
    const said = await this.#asked(leg, offer);
    leg.local = offer;
    if (said === '' || sameSession(said, leg.sdp)) return;
    leg.sdp = said;
    await call.media.renegotiate(leg, far);
  }

  async #asked(leg: Leg, offer: string): Promise<string> {
    for (let tries = 1; ; tries += 1)
      try {
        return (await leg.dialog?.reinvite(offer)) ?? '';
      } catch (error) {
        const glare = error instanceof SipFailure && error.status === 491;
        if (!glare || tries >= mostTries || leg.state === 'ended') throw error;
        await this.#wait(glareMs + this.#context.random.unit() * glareMs);
      }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#context.clock.after(ms, resolve));
  }
}
