import type { InviteFailure, Reason } from './signaling.ts';

/**
 * Who gets the call: the one place where forking is decided (RFC 3261 §16.7, for a back-to-back user agent). A pure
 * step, so that every crossing of answers, cancels and late joiners can be tried without a network.
 *
 * The rules: every branch rings at once; the first 2xx wins; the others are cancelled as answered elsewhere, and a 2xx
 * that crosses the CANCEL is released. The caller hears one 180, whoever rings; a 183 with SDP is passed on only while
 * one branch is all there is. When nobody is left, the best final response goes back. A branch that has to confirm has
 * answered and has not won: the others ring on until its person has said yes.
 */
export type Fork = {
  readonly phase: 'ringing' | 'won' | 'lost';
  readonly branches: ReadonlyMap<string, BranchState>;
  readonly best: InviteFailure | undefined;
  readonly announced: boolean;
  readonly early: boolean;
  /** Whether one branch's 6xx speaks for all (one person's devices), or for itself alone (a group's members). */
  readonly declineEndsAll: boolean;
  /** Whether early media may reach the caller; without, it is ringing like any other. */
  readonly earlyMedia: boolean;
  /** How many are to ring later: until then nobody being left is not the end. */
  readonly expected: number;
  /** The ring time is over: what is left is who answered and is yet to confirm. */
  readonly timeUp: boolean;
};

export type BranchState = 'calling' | 'ringing' | 'confirming' | 'cancelling' | 'failed' | 'won' | 'released';

export type ForkEvent =
  /** A branch is added: at the start, when a device registers, when a device pulls the ringing call. */
  | { readonly kind: 'join'; readonly branch: string }
  | { readonly kind: 'provisional'; readonly branch: string; readonly status: number; readonly sdp: boolean }
  /** `confirm`: its person has to say yes first. */
  | { readonly kind: 'answered'; readonly branch: string; readonly confirm?: boolean }
  /** What its person said, or that nothing was said in time. */
  | { readonly kind: 'confirmed'; readonly branch: string; readonly yes: boolean }
  /** One branch has rung long enough. */
  | { readonly kind: 'give-up'; readonly branch: string; readonly reason: Reason }
  /** So many more are to ring later; negative when they do, or will not after all. */
  | { readonly kind: 'expect'; readonly count: number }
  /** The ring time is over. */
  | { readonly kind: 'time-up'; readonly reason: Reason; readonly failure: InviteFailure }
  | { readonly kind: 'failed'; readonly branch: string; readonly failure: InviteFailure }
  /** No outcome wanted any more: the caller gave up. */
  | { readonly kind: 'stop'; readonly reason: Reason; readonly failure: InviteFailure };

export type ForkEffect =
  | { readonly do: 'invite'; readonly branch: string }
  | { readonly do: 'cancel'; readonly branch: string; readonly reason: Reason }
  /** It answered: its person is asked whether to take the call. */
  | { readonly do: 'ask'; readonly branch: string }
  /** BYE to a branch that answered too late, or would not confirm. */
  | { readonly do: 'release'; readonly branch: string; readonly reason: Reason }
  | { readonly do: 'announce' }
  | { readonly do: 'early-media'; readonly branch: string }
  | { readonly do: 'win'; readonly branch: string }
  | { readonly do: 'lose'; readonly failure: InviteFailure };

export const answeredElsewhere: Reason = { cause: 200, text: 'Call completed elsewhere' };
const declined: Reason = { cause: 603, text: 'Declined on another device' };
const notConfirmed: Reason = { cause: 480, text: 'Not confirmed' };
/** What is said where nobody was there to fail. */
const nobody: InviteFailure = { status: 480, reason: 'Not registered', contacts: [] };

export const startFork = (declineEndsAll = true, earlyMedia = true): Fork => ({
  phase: 'ringing',
  branches: new Map(),
  best: undefined,
  announced: false,
  early: false,
  declineEndsAll,
  earlyMedia,
  expected: 0,
  timeUp: false,
});

type Step = readonly [Fork, readonly ForkEffect[]];
type Of<K extends ForkEvent['kind']> = Extract<ForkEvent, { kind: K }>;
type Arms = { readonly [K in ForkEvent['kind']]: (fork: Fork, event: Of<K>) => Step };

const none: readonly ForkEffect[] = [];

const withBranch = (fork: Fork, branch: string, state: BranchState): Fork => ({
  ...fork,
  branches: new Map(fork.branches).set(branch, state),
});

const isCalled = (state: BranchState | undefined): boolean => state === 'calling' || state === 'ringing';

/** Whether a branch may still win. */
const isLive = (state: BranchState | undefined): boolean => isCalled(state) || state === 'confirming';

const liveBranches = (fork: Fork): string[] =>
  [...fork.branches].filter(([, state]) => isLive(state)).map(([branch]) => branch);

/** Ends whatever may still win, but for one branch: a CANCEL, or a BYE to who has answered and not confirmed. */
function cancelRest(fork: Fork, reason: Reason, except?: string): Step {
  const branches = new Map(fork.branches);
  const effects = liveBranches(fork)
    .filter((branch) => branch !== except)
    .map((branch): ForkEffect => {
      const answered = branches.get(branch) === 'confirming';
      branches.set(branch, answered ? 'released' : 'cancelling');
      return { do: answered ? 'release' : 'cancel', branch, reason };
    });
  return [{ ...fork, branches }, effects];
}

