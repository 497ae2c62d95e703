import type { Action, Binding, RoutingOwner, ShownCaller, User } from '../../stores/index.ts';
import type { Hop } from './diversion.ts';
import type { Identity } from './endpoint.ts';
import type { Target } from './ring.ts';

/** In what manner rules have somebody rung. */
export type Manner = {
  /** The forwardings that led there, the first one first. */
  readonly hops: readonly Hop[];
  /** The owners whose rules have led there, and to whom they must not lead again. */
  readonly path: ReadonlySet<string>;
  /** Whose rule it is that rings now, and the user where it is one's. */
  readonly by?: RoutingOwner;
  readonly user?: User;
  readonly shown?: ShownCaller;
  readonly confirm: boolean;
  /** No longer than this. */
  readonly seconds?: number;
  /** Who registers meanwhile and gets the call although it is not rung here. */
  readonly joins?: (binding: Binding) => Target | undefined;
};

/** As it is where no rule has a say. */
export const plainly: Manner = { hops: [], path: new Set(), confirm: false };

/** What an action says of the caller that is shown, and of confirming, counts from there on. */
export const as = (
  manner: Manner,
  { caller, confirm }: Pick<Extract<Action, { kind: 'ring' | 'forward' }>, 'caller' | 'confirm'>,
): Manner => ({
  ...manner,
  ...(caller === undefined ? {} : { shown: caller }),
  confirm: confirm ?? manner.confirm,
});

/** Whom a phone inside is shown as the caller; absent for the caller itself. */
export function callerShown(
  caller: Identity,
  shown: ShownCaller | undefined,
  mainNumber: string | undefined,
): Identity | undefined {
  if (shown?.show === 'main' && mainNumber !== undefined)
    return { domain: caller.domain, number: mainNumber, name: '', withheld: false };
  if (shown?.show !== 'prefix') return undefined;
  // A number that its caller withholds is not told by the name either.
  const name = caller.name === '' && !caller.withheld ? caller.number : caller.name;
  return { ...caller, name: `${shown.prefix}${name}` };
}

/** No longer than so many seconds, where that is said. */
export const within = (manner: Manner, seconds: number | undefined): Manner =>
  seconds === undefined ? manner : { ...manner, seconds: Math.min(seconds, manner.seconds ?? seconds) };
