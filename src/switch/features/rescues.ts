import type { Timer } from '../../base/index.ts';
import type { Binding } from '../../stores/index.ts';
import type { Announcement } from '../call/announcements.ts';
import type { Call, CallContext } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import type { Leg } from '../call/leg.ts';
import { lost, Rescue, type RescueParts } from './rescue.ts';

/** How long a phone may take to answer an OPTIONS, and how soon a silent one is asked again. */
const answerMs = 4000;
const againMs = 15_000;
/** Two looks at a stream so far apart tell whether it flows. */
const flowMs = 500;

/** What a request within a dialog ends with when there is no phone any more (RFC 3261 §12.2.1.2, RFC 5626 §4.2). */
const noPhone = new Set([408, 430, 481, 503]);

/**
 * Notices devices that die in mid-call: their connection closed, or they fell silent, and an OPTIONS within the dialog
 * finds nobody. A user's device is waited for (`Rescue`); a trunk's call ends.
 */
export class Rescues {
  readonly #parts: RescueParts & { readonly calls: Calls };
  readonly #context: CallContext;
  readonly #running = new Map<Leg, Rescue>();
  readonly #asked = new Map<Leg, Timer | undefined>();

  constructor(parts: RescueParts & { readonly calls: Calls }, context: CallContext) {
    this.#parts = parts;
    this.#context = context;
    const { events } = parts.bindings;
    events.on('removed', ({ binding, reason }) => {
      if (reason === 'flow closed' || reason === 'failed') this.#disconnected(binding);
    });
    events.on('added', (binding) => this.#registered(binding));
    context.events.on('ended', ({ legs }) => {
      if (this.#asked.size > 0) this.#forget(new Set(legs.map(({ id }) => id)));
    });
    // A phone on UDP that was switched off and on comes back under the contact that it had.
    events.on('refreshed', ({ binding, before }) => {
      if (binding.callId !== before.callId) this.#registered(binding);
    });
  }

  /** The media engine says that a leg fell silent, or speaks again. */
  announced({ kind, callId, tag }: Announcement): void {
    const call = kind === 'turned' ? undefined : this.#parts.calls.get(callId);
    const leg = call?.legs.find((one) => one.tag === tag);
    if (call === undefined || leg === undefined) return;
    if (kind === 'silent') void this.suspect(call, leg, 'silent');
    else this.alive(leg);
  }

  /** Something came from the device. */
  alive(leg: Leg): void {
    this.#asked.get(leg)?.cancel();
    this.#asked.delete(leg);
    this.#running.get(leg)?.recovered();
  }

  /** The signaling gave a leg up without a BYE from it; whether the call goes on for now. */
  gone(call: Call, leg: Leg): boolean {
    return this.#speaks(call, leg) && this.#lost(call, leg, 'its session expired');
  }

  /** Asks the device whether it is there, and takes it for lost when nobody answers. */
  async suspect(call: Call, leg: Leg, why: string): Promise<void> {
    if (!this.#speaks(call, leg) || this.#running.has(leg) || this.#asked.has(leg)) return;
    this.#asked.set(leg, undefined);
    const there = await this.#answers(leg);
    if (!this.#asked.has(leg)) return;
    this.#asked.delete(leg);
    if (!this.#speaks(call, leg)) return;
    if (!there) void this.#lost(call, leg, why);
    // Muted, perhaps: it is asked again as long as nothing is heard of it. Who announces silence does so once.
    else if (this.#context.engine.announces)
      this.#asked.set(
        leg,
        this.#context.clock.after(againMs, () => {
          this.#asked.delete(leg);
          void this.suspect(call, leg, why);
        }),
      );
  }

  #forget(ids: ReadonlySet<string>): void {
    for (const [leg, timer] of this.#asked) {
      if (!ids.has(leg.id)) continue;
      timer?.cancel();
      this.#asked.delete(leg);
    }
  }

  #speaks(call: Call, leg: Leg): boolean {
    const party = call.partyOf(leg);
    return call.phase === 'talking' && party?.leg === leg && party.next === undefined;
  }

  async #answers(leg: Leg): Promise<boolean> {
    if (leg.dialog === undefined || leg.state === 'ended') return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#context.clock.after(answerMs, () => resolve(false));
    leg.dialog.request('OPTIONS', {}).then(
      ({ status }) => resolve(!noPhone.has(status)),
      () => resolve(false),
    );
    const there = await promise;
    timer.cancel();
    return there;
  }

  #disconnected(binding: Binding): void {
    const { calls } = this.#parts;
    for (const call of calls.ofUser(binding.userId))
      for (const leg of [call.caller.leg, call.callee.leg])
        if (leg !== undefined && uses(leg, binding)) void this.#connectionLost(call, leg);
  }

  /** A phone that goes on speaking has lost its connection only, and is known to come back. */
  async #connectionLost(call: Call, leg: Leg): Promise<void> {
    const packets = () =>
      call.media.audioOf(leg.tag).then(
        (audio) => audio.packets,
        () => 0,
      );
    const before = await packets();
    await new Promise<void>((resolve) => void this.#context.clock.after(flowMs, resolve));
    if ((await packets()) > before) return;
    await this.suspect(call, leg, 'its connection closed');
  }

  #registered(binding: Binding): void {
    for (const rescue of this.#running.values()) rescue.registered(binding);
  }

  /** Whether the call goes on for now. */
  #lost(call: Call, leg: Leg, why: string): boolean {
    const party = call.partyOf(leg);
    if (party === undefined || this.#running.has(leg)) return false;
    const { seconds } = this.#context.settings.features.rescue;
    const what = leg.endpoint.kind === 'device' ? `device ${leg.endpoint.device.extension}` : 'the trunk';
    call.decisions.push(`${what} lost: ${why}`);
    if (leg.endpoint.kind !== 'device' || seconds === 0) {
      call.end(party.side, lost);
      return false;
    }
    const rescue = new Rescue(this.#parts, call, party, () => void this.#running.delete(leg));
    this.#running.set(leg, rescue);
    return true;
  }
}

/** Whether a leg's device is behind that registration: it was called there, or called from there. */
const uses = ({ endpoint, incoming }: Leg, binding: Binding): boolean =>
  endpoint.kind === 'device' &&
  (endpoint.binding?.id === binding.id ||
    (incoming?.source.protocol === binding.flow.protocol &&
      incoming.source.address === binding.flow.address &&
      incoming.source.port === binding.flow.port));
