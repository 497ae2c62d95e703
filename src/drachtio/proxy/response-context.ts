/**
 * The response context of a stateful proxy (RFC 3261 §16.6 to §16.10) as a pure step: which branch to start or cancel,
 * which response goes back to the caller, and when all is over.
 */
type BranchState = 'idle' | 'calling' | 'proceeding' | 'ended';

type Branch = { readonly state: BranchState; readonly status?: number; readonly cancelled?: true };

export type ContextState = {
  readonly serial: boolean;
  readonly invite: boolean;
  readonly branches: readonly Branch[];
  /** No further branch is started: the caller gave up, or somebody answered 2xx or 6xx, or asked for credentials. */
  readonly closed: boolean;
  /** The caller has its final response. */
  readonly answered: boolean;
  readonly done: boolean;
};

export type ContextEvent =
  | { readonly type: 'start' }
  | { readonly type: 'provisional'; readonly branch: number; readonly status: number }
  /** A final response; `added` targets came with a redirect that is followed. */
  | { readonly type: 'final'; readonly branch: number; readonly status: number; readonly added?: number }
  /** A branch took too long to ring, or to answer. */
  | { readonly type: 'overdue'; readonly branch: number }
  /** The caller sent CANCEL; what it gets is what the branches make of theirs, a 2xx that crosses included. */
  | { readonly type: 'cancel' };

export type ContextEffect =
  | { readonly type: 'start'; readonly branch: number }
  | { readonly type: 'cancel'; readonly branch: number }
  /** Send this branch's latest response to the caller. */
  | { readonly type: 'forward'; readonly branch: number }
  /** No branch has anything to say. */
  | { readonly type: 'nothing' }
  | { readonly type: 'done' };

type Step = readonly [ContextState, readonly ContextEffect[]];

export const newContext = (targets: number, serial: boolean, invite: boolean): ContextState => ({
  serial,
  invite,
  branches: Array.from({ length: targets }, () => ({ state: 'idle' }) as const),
  closed: false,
  answered: false,
  done: false,
});

const preferred = [401, 407, 415, 420, 484];

/** Lower is better (RFC 3261 §16.7 step 6): 6xx first, then the lowest class, and in 4xx what helps to try again. */
const rank = (status: number): number => {
  if (status >= 600) return 0;
  if (preferred.includes(status)) return 400 - 0.5;
  // A 503 says something of one server only; any other answer is better.
  return status === 503 ? 599.5 : status;
};

/** The branch whose response is the best of those that have ended. */
const bestBranch = (branches: ContextState['branches']): number | undefined => {
  let best: number | undefined;
  branches.forEach(({ status }, i) => {
    if (status === undefined) return;
    if (best === undefined || rank(status) < rank(branches[best]?.status ?? 0)) best = i;
  });
  return best;
};

const change = (state: ContextState, branch: number, to: Partial<Branch>): ContextState => ({
  ...state,
  branches: state.branches.map((b, i) => (i === branch ? { ...b, ...to } : b)),
});

const live = (b: Branch) => b.state === 'calling' || b.state === 'proceeding';

const cancelAll = (state: ContextState): Step => {
  const effects: ContextEffect[] = [];
  const branches = state.branches.map((b, i): Branch => {
    if (!live(b) || b.cancelled) return b;
    effects.push({ type: 'cancel', branch: i });
    return { ...b, cancelled: true };
  });
  return [{ ...state, branches, closed: true }, effects];
};

/** Starts what may start now: all of them, or the next one when none is being tried. */
const startMore = (state: ContextState): Step => {
  if (state.closed) return [state, []];
  const effects: ContextEffect[] = [];
  let busy = state.serial && state.branches.some((b) => live(b) && !b.cancelled);
  const branches = state.branches.map((b, i): Branch => {
    if (b.state !== 'idle' || busy) return b;
    busy = state.serial;
    effects.push({ type: 'start', branch: i });
    return { state: 'calling' };
  });
  return [{ ...state, branches }, effects];
};

const settle = ([state, effects]: Step): Step => {
  const pending = state.branches.some((b) => live(b) || (b.state === 'idle' && !state.closed));
  if (pending || state.done) return [state, effects];
  const out = [...effects];
  if (!state.answered) {
    const best = bestBranch(state.branches);
    out.push(best === undefined ? { type: 'nothing' } : { type: 'forward', branch: best });
  }
  out.push({ type: 'done' });
  return [{ ...state, answered: true, done: true }, out];
};

const then = ([state, effects]: Step, next: (state: ContextState) => Step): Step => {
  const [after, more] = next(state);
  return [after, [...effects, ...more]];
};

/** A 2xx goes to the caller and ends all other branches; an INVITE's also when it is the second (§16.7 step 5). */
const onSuccess = (state: ContextState, branch: number, status: number): Step => {
  const forward: ContextEffect[] = state.answered && !state.invite ? [] : [{ type: 'forward', branch }];
  const ended = { ...change(state, branch, { state: 'ended', status }), answered: true };
  return then([ended, forward], cancelAll);
};

const onFailure = (
  state: ContextState,
  { branch, status, added = 0 }: Extract<ContextEvent, { type: 'final' }>,
): Step => {
  if (state.branches[branch]?.state === 'ended') return [state, []];
  // A redirect that is followed is no answer itself (RFC 3261 §16.7 step 4).
  const ended = change(state, branch, added > 0 ? { state: 'ended' } : { state: 'ended', status });
  const more = Array.from({ length: added }, (): Branch => ({ state: 'idle' }));
  const grown = { ...ended, branches: [...ended.branches, ...more] };
  if (status >= 600) return cancelAll(grown);
  const challenged = state.serial && (status === 401 || status === 407);
  return startMore(challenged ? { ...grown, closed: true } : grown);
};

const onOverdue = (state: ContextState, branch: number): Step => {
  const b = state.branches[branch];
  if (b === undefined || !live(b) || b.cancelled) return [state, []];
  // It may never say another word; a 2xx that comes all the same is still passed on.
  const [next, effects] = startMore(change(state, branch, { state: 'ended', status: 408, cancelled: true }));
  return [next, [{ type: 'cancel', branch }, ...effects]];
};

const onProvisional = (state: ContextState, branch: number, status: number): Step => {
  const b = state.branches[branch];
  if (b === undefined || !live(b)) return [state, []];
  const next = change(state, branch, { state: 'proceeding' });
  // 100 is hop by hop (RFC 3261 §16.7 step 5); nothing provisional goes out behind a final response.
  return [next, status > 100 && !state.answered ? [{ type: 'forward', branch }] : []];
};

/** One event: the new state, and what is to be done. */
export const stepContext = (state: ContextState, event: ContextEvent): Step => {
  switch (event.type) {
    case 'start':
      return settle(startMore(state));
    case 'provisional':
      return onProvisional(state, event.branch, event.status);
    case 'final':
      return settle(
        event.status < 300 ? onSuccess(state, event.branch, event.status) : onFailure(state, event),
      );
    case 'overdue':
      return settle(onOverdue(state, event.branch));
    default:
      return settle(cancelAll(state));
  }
};
