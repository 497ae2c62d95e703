import type { Timer } from '../../base/index.ts';
import type { Binding, BindingStore } from '../../stores/index.ts';
import { farParty } from '../call/answer.ts';
import type { Call, Party } from '../call/call.ts';
import { userOf } from '../call/endpoint.ts';
import { Flip } from '../call/flip.ts';
import type { Leg } from '../call/leg.ts';
import type { Claim } from '../call/operations.ts';
import { play, type StopTone } from '../call/play.ts';
import { Ring, type Target } from '../call/ring.ts';
import type { Reason } from '../call/signaling.ts';
import { swap } from '../call/swap.ts';
import { routeTo } from '../registrar/index.ts';
import { endpointOf, redirectTargets, type PlanParts } from '../routing/plan.ts';

export type RescueParts = PlanParts & { readonly bindings: BindingStore; readonly rings: Set<Ring> };

export const lost: Reason = { cause: 480, text: 'The other device was lost' };

/** How often it is looked whether the device that was lost speaks again, and how much of it is no accident. */
const lookMs = 1000;
const speaksPackets = 3;

/**
 * A call whose device died (decision X14): the far party is kept, and hears a soft tone now and then. Any pull or push
 * moves the call to another device; an own device that registers is rung; the lost one may come back and speak again.
 * When the time is over, the far party is told.
 */
export class Rescue {
  readonly #parts: RescueParts;
  readonly #call: Call;
  readonly #party: Party;
  readonly #leg: Leg;
  readonly #flip: Flip;
  readonly #stops: (() => void)[];
  readonly #ended: () => void;
  #tone: StopTone | undefined;
  #timers: Timer[] = [];
  #ring: Ring | undefined;
  #over = false;
  /** The time is up: what rings still may answer. */
  #late = false;
  #packets: number | undefined;

  constructor(parts: RescueParts, call: Call, party: Party, ended: () => void) {
    const { context } = call;
    if (party.leg === undefined) throw new Error('nothing to rescue');
    this.#parts = parts;
    this.#call = call;
    this.#party = party;
    this.#leg = party.leg;
    this.#ended = ended;
    party.lost = true;
    this.#flip = new Flip(call, 'rescue', party, { by: 'switch' });
    const far = call.other(party).leg;
    if (far !== undefined && !call.other(party).lost) this.#tone = play(call, far, 'waiting');
    this.#after(context.settings.features.rescue.seconds * 1000, () => this.#timeUp());
    this.#after(lookMs, () => void this.#look());
    const mine = (view: { readonly id: string }) => view.id === call.id;
    this.#stops = [
      context.events.on('changed', (view) => mine(view) && party.leg !== this.#leg && this.#rescued()),
      context.events.on('ended', (view) => mine(view) && this.#finish(lost.text)),
    ];
    call.changed();
  }

  /** A device has registered: it is rung, when it is the user's and may take calls over. */
  registered(binding: Binding): void {
    const target = this.#targetOf(binding);
    if (target === undefined || this.#over || this.#party.next !== undefined) return;
    if (this.#ring === undefined) void this.#ringFor(target);
    else this.#ring.join(target);
  }

  /** The device is there after all. */
  recovered(): void {
    if (this.#over || this.#leg.state !== 'active') return;
    this.#ring?.stop({ cause: 487, text: 'The device is back' }, gaveUp('The device is back'));
    this.#finish('The device is back');
    this.#call.changed();
  }

  #targetOf(binding: Binding): Target | undefined {
    const user = userOf(this.#leg.endpoint);
    const endpoint = endpointOf(this.#parts.directory, binding);
    if (endpoint === undefined || endpoint.user.id !== user?.id || !endpoint.device.trusted) return undefined;
    return { endpoint, route: routeTo(binding) };
  }

  async #ringFor(target: Target): Promise<void> {
    const call = this.#call;
    const claim = call.operations.claim('rescue', () => this.#stopRinging('Taken by another device'));
    if (claim === undefined) return;
    const ring = this.#open();
    ring.join(target);
    const outcome = await ring.result;
    this.#parts.rings.delete(ring);
    call.ringing = undefined;
    if (outcome.kind === 'won' && !this.#over) await this.#handOver(outcome.leg, claim);
    this.#ring = undefined;
    claim.release();
    if (this.#late && !this.#over) this.#giveUp();
  }

  #open(): Ring {
    const call = this.#call;
    const party = this.#party;
    const { push } = call.context.settings.features;
    const ring = new Ring(call, {
      party,
      from: farParty(call, party),
      seconds: push.ringSeconds,
      declineEndsAll: false,
      maxForwards: 69,
      late: (binding) => this.#targetOf(binding),
      redirect: (contacts) => redirectTargets(this.#parts, call.domain, contacts),
      announce: () => undefined,
      earlyMedia: () => undefined,
    });
    this.#ring = ring;
    call.ringing = ring;
    this.#parts.rings.add(ring);
    return ring;
  }

  async #handOver(next: Leg, claim: Claim): Promise<void> {
    const call = this.#call;
    claim.firm();
    this.#flip.answered(next.endpoint);
    this.#tone?.();
    try {
      const far = farParty(call, this.#party);
      const measures = await swap(call, this.#party, {
        next,
        connect: async (confirmed) => {
          await call.media.answer(far, next.branch, next);
          confirmed();
        },
        settled: () => {
          this.#finish('');
          claim.release();
        },
      });
      this.#flip.moved(measures);
    } catch (error) {
      call.log.info({ error: String(error) }, 'not rescued');
    }
  }

  #stopRinging(why: string): void {
    this.#ring?.stop({ cause: 487, text: why }, gaveUp(why));
  }

  /** The lost device may speak again before anybody has taken its place. */
  async #look(): Promise<void> {
    const packets = await this.#call.media.audioOf(this.#leg.tag).then(
      (audio) => audio.packets,
      () => 0,
    );
    if (this.#over) return;
    if (this.#packets !== undefined && packets >= this.#packets + speaksPackets) return this.recovered();
    this.#packets = packets;
    this.#after(lookMs, () => void this.#look());
    return undefined;
  }

  #after(ms: number, action: () => void): void {
    this.#timers.push(this.#call.context.clock.after(ms, action));
  }

  #timeUp(): void {
    this.#late = true;
    if (this.#ring === undefined && this.#party.next === undefined) this.#giveUp();
    // Somebody is taking it over this very moment: that may fail yet.
    else if (this.#ring === undefined) this.#after(lookMs, () => this.#timeUp());
  }

  #giveUp(): void {
    this.#finish('Nobody took the call back');
    this.#call.end(this.#party.side, lost);
  }

  #rescued(): void {
    const to = this.#party.leg?.endpoint;
    if (to !== undefined) this.#flip.answered(to);
    this.#flip.moved({});
    this.#finish('');
  }

  #finish(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#party.lost = false;
    this.#tone?.();
    for (const timer of this.#timers) timer.cancel();
    for (const stop of this.#stops) stop();
    if (why !== '') this.#flip.failed(why);
    this.#ended();
  }
}

const gaveUp = (reason: string) => ({ status: 487, reason, contacts: [] });
