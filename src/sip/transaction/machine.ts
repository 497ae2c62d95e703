import type { TimerValues } from './types.ts';

/**
 * The timers of RFC 3261 Table 4 and RFC 6026 (L, M), and four without a letter there: `T` until an INVITE gets 100
 * (§17.2.1), `P` until another request gets 100 (RFC 4320 §4.1), `X` from CANCEL to giving up (§9.1), `U` until a
 * request that its user never answers is forgotten.
 */
export type TimerName =
  | 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M' | 'P' | 'T' | 'U' | 'X'; // prettier-ignore

/** What a step asks its driver to do. Sending and reporting are about the message that made the step. */
export type Effect =
  | { readonly do: 'start' | 'stop'; readonly timer: TimerName }
  /** Starts it again with twice the interval; E and G stop doubling at T2. */
  | { readonly do: 'back off'; readonly timer: TimerName }
  /** Starts E again with an interval of T2. */
  | { readonly do: 'hold'; readonly timer: TimerName }
  | { readonly do: 'send request' | 'send ACK' | 'send CANCEL' | 'send response' | 'send 100' }
  | { readonly do: 'repeat response' }
  | { readonly do: 'report response' | 'report ACK' | 'report timeout' | 'report failure' };

export type Transition<State extends string> = { readonly to: State; readonly effects: readonly Effect[] };

/**
 * A machine: what each event leads to in each state. Every state has its entry; an event without one in that state is
 * absorbed. A step is a look-up and makes no garbage: (state, event) → transition. In a transition timers come first,
 * then what is sent, then what is reported: a report may end the transaction.
 */
export type Machine<State extends string, Event extends string> = {
  readonly initial: Transition<State>;
  readonly table: { readonly [S in State]: { readonly [E in Event]?: Transition<State> } };
};

/** A machine of any kind, as a driver runs it. */
export type AnyMachine<Event extends string> = {
  readonly initial: Transition<string>;
  readonly table: Readonly<Record<string, { readonly [E in Event]?: Transition<string> }>>;
};

/** The step itself; undefined: absorbed. */
export const step = <Event extends string>(
  machine: AnyMachine<Event>,
  state: string,
  event: Event,
): Transition<string> | undefined => machine.table[state]?.[event];

export const start = (timer: TimerName): Effect => Object.freeze({ do: 'start', timer });
export const stop = (timer: TimerName): Effect => Object.freeze({ do: 'stop', timer });
export const backOff = (timer: TimerName): Effect => Object.freeze({ do: 'back off', timer });
export const hold = (timer: TimerName): Effect => Object.freeze({ do: 'hold', timer });

type Act = Exclude<Effect['do'], 'start' | 'stop' | 'back off' | 'hold'>;
export const act = (name: Act): Effect => Object.freeze({ do: name });

export const go = <State extends string>(
  to: State,
  ...effects: readonly (Effect | false)[]
): Transition<State> =>
  Object.freeze({ to, effects: Object.freeze(effects.filter((effect) => effect !== false)) });

/** The event that a timer's firing is. */
export type TimerEvent = `timer ${TimerName}`;

/** How an effect is written in an arrow: `stop G`, `send ACK`. */
export const printEffect = (effect: Effect): string =>
  'timer' in effect ? `${effect.do} ${effect.timer}` : effect.do;

/** When the client's timer E reaches T2 (RFC 4320 §4.1). */
const untilHeld = ({ t1, t2 }: TimerValues): number => {
  let sum = 0;
  for (let interval = t1; interval < t2; interval *= 2) sum += interval;
  return sum;
};

/** The first interval of a timer in milliseconds. */
export const firstInterval: { readonly [T in TimerName]: (values: TimerValues) => number } = Object.freeze({
  A: ({ t1 }) => t1,
  B: ({ t1 }) => 64 * t1,
  C: ({ c }) => c,
  D: ({ d }) => d,
  E: ({ t1 }) => t1,
  F: ({ t1 }) => 64 * t1,
  G: ({ t1 }) => t1,
  H: ({ t1 }) => 64 * t1,
  I: ({ t4 }) => t4,
  J: ({ t1 }) => 64 * t1,
  K: ({ t4 }) => t4,
  L: ({ t1 }) => 64 * t1,
  M: ({ t1 }) => 64 * t1,
  P: untilHeld,
  T: ({ trying }) => trying,
  U: ({ t1 }) => 64 * t1,
  X: ({ t1 }) => 64 * t1,
});
