import type { Call } from '../call/call.ts';
import type { Leg } from '../call/leg.ts';
import type { InDialogRequest } from '../call/signaling.ts';
import { uriParts } from '../registrar/index.ts';
import { push, Push, type PushParts } from './push.ts';

/**
 * A phone's own transfer key: REFER (RFC 3515) inside a call. To an extension or number it is a push, by which a transfer
 * to one's own device is a flip (decision X9). The outcome is told by NOTIFY, and the phone is released only after that.
 */
export function transfer(parts: PushParts, call: Call, leg: Leg, request: InDialogRequest): void {
  const referTo = request.get('Refer-To') ?? request.get('r') ?? '';
  const party = call.partyOf(leg);
  const target = uriParts(referTo);
  if (target === undefined || target.user === '')
    return request.respond(400, { reason: 'Refer-To not understood' });
  if (leg.endpoint.kind !== 'device' || party === undefined)
    return request.respond(403, { reason: 'Not allowed to transfer' });
  if (/[?&]Replaces=/i.test(referTo))
    return request.respond(501, { reason: 'Only transfers without consultation' });
  const started = push(parts, {
    call,
    party,
    extension: target.user,
    by: leg.endpoint.device.extension,
    kind: 'transfer',
    answered: () => notify(leg, '200 OK', true),
  });
  if (!(started instanceof Push)) return request.respond(started.status, { reason: started.reason });
  request.respond(202);
  notify(leg, '100 Trying', false);
  void started.done.then((moved) => {
    if (!moved) notify(leg, '480 Temporarily Unavailable', true);
  });
  return undefined;
}

/** RFC 3515 §2.4.4: what became of it, as the status line that the target gave. */
function notify(leg: Leg, statusLine: string, final: boolean): void {
  void leg.dialog?.request('NOTIFY', {
    headers: {
      Event: 'refer',
      'Subscription-State': final ? 'terminated;reason=noresource' : 'active;expires=60',
      'Content-Type': 'message/sipfrag;version=2.0',
    },
    body: `SIP/2.0 ${statusLine}\r\n`,
  });
}
