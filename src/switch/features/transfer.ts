import type { Call } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import { userOf } from '../call/endpoint.ts';
import type { Leg } from '../call/leg.ts';
import type { InDialogRequest } from '../call/signaling.ts';
import { uriParts } from '../registrar/index.ts';
import { join, mayJoin } from './attended.ts';
import { push, Push, type PushParts, type PushRequest } from './push.ts';
import { parseReplaces, type Replaces } from './replaces.ts';

type TransferParts = PushParts & { readonly calls: Calls };

/**
 * A phone's own transfer key: REFER (RFC 3515) inside a call. To an extension or number it is a push, by which a transfer
 * to one's own device is a flip (decision X9). The outcome is told by NOTIFY, and the phone is released only after that.
 */
export function transfer(parts: TransferParts, call: Call, leg: Leg, request: InDialogRequest): void {
  const referTo = request.get('Refer-To') ?? request.get('r') ?? '';
  const party = call.partyOf(leg);
  const target = uriParts(referTo);
  if (target === undefined || target.user === '')
    return request.respond(400, { reason: 'Refer-To not understood' });
  if (leg.endpoint.kind !== 'device' || party === undefined)
    return request.respond(403, { reason: 'Not allowed to transfer' });
  const by = leg.endpoint.device.extension;
  const asked = { call, party, extension: target.user, by };
  const replaces = replacesIn(referTo);
  return replaces === undefined ? blind(parts, asked, request) : attended(parts, asked, replaces, request);
}

type Asked = Pick<PushRequest, 'call' | 'party' | 'extension' | 'by'>;

/** With consultation: the transferor has called somebody else meanwhile, and names that call (RFC 5589 §7). */
function attended(parts: TransferParts, wanted: Asked, replaces: Replaces, request: InDialogRequest): void {
  const { call, party, by } = wanted;
  const { leg } = party;
  const found = parts.calls.byDialog(replaces);
  const askedParty = found?.call.partyOf(found.leg);
  if (leg === undefined || found === undefined || askedParty === undefined) {
    const ringing = stillRinging(parts.calls, leg, replaces);
    if (ringing === undefined) return request.respond(481, { reason: 'No such call' });
    ringing.end('switch', { cause: 200, text: 'Transferred' });
    return blind(parts, { ...wanted, extension: ringing.callee.identity.number }, request);
  }
  const consultation = { call, party, asked: found.call, askedParty };
  const refused = mayJoin(consultation);
  if (refused !== undefined) return request.respond(403, { reason: refused });
  request.respond(202);
  notify(leg, '100 Trying', false);
  void join(consultation, by, () => notify(leg, '200 OK', true)).then(({ moved, reason }) => {
    if (!moved) notify(leg, `480 ${reason}`, true);
  });
  return undefined;
}

/** The own call that was named and is not answered yet: who rings goes on ringing, for the one who is handed over. */
function stillRinging(calls: Calls, leg: Leg | undefined, { callId }: Replaces): Call | undefined {
  const user = leg && userOf(leg.endpoint);
  return user === undefined
    ? undefined
    : calls
        .ofUser(user.id)
        .find((one) => one.phase === 'ringing' && one.caller.leg?.incoming?.callId === callId);
}

/** The dialog that a Refer-To URI names in its Replaces header (RFC 3891 §7). */
function replacesIn(referTo: string): Replaces | undefined {
  const value = /[?&]Replaces=([^&>\s]*)/i.exec(referTo)?.[1];
  if (value === undefined) return undefined;
  try {
    return parseReplaces(decodeURIComponent(value)) ?? nowhere;
  } catch {
    return nowhere;
  }
}

/** A dialog that is not there. */
const nowhere: Replaces = { callId: '', localTag: '', remoteTag: '', earlyOnly: false };

function blind(parts: PushParts, asked: Asked, request: InDialogRequest): void {
  const { leg } = asked.party;
  if (leg === undefined) return request.respond(481);
  const started = push(parts, {
    ...asked,
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
