import type { Clock, Timer } from '../../base/index.ts';
import type { TimerValues } from '../transaction/types.ts';

/** What is sent again and again until it is acknowledged: a 2xx to INVITE, a reliable 1xx. Milliseconds. */
export type RepeatState =
  | { readonly kind: 'waiting'; readonly interval: number; readonly elapsed: number }
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'given up' };

export type RepeatEvent = 'timer' | 'acknowledged';

export type RepeatEffect =
  { readonly do: 'send' | 'stop' | 'give up' } | { readonly do: 'start'; readonly ms: number };

export type RepeatRule = {
  readonly t1: number;
  /** The longest interval: T2 for a 2xx (RFC 3261 §13.3.1.4), none for a reliable 1xx (RFC 3262 §3). */
  readonly cap: number;
};

type Step = readonly [RepeatState, readonly RepeatEffect[]];

export const startRepeat = ({ t1 }: RepeatRule): Step => [
  { kind: 'waiting', interval: t1, elapsed: 0 },
  [{ do: 'start', ms: t1 }],
];

const over: Step = [{ kind: 'given up' }, [{ do: 'give up' }]];
const done: Step = [{ kind: 'acknowledged' }, [{ do: 'stop' }]];

const waiting = (
  { interval, elapsed }: Extract<RepeatState, { kind: 'waiting' }>,
  event: RepeatEvent,
  { t1, cap }: RepeatRule,
): Step => {
  if (event === 'acknowledged') return done;
  const passed = elapsed + interval;
  const left = 64 * t1 - passed;
  if (left <= 0) return over;
  const next = Math.min(interval * 2, cap, left);
  return [{ kind: 'waiting', interval: next, elapsed: passed }, [{ do: 'send' }, { do: 'start', ms: next }]];
};

const handlers: {
  readonly [K in RepeatState['kind']]: (
    state: Extract<RepeatState, { kind: K }>,
    event: RepeatEvent,
    rule: RepeatRule,
  ) => Step;
} = {
  waiting,
  acknowledged: (state) => [state, []],
  'given up': (state) => [state, []],
};

/** Sent at T1, with doubling intervals, until 64*T1 have passed (RFC 3261 §13.3.1.4, RFC 3262 §3). */
export const repeatStep = (state: RepeatState, event: RepeatEvent, rule: RepeatRule): Step =>
  (handlers[state.kind] as (s: RepeatState, e: RepeatEvent, r: RepeatRule) => Step)(state, event, rule);

/** The driver: one timer. */
export class Repeater {
  readonly #clock: Clock;
  readonly #rule: RepeatRule;
  readonly #act: { readonly send: () => void; readonly giveUp: () => void };
  #state: RepeatState = { kind: 'acknowledged' };
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    rule: RepeatRule,
    act: { readonly send: () => void; readonly giveUp: () => void },
  ) {
    this.#clock = clock;
    this.#rule = rule;
    this.#act = act;
  }

  get waits(): boolean {
    return this.#state.kind === 'waiting';
  }

  /** The first one was sent just now. */
  start(): void {
    this.#apply(startRepeat(this.#rule));
  }

  stop(): void {
    this.#apply(repeatStep(this.#state, 'acknowledged', this.#rule));
  }

  #apply([state, effects]: Step): void {
    this.#state = state;
    for (const effect of effects) {
      if (effect.do === 'start') {
        this.#timer = this.#clock.after(effect.ms, () =>
          this.#apply(repeatStep(this.#state, 'timer', this.#rule)),
        );
      } else if (effect.do === 'stop') this.#timer?.cancel();
      else if (effect.do === 'send') this.#act.send();
      else this.#act.giveUp();
    }
  }
}

/** The rule for a 2xx to INVITE. */
export const answerRule = ({ t1, t2 }: TimerValues): RepeatRule => ({ t1, cap: t2 });

/** The rule for a reliable provisional response. */
export const reliableRule = ({ t1 }: TimerValues): RepeatRule => ({ t1, cap: Infinity });
