import type { InviteFailure, Reason } from './signaling.ts';

/**
 * Who gets the call: the one place where forking is decided (RFC 3261 §16.7, for a back-to-back user agent). A pure
 * step, so that every crossing of answers, cancels and late joiners can be tried without a network.
 *
 * The rules: every branch rings at once; the first 2xx wins; the others are cancelled as answered elsewhere, and a 2xx
 * that crosses the CANCEL is released. The caller hears one 180, whoever rings; a 183 with SDP is passed on only while
 * one branch is all there is. When nobody is left, the best final response goes back.
 */
export type Fork = {
  readonly phase: 'ringing' | 'won' | 'lost';
  readonly branches: ReadonlyMap<string, BranchState>;
  readonly best: InviteFailure | undefined;
  readonly announced: boolean;
  readonly early: boolean;
  /** Whether one branch's 6xx speaks for all (one person's devices), or for itself alone (a group's members). */
  readonly declineEndsAll: boolean;
};

export type BranchState = 'calling' | 'ringing' | 'cancelling' | 'failed' | 'won' | 'released';

export type ForkEvent =
  /** A branch is added: at the start, when a device registers, when a device pulls the ringing call. */
  | { readonly kind: 'join'; readonly branch: string }
  | { readonly kind: 'provisional'; readonly branch: string; readonly status: number; readonly sdp: boolean }
  | { readonly kind: 'answered'; readonly branch: string }
  | { readonly kind: 'failed'; readonly branch: string; readonly failure: InviteFailure }
  /** No new outcome wanted: the caller gave up, or the ring time is over. */
  | { readonly kind: 'stop'; readonly reason: Reason; readonly failure: InviteFailure };

export type ForkEffect =
  | { readonly do: 'invite'; readonly branch: string }
  | { readonly do: 'cancel'; readonly branch: string; readonly reason: Reason }
  /** BYE to a branch that answered too late. */
  | { readonly do: 'release'; readonly branch: string; readonly reason: Reason }
  | { readonly do: 'announce' }
  | { readonly do: 'early-media'; readonly branch: string }
  | { readonly do: 'win'; readonly branch: string }
  | { readonly do: 'lose'; readonly failure: InviteFailure };

export const answeredElsewhere: Reason = { cause: 200, text: 'Call completed elsewhere' };
const declined: Reason = { cause: 603, text: 'Declined on another device' };

export const startFork = (declineEndsAll = true): Fork => ({
  phase: 'ringing',
  branches: new Map(),
  best: undefined,
  announced: false,
  early: false,
  declineEndsAll,
});

type Step = readonly [Fork, readonly ForkEffect[]];
type Of<K extends ForkEvent['kind']> = Extract<ForkEvent, { kind: K }>;
type Arms = { readonly [K in ForkEvent['kind']]: (fork: Fork, event: Of<K>) => Step };

const none: readonly ForkEffect[] = [];

const withBranch = (fork: Fork, branch: string, state: BranchState): Fork => ({
  ...fork,
  branches: new Map(fork.branches).set(branch, state),
});

const isLive = (state: BranchState | undefined): boolean => state === 'calling' || state === 'ringing';

const liveBranches = (fork: Fork): string[] =>
  [...fork.branches].filter(([, state]) => isLive(state)).map(([branch]) => branch);

/** Cancels whatever still rings, but for one branch. */
function cancelRest(fork: Fork, reason: Reason, except?: string): Step {
  const rest = liveBranches(fork).filter((branch) => branch !== except);
  const branches = new Map(fork.branches);
  for (const branch of rest) branches.set(branch, 'cancelling');
  return [{ ...fork, branches }, rest.map((branch) => ({ do: 'cancel', branch, reason }))];
}

/** A branch that ends when the outcome is known: noted, and of no consequence. */
const ended = (fork: Fork, branch: string): Step => [
  fork.branches.get(branch) === 'won' ? fork : withBranch(fork, branch, 'failed'),
  none,
];

