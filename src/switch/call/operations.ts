/** What holds a call while it is being moved. `yield` is asked when something stronger comes; not every move can. */
export type Claim = {
  readonly name: string;
  /** From here on it gives way to nothing. */
  firm(): void;
  release(): void;
};

type Held = { readonly name: string; giveWay: (() => void) | undefined };

/**
 * One operation at a time. Changes to a call's legs and media queue here and run in order; a move of the call claims it,
 * and a second move is refused, except that one which outranks the first makes it give way.
 */
export class Operations {
  #tail: Promise<unknown> = Promise.resolve();
  #held: Held | undefined;

  /** Runs `action` after all that was queued before, whether that failed or not. */
  run<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(action, action);
    this.#tail = mine.catch(() => undefined);
    return mine;
  }

  /** What claims the call now. */
  get claimedBy(): string | undefined {
    return this.#held?.name;
  }

  /** Claims the call for a move, or yields `undefined` when one is under way. */
  claim(name: string, giveWay?: () => void): Claim | undefined {
    if (this.#held !== undefined) return undefined;
    const held: Held = { name, giveWay };
    this.#held = held;
    return {
      name,
      firm: () => {
        held.giveWay = undefined;
      },
      release: () => {
        if (this.#held === held) this.#held = undefined;
      },
    };
  }

  /** Like `claim`, but a move that can give way is made to. */
  outrank(name: string): Claim | undefined {
    const { giveWay } = this.#held ?? {};
    if (giveWay !== undefined) {
      this.#held = undefined;
      giveWay();
    }
    return this.claim(name);
  }
}
