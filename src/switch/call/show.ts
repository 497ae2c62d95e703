import type { Call } from './call.ts';
import { connectedHeaders } from './identity.ts';
import type { Leg } from './leg.ts';

/**
 * Tells a phone that dialled a code whom it is connected to: by UPDATE without an offer (RFC 3311), where it takes one.
 * Some look at nothing else; the others have it from the 200. A re-INVITE would say the same and put the sound at risk.
 */
export function showOther(call: Call, leg: Leg): void {
  const party = call.partyOf(leg);
  if (party === undefined || leg.state !== 'active' || leg.dialog?.allows?.('UPDATE') !== true) return;
  void leg.dialog.request('UPDATE', { headers: connectedHeaders(call.other(party).identity) });
}