const late = (fork: Fork, branch: string, reason: Reason): Step =>
  fork.branches.get(branch) === 'won'
    ? [fork, none]
    : [withBranch(fork, branch, 'released'), [{ do: 'release', branch, reason }]];

function provisional(fork: Fork, event: Of<'provisional'>): Step {
  if (!isLive(fork.branches.get(event.branch)) || event.status === 100) return [fork, none];
  const rung = withBranch(fork, event.branch, 'ringing');
  if (event.sdp && fork.branches.size === 1)
    return [{ ...rung, early: true }, fork.early ? none : [{ do: 'early-media', branch: event.branch }]];
  if (event.status !== 180 || fork.announced || fork.early) return [rung, none];
  return [{ ...rung, announced: true }, [{ do: 'announce' }]];
}

function answered(fork: Fork, event: Of<'answered'>): Step {
  if (!isLive(fork.branches.get(event.branch))) return late(fork, event.branch, answeredElsewhere);
  const [won, cancels] = cancelRest(fork, answeredElsewhere, event.branch);
  return [
    { ...withBranch(won, event.branch, 'won'), phase: 'won' },
    [{ do: 'win', branch: event.branch }, ...cancels],
  ];
}

function failed(fork: Fork, event: Of<'failed'>): Step {
  if (!isLive(fork.branches.get(event.branch))) return ended(fork, event.branch);
  const noted: Fork = { ...withBranch(fork, event.branch, 'failed'), best: better(fork.best, event.failure) };
  // RFC 3261 §16.7 step 5: a 6xx ends the search.
  const ends = event.failure.status >= 600 && fork.declineEndsAll;
  if (!ends && liveBranches(noted).length > 0) return [noted, none];
  const [over, cancels] = cancelRest({ ...noted, phase: 'lost' }, declined);
  return [over, [...cancels, { do: 'lose', failure: noted.best ?? event.failure }]];
}

const ringing: Arms = {
  join: (fork, { branch }) =>
    fork.branches.has(branch)
      ? [fork, none]
      : [withBranch(fork, branch, 'calling'), [{ do: 'invite', branch }]],
  provisional,
  answered,
  failed,
  stop(fork, { reason, failure }) {
    const [over, cancels] = cancelRest({ ...fork, phase: 'lost' }, reason);
    return [over, [...cancels, { do: 'lose', failure }]];
  },
};

const decided = (reason: Reason): Arms => ({
  join: (fork) => [fork, none],
  provisional: (fork) => [fork, none],
  answered: (fork, { branch }) => late(fork, branch, reason),
  failed: (fork, { branch }) => ended(fork, branch),
  stop: (fork) => [fork, none],
});

const phases: { readonly [P in Fork['phase']]: Arms } = {
  ringing,
  won: decided(answeredElsewhere),
  lost: decided({ cause: 487, text: 'Call ended before the answer' }),
};

export function stepFork(fork: Fork, event: ForkEvent): Step {
  const arm = phases[fork.phase][event.kind] as (fork: Fork, event: ForkEvent) => Step;
  return arm(fork, event);
}

/** Statuses of RFC 3261 §16.7 step 6 that tell the caller how to try again; then what a person understands. */
const preferred = [484, 486, 480, 408];

function rank(failure: InviteFailure): number {
  const { status } = failure;
  if (status >= 600) return 0;
  const named = preferred.indexOf(status);
  if (named >= 0) return 10 + named;
  // A phone that is broken (5xx), sends us away (3xx) or challenges us says nothing about the person.
  const order = [0, 0, 0, 40, 20, 30][Math.floor(status / 100)] ?? 50;
  return status === 401 || status === 407 ? 45 : order;
}

/** The better of two final responses for the caller (RFC 3261 §16.7 step 6). The earlier one wins a tie. */
export function better(a: InviteFailure | undefined, b: InviteFailure): InviteFailure {
  return a === undefined || rank(b) < rank(a) ? b : a;
}
