import type { CallerList, Condition, Presence, Rule, Schedule } from '../../stores/index.ts';
import type { LocalTime } from './schedules.ts';

/** Who calls, as rules see it. */
export type RuleCaller = {
  /** An extension of the domain, or a number as the trunk gave it; empty when nobody knows. */
  readonly number: string;
  /** The number withheld itself. What it is may be known all the same, and then rules go by it. */
  readonly anonymous: boolean;
  readonly outside: boolean;
};

export type LookUp = Extract<Condition, { kind: 'look-up' }>;

/**
 * All that rules are judged by. Nothing in here waits but a look-up, and that no longer than its rule allows; so a walk
 * may be asked for a call that has not happened, at another time of day.
 */
export interface RoutingFacts {
  /** Wall-clock milliseconds. */
  readonly wall: number;
  readonly caller: RuleCaller;
  /** What people call the owner whose rules these are: an extension or a number. */
  readonly ownerName: string;
  /** All that holds at once; `available` alone when nothing else does. */
  readonly presence: ReadonlySet<Presence>;
  /** A phone of the owner's is there to ring. */
  readonly reachable: boolean;
  localTime(timeZone: string): LocalTime | undefined;
  /** The entry of a list, of numbers and patterns, that the caller is. */
  callerAmong(entries: readonly string[]): string | undefined;
  /** Whether a phone of the owner's, or one of those named, is registered from one of these networks. */
  isAt(networks: readonly string[], devices: readonly string[] | undefined): boolean;
  schedule(name: string): Schedule | undefined;
  callerList(name: string): CallerList | undefined;
  /** Undefined when there is no such calendar, or it has not been read yet. */
  calendar(name: string): ReadonlySet<'busy' | 'out-of-office'> | undefined;
  /** The `result` of the answer; undefined when there is none in time. Never rejects. */
  lookUp(condition: LookUp): Promise<string | undefined>;
  /** Whether somebody or something called so is the owner itself. */
  isOwner(dialled: string): boolean;
  /** Why the domain's policy keeps a rule from being carried out; undefined when it does not. */
  refusal(rule: Rule): string | undefined;
}
