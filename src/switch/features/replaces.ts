import type { Calls } from '../call/calls.ts';
import type { Endpoint } from '../call/endpoint.ts';
import type { DialogId, Incoming, Refusal } from '../call/signaling.ts';
import { take } from './pull.ts';

export type Replaces = DialogId & { readonly earlyOnly: boolean };

/** The Replaces header (RFC 3891 §6.1): its to-tag is ours, its from-tag the phone's. `undefined` when it is none. */
export function parseReplaces(value: string): Replaces | undefined {
  const [callId = '', ...parameters] = value.split(';').map((part) => part.trim());
  const named = new Map(
    parameters.map((parameter) => {
      const [name = '', tag = ''] = parameter.split('=', 2);
      return [name.trim().toLowerCase(), tag.trim()] as const;
    }),
  );
  const localTag = named.get('to-tag') ?? '';
  const remoteTag = named.get('from-tag') ?? '';
  if (callId === '' || localTag === '' || remoteTag === '') return undefined;
  return { callId, localTag, remoteTag, earlyOnly: named.has('early-only') };
}

/**
 * An INVITE that replaces a dialog of another own device: the same as a pull that names the call. The replaced dialog
 * ends only after the new one is accepted (RFC 3891 §3).
 */
export function replace(
  calls: Calls,
  value: string,
  incoming: Incoming,
  puller: Endpoint,
): Promise<Refusal | undefined> | Refusal {
  const replaces = parseReplaces(value);
  if (replaces === undefined) return { status: 400, reason: 'Replaces not understood' };
  const found = calls.byDialog(replaces);
  if (found === undefined) return { status: 481, reason: 'No such call' };
  const { call, leg } = found;
  if (puller.kind !== 'device' || leg.endpoint.kind !== 'device' || leg.endpoint.user.id !== puller.user.id)
    return { status: 403, reason: 'Not your call' };
  if (!puller.device.trusted) return { status: 403, reason: 'This device may not take calls over' };
  if (leg.dialog !== undefined && replaces.earlyOnly) return { status: 486, reason: 'Answered already' };
  const party = call.party(leg.side);
  // RFC 3891 §3: an early dialog may be replaced only where we are the one that called.
  const mayBe = leg.dialog === undefined ? call.ringing?.legs.includes(leg) === true : party.leg === leg;
  if (!mayBe) return { status: 481, reason: 'No such call' };
  return take({ call, party, legs: [leg] }, incoming, puller, 'replaces');
}
