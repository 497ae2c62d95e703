import type { Action, RingResult, Rule, RoutingOwner } from '../../stores/index.ts';

/** One rule looked at: why it was taken or not. Part of the call's decision trace. */
export type Looked = {
  readonly owner: RoutingOwner;
  /** Absent for what happens without a rule: the owner's own ringing, a cold route, the end. */
  readonly rule?: { readonly id: string; readonly name: string };
  readonly taken: boolean;
  readonly why: string;
};

/** What is to be done next. `rule` is absent for the owner's own ringing, which needs no rule. */
export type WalkStep =
  | { readonly do: 'ring-owner'; readonly seconds: number | undefined }
  | {
      readonly do: 'act';
      readonly rule: Rule;
      readonly action: Exclude<Action, { kind: 'stop' }>;
      /** What ringing the owner came to, or would have: where the rule asked. */
      readonly result?: RingResult;
    }
  /** No rule is left: the caller is told what the last ringing came to. */
  | { readonly do: 'end'; readonly result: RingResult | undefined };

/** A way through one owner's rules: given what the last step came to, what is next. It ends in `end`. */
export interface Walk {
  next(
    result: RingResult | undefined,
  ): Promise<{ readonly step: WalkStep; readonly looked: readonly Looked[] }>;
}