/** When nobody is left and nobody is expected, the best final response goes back. */
function unlessLost(fork: Fork, effects: readonly ForkEffect[], failure: InviteFailure = nobody): Step {
  if (liveBranches(fork).length > 0 || fork.expected > 0) return [fork, effects];
  return [{ ...fork, phase: 'lost' }, [...effects, { do: 'lose', failure: fork.best ?? failure }]];
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
  if (!isCalled(fork.branches.get(event.branch)) || event.status === 100) return [fork, none];
  const rung = withBranch(fork, event.branch, 'ringing');
  if (event.sdp && fork.earlyMedia && fork.branches.size === 1)
    return [{ ...rung, early: true }, fork.early ? none : [{ do: 'early-media', branch: event.branch }]];
  // Where its sound may not be heard, a 183 with some is a 180 to the caller.
  const rings = event.status === 180 || (event.sdp && !fork.earlyMedia);
  if (!rings || fork.announced || fork.early) return [rung, none];
  return [{ ...rung, announced: true }, [{ do: 'announce' }]];
}

/** A branch has the call; who is left is told so. */
function wins(fork: Fork, branch: string): Step {
  const [won, cancels] = cancelRest(fork, answeredElsewhere, branch);
  return [{ ...withBranch(won, branch, 'won'), phase: 'won' }, [{ do: 'win', branch }, ...cancels]];
}

function answered(fork: Fork, { branch, confirm = false }: Of<'answered'>): Step {
  if (!isCalled(fork.branches.get(branch))) return late(fork, branch, answeredElsewhere);
  return confirm ? [withBranch(fork, branch, 'confirming'), [{ do: 'ask', branch }]] : wins(fork, branch);
}

function confirmed(fork: Fork, { branch, yes }: Of<'confirmed'>): Step {
  if (fork.branches.get(branch) !== 'confirming') return [fork, none];
  if (yes) return wins(fork, branch);
  // Nobody answered there who would have the call: a person said no, or a machine said nothing.
  const failure: InviteFailure = { status: 480, reason: notConfirmed.text, contacts: [] };
  const noted: Fork = { ...withBranch(fork, branch, 'released'), best: better(fork.best, failure) };
  return unlessLost(noted, [{ do: 'release', branch, reason: notConfirmed }]);
}

function failed(fork: Fork, event: Of<'failed'>): Step {
  if (!isLive(fork.branches.get(event.branch))) return ended(fork, event.branch);
  const noted: Fork = { ...withBranch(fork, event.branch, 'failed'), best: better(fork.best, event.failure) };
  // RFC 3261 §16.7 step 5: a 6xx ends the search.
  if (event.failure.status < 600 || !fork.declineEndsAll) return unlessLost(noted, none, event.failure);
  const [over, cancels] = cancelRest({ ...noted, phase: 'lost' }, declined);
  return [over, [...cancels, { do: 'lose', failure: noted.best ?? event.failure }]];
}

/** One branch has rung for its own time; who has answered there is not cut off while being asked. */
function giveUp(fork: Fork, { branch, reason }: Of<'give-up'>): Step {
  if (!isCalled(fork.branches.get(branch))) return [fork, none];
  const failure: InviteFailure = { status: 480, reason: 'No answer', contacts: [] };
  const noted: Fork = { ...withBranch(fork, branch, 'cancelling'), best: better(fork.best, failure) };
  return unlessLost(noted, [{ do: 'cancel', branch, reason }]);
}

/** What rings is cancelled; who is being asked may still say yes, and nobody else joins. */
function timeUp(fork: Fork, { reason, failure }: Of<'time-up'>): Step {
  const asked = liveBranches(fork).filter((branch) => fork.branches.get(branch) === 'confirming');
  const branches = new Map(fork.branches);
  const called = liveBranches(fork).filter((branch) => !asked.includes(branch));
  for (const branch of called) branches.set(branch, 'cancelling');
  const cancels = called.map((branch): ForkEffect => ({ do: 'cancel', branch, reason }));
  const over: Fork = { ...fork, branches, expected: 0, timeUp: true, best: failure };
  return unlessLost(over, cancels);
}

const ringing: Arms = {
  join: (fork, { branch }) =>
    fork.branches.has(branch) || fork.timeUp
      ? [fork, none]
      : [withBranch(fork, branch, 'calling'), [{ do: 'invite', branch }]],
  provisional,
  answered,
  confirmed,
  failed,
  'give-up': giveUp,
  'time-up': timeUp,
  expect(fork, { count }) {
    const expected = fork.timeUp ? 0 : Math.max(0, fork.expected + count);
    return unlessLost({ ...fork, expected }, none);
  },
  stop(fork, { reason, failure }) {
    const [over, cancels] = cancelRest({ ...fork, phase: 'lost' }, reason);
    return [over, [...cancels, { do: 'lose', failure }]];
  },
};

const decided = (reason: Reason): Arms => ({
  join: (fork) => [fork, none],
  provisional: (fork) => [fork, none],
  answered: (fork, { branch }) => late(fork, branch, reason),
  confirmed: (fork) => [fork, none],
  failed: (fork, { branch }) => ended(fork, branch),
  'give-up': (fork) => [fork, none],
  'time-up': (fork) => [fork, none],
  expect: (fork) => [fork, none],
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
