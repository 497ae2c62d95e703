import { ngList, ngNumber, ngText, type NgDictionary } from '../../ng/index.ts';
import type { Call } from '../relay/call.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import { describeCall } from './query.ts';
import { needCallId, Refusal } from './refusal.ts';

const NOT_FOUND = "Call-ID not found or tags didn't match";

/** Ends a call or takes one party out of it, at once or after `delete-delay` seconds. */
export function remove(relay: Relay, request: NgDictionary): NgDictionary {
  const call = relay.calls.get(needCallId(request));
  const fromTag = ngText(request, 'from-tag');
  const party = call === undefined ? undefined : whom(call, request);
  if (call === undefined || (fromTag !== undefined && party === undefined)) {
    if (ngList(request, 'flags').includes('fatal')) throw new Refusal(NOT_FOUND);
    return { warning: NOT_FOUND };
  }
  call.lastSignal = relay.clock.wall();
  const statistics = describeCall(call);
  const delay = ngNumber(request, 'delete-delay') ?? ngNumber(request, 'delete delay') ?? 0;
  const act = () => takeOut(relay, call, party);
  if (delay > 0) call.later(delay * 1000, act);
  else act();
  return statistics;
}

/** The party meant: the one of the to-tag where both are given, or the one of a branch (ng-wise the callee). */
function whom(call: Call, request: NgDictionary): Party | undefined {
  const fromTag = ngText(request, 'from-tag');
  const toTag = ngText(request, 'to-tag');
  const viaBranch = ngText(request, 'via-branch');
  if (fromTag === undefined) return undefined;
  const from = call.byTag(fromTag);
  if (from === undefined) return undefined;
  if (toTag !== undefined && toTag !== '') return call.byTag(toTag);
  return (viaBranch === undefined ? undefined : call.byBranch(viaBranch)) ?? from;
}

function takeOut(relay: Relay, call: Call, party: Party | undefined): void {
  if (party !== undefined) call.remove(party);
  if (party === undefined || !call.isAlive) relay.end(call);
}
