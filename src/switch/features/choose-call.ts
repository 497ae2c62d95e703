/** A call that could be taken, as far as the choice depends on it. */
export type Candidate<T> = {
  readonly what: T;
  readonly state: 'talking' | 'held' | 'ringing';
  readonly startedAt: number;
};

const order = { talking: 0, held: 1, ringing: 2 } as const;

/** Which call a pull takes (decision X6): answered before ringing, talking before held, newest first. */
export function chooseCall<T>(candidates: readonly Candidate<T>[]): T | undefined {
  const [first] = candidates.toSorted((a, b) => order[a.state] - order[b.state] || b.startedAt - a.startedAt);
  return first?.what;
}
