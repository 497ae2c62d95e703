import type { DirectoryStore } from '../../stores/index.ts';
import { answerIncoming } from '../call/answer.ts';
import type { Call, Party } from '../call/call.ts';
import type { FlipKind } from '../call/call-view.ts';
import type { Calls } from '../call/calls.ts';
import { identityOf, type Endpoint } from '../call/endpoint.ts';
import { Flip } from '../call/flip.ts';
import type { Leg } from '../call/leg.ts';
import { mediaRefusal } from '../call/media-session.ts';
import { showOther } from '../call/show.ts';
import { SipFailure, type Incoming, type Refusal } from '../call/signaling.ts';
import { moved, swap } from '../call/swap.ts';
import { uriParts } from '../registrar/index.ts';
import { chooseCall, type Candidate } from './choose-call.ts';

type DeviceEndpoint = Extract<Endpoint, { kind: 'device' }>;

/** What a pull would take: the party of a call whose leg is, or whose legs ring, on another device of the user. */
export type Pullable = { readonly call: Call; readonly party: Party; readonly legs: readonly Leg[] };

export type PullParts = { readonly calls: Calls; readonly directory: DirectoryStore };

const refusals = {
  untrusted: { status: 403, reason: 'This device may not take calls over' },
  nothing: { status: 480, reason: 'Nothing to pull' },
  noDevice: { status: 404, reason: 'No such device' },
  notYours: { status: 403, reason: 'Not your device' },
  notAllowed: { status: 403, reason: 'Calls of others may not be taken' },
  nobody: { status: 404, reason: 'No such extension' },
  busy: { status: 486, reason: 'The call is being moved already' },
} as const satisfies Record<string, Refusal>;

/**
 * `*33`, and `*33EXT` with the device to take from: the call comes to the device that dialled it. Composes `swap` for a
 * call that talks, and the ring's own decision for one that rings.
 */
export async function pull(
  parts: PullParts,
  incoming: Incoming,
  puller: Endpoint,
  from: string,
): Promise<Refusal | undefined> {
  if (puller.kind !== 'device') return refusals.notYours;
  if (!puller.device.trusted) return refusals.untrusted;
  const source = sourceOf(parts, puller, from);
  if ('status' in source) return source;
  const chosen = chooseCall(candidates(parts.calls, puller, source.only));
  if (chosen === undefined) return refusals.nothing;
  return take(chosen, incoming, puller);
}

/** The devices that `*33EXT` means, by extension or by name; all others of the user without EXT. */
function sourceOf(
  { directory }: PullParts,
  { user }: DeviceEndpoint,
  from: string,
): Refusal | { readonly only: ((endpoint: DeviceEndpoint) => boolean) | undefined } {
  if (from === '' || from === user.extension) return { only: undefined };
  const device = directory.device(user.domain, from);
  if (device !== undefined)
    return device.userId === user.id
      ? { only: (endpoint) => endpoint.device.id === device.id }
      : refusals.notYours;
  if (directory.user(user.domain, from) !== undefined) return refusals.notYours;
  return isNumber(from) ? refusals.noDevice : { only: (endpoint) => isCalled(endpoint, from) };
}

