import { ngList, ngText, type NgDictionary } from '../../ng/index.ts';
import type { Call } from '../relay/call.ts';
import type { Party } from '../relay/party.ts';
import { Refusal } from './refusal.ts';

/** The parties that a command is about; `everybody` where it names none, or names all. */
export type Target = { readonly parties: readonly Party[]; readonly everybody: boolean };

/** By flag `all`, by label, by tag or by address, as rtpengine looks for it; refuses what names nobody. */
export function targetOf(call: Call, request: NgDictionary): Target {
  const flags = ngList(request, 'flags');
  if (flags.includes('all') || ngText(request, 'all') !== undefined)
    return { parties: call.parties, everybody: true };
  const label = ngText(request, 'label');
  if (label !== undefined) return one(call.byLabel(label), 'No monologue matching the given label');
  const tag = ngText(request, 'from-tag');
  if (tag !== undefined) return one(call.byTag(tag), 'From-tag given, but no such tag exists');
  const address = ngText(request, 'address');
  if (address !== undefined) return one(byAddress(call, address), 'Failed to match address to any tag');
  return { parties: call.parties, everybody: true };
}

const one = (party: Party | undefined, otherwise: string): Target => {
  if (party === undefined) throw new Refusal(otherwise);
  return { parties: [party], everybody: false };
};

const byAddress = (call: Call, address: string) =>
  call.parties.find((party) => party.streams.some((s) => s.rtp.advertised?.address === address));

/** Likewise, but somebody must be named. */
export function needTarget(call: Call, request: NgDictionary): Target {
  const named = ['from-tag', 'label', 'address', 'all'].some((key) => ngText(request, key) !== undefined);
  if (!named && !ngList(request, 'flags').includes('all'))
    throw new Refusal('No participant party specified');
  return targetOf(call, request);
}
