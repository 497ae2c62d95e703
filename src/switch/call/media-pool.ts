/** What the pool needs to know of a node besides where it is. */
export type PoolNode = {
  /** Its share of new calls among the others', 1 by default. */
  readonly weight?: number;
  /** It takes no new calls; those that it has go on. */
  readonly drain?: boolean;
};

/** One media engine of a pool, and the calls that it has. */
export class PoolMember<N extends PoolNode> {
  readonly node: N;
  alive = true;
  /** Calls that it has media of, the one that was looked at longest ago first. */
  readonly calls = new Set<string>();

  constructor(node: N) {
    this.node = node;
  }

  /** How full it is for its weight, with one call more. */
  get load(): number {
    return (this.calls.size + 1) / (this.node.weight ?? 1);
  }
}

/** Which media engine has which call. A call stays where it began, until that engine has lost it. */
export class MediaPool<N extends PoolNode> {
  readonly members: readonly PoolMember<N>[];
  readonly #placed = new Map<string, PoolMember<N>>();

  constructor(nodes: readonly N[]) {
    this.members = nodes.map((node) => new PoolMember(node));
  }

  /** The member that has a call. */
  of(callId: string): PoolMember<N> | undefined {
    return this.#placed.get(callId);
  }

  /** The member for a new call: alive, not drained, and the least full for its weight; the first of equals. */
  choose(): PoolMember<N> | undefined {
    const living = this.members.filter((member) => member.alive);
    const taking = living.filter(({ node }) => node.drain !== true && (node.weight ?? 1) > 0);
    const candidates = [taking, living, this.members].find((some) => some.length > 0) ?? [];
    let best = candidates[0];
    for (const member of candidates) if (best === undefined || member.load < best.load) best = member;
    return best;
  }

  put(callId: string, member: PoolMember<N>): void {
    this.forget(callId);
    this.#placed.set(callId, member);
    member.calls.add(callId);
  }

  forget(callId: string): void {
    this.#placed.get(callId)?.calls.delete(callId);
    this.#placed.delete(callId);
  }
}
