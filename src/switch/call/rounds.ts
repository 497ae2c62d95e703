import type { Binding, BindingStore } from '../../stores/index.ts';
import { deliveryFailed } from '../registrar/index.ts';
import { redirectTargets, type PlanParts } from '../routing/plan.ts';
import type { Call } from './call.ts';
import type { Leg } from './leg.ts';
import { Ring, type Asking, type RingOutcome, type Target } from './ring.ts';

/** One round of ringing on a call's way in. */
export type Round = {
  readonly seconds: number;
  readonly declineEndsAll: boolean;
  readonly targets: readonly Target[];
  /** Those that ring after a while. */
  readonly later?: readonly { readonly ms: number; readonly targets: () => readonly Target[] }[];
  /** Whether the sound of who rings may reach the caller before the answer. */
  readonly earlyMedia: boolean;
  readonly late: (binding: Binding) => Target | undefined;
};

export type RoundsParts = PlanParts & {
  readonly bindings: BindingStore;
  /** The rings that are open: who registers may join one. */
  readonly rings: Set<Ring>;
  readonly ask: (call: Call, leg: Leg) => Asking;
};

/** Rings for a call that waits for its answer, one round after the other. The caller hears one ringing throughout. */
export class Rounds {
  readonly #parts: RoundsParts;
  readonly #call: Call;
  readonly #from: Leg;
  readonly #maxForwards: number;
  #rings = false;

  constructor(parts: RoundsParts, call: Call, from: Leg, maxForwards: number) {
    this.#parts = parts;
    this.#call = call;
    this.#from = from;
    this.#maxForwards = maxForwards;
  }

  async ring(round: Round): Promise<RingOutcome> {
    const ring = this.#open(round);
    for (const { ms, targets } of round.later ?? []) ring.joinAfter(ms, targets);
    for (const target of round.targets) ring.join(target);
    // Nobody rings yet, and somebody may: the caller is not left in silence.
    if (round.targets.length === 0) this.#announce();
    try {
      return await ring.result;
    } finally {
      this.#parts.rings.delete(ring);
      this.#call.ringing = undefined;
    }
  }

  #announce(): void {
    if (!this.#rings) this.#call.caller.leg?.incoming?.progress(180);
    this.#rings = true;
    this.#call.rings();
  }

  #open(round: Round): Ring {
    const call = this.#call;
    const { rings, bindings, ask } = this.#parts;
    const ring = new Ring(call, {
      party: call.callee,
      from: this.#from,
      seconds: round.seconds,
      declineEndsAll: round.declineEndsAll,
      maxForwards: this.#maxForwards,
      late: round.late,
      redirect: (contacts) => redirectTargets(this.#parts, call.domain, contacts),
      undelivered: (binding) => void deliveryFailed(bindings, binding),
      announce: () => this.#announce(),
      ...(round.earlyMedia ? { earlyMedia: (sdp, leg) => this.#earlyMedia(sdp, leg) } : {}),
      ask: (leg) => ask(call, leg),
    });
    call.ringing = ring;
    rings.add(ring);
    return ring;
  }

  #earlyMedia(sdp: string, leg: Leg): void {
    const call = this.#call;
    const from = this.#from;
    call.media.answer(from, leg.branch, { tag: leg.tag, sdp }).then(
      (body) => {
        if (call.caller.leg === from) from.incoming?.progress(183, { body });
      },
      (error: unknown) => call.log.info({ error: String(error) }, 'no early media'),
    );
    call.rings();
  }
}
