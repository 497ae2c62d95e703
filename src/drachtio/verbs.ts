/** Something that announced tags and takes requests. */
export type Subscriber = { readonly tags: ReadonlySet<string> };

/** Which applications take which verb (`invite`, `register`, `cdr:start`, …), chosen round robin. */
export class Verbs<S extends Subscriber> {
  readonly #lists = new Map<string, { readonly subscribers: S[]; next: number }>();

  /** A subscriber may add a verb several times and is then chosen as often. */
  add(verb: string, subscriber: S): void {
    const list = this.#lists.get(verb);
    if (list) list.subscribers.push(subscriber);
    else this.#lists.set(verb, { subscribers: [subscriber], next: 0 });
  }

  /** Removes that verb of that subscriber and nothing else. */
  remove(verb: string, subscriber: S): void {
    const list = this.#lists.get(verb);
    if (!list) return;
    for (let i = list.subscribers.length - 1; i >= 0; i--) {
      if (list.subscribers[i] !== subscriber) continue;
      list.subscribers.splice(i, 1);
      if (list.next > i) list.next--;
    }
    if (list.subscribers.length === 0) this.#lists.delete(verb);
  }

  removeAll(subscriber: S): void {
    for (const verb of this.#lists.keys()) this.remove(verb, subscriber);
  }

  /** The next subscriber of that verb; with `tag`, the next one that announced it. */
  pick(verb: string, tag?: string): S | undefined {
    const list = this.#lists.get(verb);
    if (!list) return undefined;
    const { subscribers } = list;
    for (let tried = 0; tried < subscribers.length; tried++) {
      const chosen = subscribers[list.next % subscribers.length] as S;
      list.next = (list.next + 1) % subscribers.length;
      if (tag === undefined || chosen.tags.has(tag)) return chosen;
    }
    return undefined;
  }

  /** The one that all requests of that verb go to; undefined when there are several or none. */
  sole(verb: string): S | undefined {
    const subscribers = this.#lists.get(verb)?.subscribers;
    const first = subscribers?.[0];
    return subscribers?.every((subscriber) => subscriber === first) === true ? first : undefined;
  }

  /** Every subscriber of that verb, each once. */
  all(verb: string): readonly S[] {
    return [...new Set(this.#lists.get(verb)?.subscribers)];
  }

  has(verb: string): boolean {
    return this.#lists.has(verb);
  }

  describe(): Record<string, number> {
    return Object.fromEntries([...this.#lists].map(([verb, list]) => [verb, list.subscribers.length]));
  }
}
