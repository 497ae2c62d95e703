/**
 * Our registration at one carrier (RFC 3261 §10.2), as a pure step. It is refreshed between half and three quarters of its
 * time, so that one refresh may be lost; what fails is tried again later and later (RFC 5626 §4.5), at the next gateway
 * first.
 */
export type Registration = {
  readonly phase: 'idle' | 'asking' | 'registered' | 'waiting' | 'ending' | 'leaving' | 'gone';
  /** What is asked for, in seconds; a 423 raises it. */
  readonly seconds: number;
  readonly gateways: number;
  /** The gateway that is asked, by its place. */
  readonly gateway: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** Whether the carrier still has us, as far as is known. */
  readonly held: boolean;
};

export type RegistrationAnswer = {
  readonly status: number;
  readonly reason: string;
  /** Seconds that were granted. */
  readonly expires?: number;
  readonly minExpires?: number;
  readonly retryAfter?: number;
};

export type RegistrationEvent =
  | { readonly kind: 'start' }
  /** `unit` is a dice throw from 0 to 1. */
  | { readonly kind: 'answered'; readonly answer: RegistrationAnswer; readonly unit: number }
  | { readonly kind: 'due' }
  | { readonly kind: 'stop' };

export type RegistrationEffect =
  /** Sends a REGISTER; 0 seconds takes the registration away. */
  | { readonly do: 'register'; readonly seconds: number; readonly gateway: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'registered'; readonly seconds: number }
  | { readonly do: 'failed'; readonly reason: string }
  | { readonly do: 'gone' };

type Step = readonly [Registration, readonly RegistrationEffect[]];
type Of<K extends RegistrationEvent['kind']> = Extract<RegistrationEvent, { kind: K }>;
type Arms = { readonly [K in RegistrationEvent['kind']]: (r: Registration, event: Of<K>) => Step };

export const startRegistration = (seconds: number, gateways: number): Registration => ({
  phase: 'idle',
  seconds,
  gateways,
  gateway: 0,
  failures: 0,
  held: false,
});

const longestSeconds = 86_400;
const firstWaitSeconds = 30;
const refusedWaitSeconds = 300;
const longestWaitSeconds = 1800;
const longestRetryAfter = 3600;
const nextGatewayMs = 1000;

const same = (r: Registration): Step => [r, []];

const ask = (r: Registration): Step => [
  { ...r, phase: 'asking' },
  [{ do: 'register', seconds: r.seconds, gateway: r.gateway }],
];

const leave = (r: Registration): Step =>
  r.held
    ? [{ ...r, phase: 'leaving' }, [{ do: 'register', seconds: 0, gateway: r.gateway }]]
    : [{ ...r, phase: 'gone' }, [{ do: 'gone' }]];

function answered(r: Registration, { answer, unit }: Of<'answered'>): Step {
  const { status, expires = r.seconds, minExpires = 0 } = answer;
  if (status === 200 && expires > 0)
    return [
      { ...r, phase: 'registered', failures: 0, held: true },
      [
        { do: 'registered', seconds: expires },
        { do: 'wait', ms: Math.round(expires * 1000 * (0.5 + 0.25 * unit)) },
      ],
    ];
  // RFC 3261 §10.2.8.
  if (status === 423 && minExpires > r.seconds && minExpires <= longestSeconds)
    return ask({ ...r, seconds: minExpires });
  return refused(r, answer, unit);
}

function refused(r: Registration, answer: RegistrationAnswer, unit: number): Step {
  const failures = r.failures + 1;
  const gateway = (r.gateway + 1) % r.gateways;
  const reason = `${answer.status} ${answer.reason}`.trim();
  return [
    { ...r, phase: 'waiting', failures, gateway },
    [
      { do: 'failed', reason },
      { do: 'wait', ms: waitAfter(r, failures, answer, unit) },
    ],
  ];
}

/** Half to all of a time that doubles; at least what the server says, and a little more so that not all come at once. */
function waitAfter(r: Registration, failures: number, answer: RegistrationAnswer, unit: number): number {
  const { status, retryAfter } = answer;
  if (retryAfter !== undefined)
    return Math.round(Math.min(longestRetryAfter, retryAfter) * 1000 * (1 + 0.1 * unit));
  const ours = status >= 400 && status < 500 && status !== 408 && status !== 430;
  if (!ours && failures % r.gateways !== 0) return nextGatewayMs;
  const rounds = Math.ceil(failures / r.gateways);
  const first = ours ? refusedWaitSeconds : firstWaitSeconds;
  const seconds = Math.min(longestWaitSeconds, first * 2 ** Math.min(rounds - 1, 16));
  return Math.round(seconds * 1000 * (0.5 + 0.5 * unit));
}

const phases: { readonly [P in Registration['phase']]: Arms } = {
  idle: { start: ask, answered: same, due: same, stop: leave },
  asking: {
    start: same,
    answered,
    due: same,
    // RFC 3261 §10.2: not before the answer to the one before.
    stop: (r) => same({ ...r, phase: 'ending' }),
  },
  registered: { start: same, answered: same, due: ask, stop: leave },
  waiting: { start: same, answered: same, due: ask, stop: leave },
  ending: {
    start: same,
    answered: (r, { answer }) => leave({ ...r, held: r.held || answer.status === 200 }),
    due: same,
    stop: same,
  },
  leaving: {
    start: same,
    answered: (r) => [{ ...r, phase: 'gone', held: false }, [{ do: 'gone' }]],
    due: same,
    stop: same,
  },
  gone: { start: ask, answered: same, due: same, stop: same },
};

export function stepRegistration(r: Registration, event: RegistrationEvent): Step {
  const arm = phases[r.phase][event.kind] as (r: Registration, event: RegistrationEvent) => Step;
  return arm(r, event);
}
