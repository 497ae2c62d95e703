import { ngText, type NgDictionary } from '../../ng/index.ts';
import type { Relay } from '../relay/relay.ts';
import { need, needCall, Refusal } from './refusal.ts';

/**
 * Lets two parties of a call talk with each other, whoever they talked with before: each goes on hearing what it heard
 * until the other's first packet.
 */
export function connect(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request, 'Unknown call-ID');
  const from = call.byTag(need(request, 'from-tag'));
  const to = call.byTag(ngText(request, 'to-tag') ?? need(request, 'to-tag'));
  if (from === undefined) throw new Refusal('From-tag given, but no such tag exists');
  if (to === undefined || to === from) throw new Refusal('To-tag given, but no such tag exists');
  call.lastSignal = relay.clock.wall();
  call.connect(from, to);
  return {};
}
