import type { Call, Party } from './call.ts';
import type { FlipKind, FlipView } from './call-view.ts';
import { nameOf, type Endpoint } from './endpoint.ts';
import type { SwapMeasures } from './ear.ts';

/** The record of one flip as it goes: its view is kept in the call, and every change is an event. */
export class Flip {
  readonly id: string;
  readonly #call: Call;
  readonly #startedAt: number;
  #view: FlipView;

  constructor(
    call: Call,
    kind: FlipKind,
    party: Party,
    asked: { readonly by?: string; readonly to?: string },
  ) {
    const { random, clock } = call.context;
    this.id = random.hex(8);
    this.#call = call;
    this.#startedAt = clock.now();
    const from = party.leg === undefined ? undefined : nameOf(party.leg.endpoint);
    this.#view = {
      id: this.id,
      kind,
      party: party.side,
      ...asked,
      ...(from === undefined ? {} : { from }),
      startedAt: clock.wall(),
      result: 'ringing',
    };
    call.flips.push(this.#view);
    this.#publish();
  }

  get over(): boolean {
    return this.#view.result === 'moved' || this.#view.result === 'failed';
  }

  answered(endpoint: Endpoint): void {
    const setupMs = Math.round(this.#call.context.clock.now() - this.#startedAt);
    this.#change({ result: 'answered', setup_ms: setupMs, to: nameOf(endpoint) });
  }

  moved(measures: SwapMeasures): void {
    this.#change({ result: 'moved', ...measures });
  }

  failed(reason: string): void {
    this.#change({ result: 'failed', reason });
  }

  #change(change: Partial<FlipView>): void {
    if (this.over) return;
    const at = this.#call.flips.indexOf(this.#view);
    this.#view = { ...this.#view, ...change };
    this.#call.flips[at] = this.#view;
    this.#publish();
  }

  #publish(): void {
    this.#call.log.info({ flip: this.#view }, `flip ${this.#view.result}`);
    this.#call.context.events.emit('flip', { call: this.#call.view(), flip: this.#view });
  }
}
