import type { Clock, Random, Timer } from '../../base/index.ts';
import type { Binding, BindingStore } from '../../stores/index.ts';
import { deliveryFailed } from './reach.ts';

export type PhonePingerOptions = {
  readonly bindings: BindingStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly seconds: number;
  /** Asks a phone whether it is there (OPTIONS); false when nothing answered, or nothing could be sent. */
  readonly ask: (binding: Binding) => Promise<boolean>;
};

/**
 * Finds phones that are gone from their connection without closing it: each binding over tcp, tls, ws or wss is asked
 * from time to time, and removed when no answer comes. Bindings over UDP are left to their expiry.
 */
export class PhonePinger {
  readonly #options: PhonePingerOptions;
  readonly #timers = new Map<string, Timer>();
  readonly #stop: readonly (() => void)[];

  constructor(options: PhonePingerOptions) {
    this.#options = options;
    const { events } = options.bindings;
    this.#stop = [
      events.on('added', (binding) => this.#schedule(binding)),
      events.on('refreshed', ({ binding }) => this.#schedule(binding)),
      events.on('removed', ({ binding }) => this.#forget(binding)),
    ];
    for (const binding of options.bindings.all()) this.#schedule(binding);
  }

  close(): void {
    for (const stop of this.#stop) stop();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #schedule(binding: Binding): void {
    const { clock, random, seconds } = this.#options;
    this.#forget(binding);
    if (binding.flow.protocol === 'udp') return;
    // Spread out, so that phones that came back together after a restart are not asked together for ever.
    const wait = seconds * 1000 * (0.75 + random.unit() / 2);
    this.#timers.set(
      binding.id,
      clock.after(wait, () => void this.#ping(binding)),
    );
  }

  async #ping(binding: Binding): Promise<void> {
    const { bindings, ask } = this.#options;
    this.#timers.delete(binding.id);
    const there = await ask(binding).catch(() => false);
    if (!there) {
      await deliveryFailed(bindings, binding);
      return;
    }
    // A registration meanwhile has set a timer of its own.
    const now = bindings.get(binding.id);
    if (now?.refreshedAt === binding.refreshedAt) this.#schedule(now);
  }

  #forget(binding: Binding): void {
    this.#timers.get(binding.id)?.cancel();
    this.#timers.delete(binding.id);
  }
}
