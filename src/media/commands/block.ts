import type { Call } from '../relay/call.ts';
import type { Party } from '../relay/party.ts';
import { needCall, type Command } from './refusal.ts';
import { targetOf } from './target.ts';

type Switch = 'mediaBlocked' | 'mediaSilenced' | 'dtmfBlocked';

const switches =
  (key: Switch, on: boolean): Command =>
  (relay, request) => {
    const call = needCall(relay, request, 'Unknown call-ID');
    const { parties, everybody } = targetOf(call, request);
    if (everybody) set(call, key, on);
    // Letting everybody speak again lifts what was laid on each.
    if (!everybody || !on) for (const party of parties) set(party, key, on);
    return {};
  };

function set(of: Call | Party, key: Switch, on: boolean): void {
  of[key] = on;
}

/** Nothing of what a party sends reaches the others, but for its digits. */
export const blockMedia = switches('mediaBlocked', true);
export const unblockMedia = switches('mediaBlocked', false);
/** What a party sends reaches the others as silence, in an unbroken stream. */
export const silenceMedia = switches('mediaSilenced', true);
export const unsilenceMedia = switches('mediaSilenced', false);
/** The digits of a party are announced but do not reach the others. */
export const blockDtmf = switches('dtmfBlocked', true);
export const unblockDtmf = switches('dtmfBlocked', false);

/** Likewise of several parties by their tags, together with the answer that connects them. */
export function blockDigitsOf(call: Call, tags: readonly string[]): void {
  for (const tag of tags) {
    const party = call.byTag(tag);
    if (party !== undefined) party.dtmfBlocked = true;
  }
}
