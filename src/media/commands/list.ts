import { ngNumber, type NgDictionary } from '../../ng/index.ts';
import type { Relay } from '../relay/relay.ts';

/** The ids of up to `limit` calls (32). */
export function list(relay: Relay, request: NgDictionary): NgDictionary {
  return { calls: [...relay.calls.keys()].slice(0, Math.max(0, ngNumber(request, 'limit') ?? 32)) };
}