const isNumber = (text: string): boolean => /^[+\d*#]*$/.test(text);

const plain = (name: string): string => name.toLowerCase().replaceAll(/\s/g, '');

/**
 * Whether a device goes by that name. Phones that share their user's own extension have no other: theirs is what they call
 * themselves (User-Agent), the user part of their contact, or their instance id.
 */
function isCalled({ device }: DeviceEndpoint, name: string): boolean {
  const mark = device.id.slice(device.id.indexOf('#') + 1);
  const shared = mark === device.id ? [] : [mark, uriParts(mark)?.user ?? ''];
  return [device.name, ...shared].some((one) => plain(one) === plain(name));
}

/**
 * The grab code with an extension: a call of another user, or of one device, comes to the device that dialled it
 * (S1-29). Only for users to whom the directory allows it; from then on the call is theirs.
 */
export async function grab(
  parts: PullParts,
  incoming: Incoming,
  grabber: Endpoint,
  extension: string,
): Promise<Refusal | undefined> {
  if (grabber.kind !== 'device' || grabber.user.mayGrab !== true) return refusals.notAllowed;
  if (!grabber.device.trusted) return refusals.untrusted;
  const destination = parts.directory.resolve(grabber.user.domain, extension);
  if (destination?.kind !== 'user' && destination?.kind !== 'device') return refusals.nobody;
  const only =
    destination.kind === 'user'
      ? undefined
      : ({ device }: DeviceEndpoint) => device.id === destination.device.id;
  const owner = { ...grabber, user: destination.user };
  const chosen = chooseCall(candidates(parts.calls, owner, only));
  if (chosen === undefined) return { ...refusals.nothing, reason: 'Nothing to take' };
  return take(chosen, incoming, grabber, destination.user.id === grabber.user.id ? 'pull' : 'grab');
}

/** Everything of the user's that speaks or rings on another device. */
function candidates(
  calls: Calls,
  puller: DeviceEndpoint,
  only: ((endpoint: DeviceEndpoint) => boolean) | undefined,
): Candidate<Pullable>[] {
  // A device that was lost may be the one that comes back for its call.
  const isSource = (leg: Leg | undefined, isLost = false): leg is Leg =>
    leg?.endpoint.kind === 'device' &&
    leg.endpoint.user.id === puller.user.id &&
    (isLost || leg.endpoint.device.id !== puller.device.id) &&
    (only === undefined || only(leg.endpoint));
  return calls.ofUser(puller.user.id).flatMap((call): Candidate<Pullable>[] => {
    const { startedAt } = call;
    if (call.phase === 'talking')
      return [call.caller, call.callee]
        .filter((party) => isSource(party.leg, party.lost))
        .map((party) => ({
          what: { call, party, legs: party.leg === undefined ? [] : [party.leg] },
          state: call.other(party).leg?.holds || party.leg?.holds ? ('held' as const) : ('talking' as const),
          startedAt,
        }));
    if (call.phase !== 'ringing') return [];
    const ringing = (call.ringing?.legs ?? []).filter((leg) => isSource(leg));
    if (ringing.length > 0)
      return [{ what: { call, party: call.callee, legs: ringing }, state: 'ringing', startedAt }];
    // The user's own call that still rings elsewhere.
    const { leg } = call.caller;
    return isSource(leg)
      ? [{ what: { call, party: call.caller, legs: [leg] }, state: 'ringing', startedAt }]
      : [];
  });
}

/** Brings the chosen call to the device whose INVITE this is. */
export async function take(
  chosen: Pullable,
  incoming: Incoming,
  puller: DeviceEndpoint,
  kind: FlipKind = 'pull',
): Promise<Refusal | undefined> {
  const { call, party } = chosen;
  const claim = call.operations.outrank('pull');
  if (claim === undefined) return refusals.busy;
  const flip = new Flip(call, kind, party, { by: puller.device.extension, to: puller.device.extension });
  try {
    const leg = call.newLeg(party, puller, incoming);
    incoming.onCancel((reason) => leg.over(reason));
    if (call.phase === 'ringing')
      return await (party === call.caller ? takeOutgoing : takeRinging)(call, leg, flip);
    const measures = await swap(call, party, {
      next: leg,
      connect: async (confirmed) => {
        await answerIncoming(call, party, leg, confirmed);
        flip.answered(puller);
      },
      settled: () => {
        if (kind === 'grab') party.identity = identityOf(puller);
        claim.release();
      },
    });
    showOther(call, leg);
    flip.moved(measures);
    return undefined;
  } catch (error) {
    const refusal =
      error instanceof SipFailure ? { status: error.status, reason: error.message } : mediaRefusal(error);
    flip.failed(refusal.reason);
    return refusal;
  } finally {
    claim.release();
  }
}

/** The puller answers like any device that rings: the fork decides whether it was first, and the call's own way goes on. */
async function takeRinging(call: Call, leg: Leg, flip: Flip): Promise<Refusal | undefined> {
  if (call.ringing?.take(leg) !== true) {
    flip.failed(refusals.nothing.reason);
    return refusals.nothing;
  }
  await settled(call, leg);
  if (leg.state !== 'active') throw new SipFailure(480, 'The call could not be answered');
  showOther(call, leg);
  flip.answered(leg.endpoint);
  flip.moved({});
  return undefined;
}

/** The user's own call goes on ringing at the other side; from here on the puller is who waits for the answer. */
async function takeOutgoing(call: Call, leg: Leg, flip: Flip): Promise<Refusal | undefined> {
  const old = call.caller.leg;
  const { incoming } = leg;
  if (incoming === undefined || old === undefined || leg.state === 'ended') return refusals.nothing;
  call.caller.leg = leg;
  incoming.onCancel((reason) => {
    if (leg.over(reason)) call.end('caller', reason ?? { cause: 487, text: 'Cancelled by the caller' });
  });
  incoming.progress(180);
  old.end(moved);
  await settled(call, leg);
  if (leg.state !== 'active') {
    flip.failed('Nobody answered');
    return undefined;
  }
  showOther(call, leg);
  flip.answered(leg.endpoint);
  flip.moved({});
  return undefined;
}

/** Resolves once the call that rings has been answered, or is over; a leg that went its way before is not waited for. */
export function settled(call: Call, leg?: Leg): Promise<void> {
  const { events } = call.context;
  return new Promise((resolve) => {
    const offs: (() => void)[] = [];
    const done = (view: { readonly id: string }) => {
      if (view.id !== call.id) return;
      for (const off of offs) off();
      resolve();
    };
    offs.push(events.on('answered', done), events.on('ended', done));
    if (leg?.state !== 'ringing' && call.phase !== 'ringing') done(call);
  });
}
