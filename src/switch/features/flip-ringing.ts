import type { Device } from '../../stores/index.ts';
import type { Call } from '../call/call.ts';
import { Flip } from '../call/flip.ts';
import type { Target } from '../call/ring.ts';
import type { Refusal } from '../call/signaling.ts';
import { onePerPhone, routeTo } from '../registrar/index.ts';
import { endpointOf } from '../routing/plan.ts';
import { settled } from './pull.ts';
import type { PushParts } from './push.ts';

export type RingTooRequest = {
  readonly call: Call;
  readonly userId: string;
  /** One device, or all of the user's that do not ring yet. */
  readonly device: Device | undefined;
  readonly by: string;
};

const nobody: Refusal = { status: 409, reason: 'Not registered' };
const over: Refusal = { status: 409, reason: 'It rings no more' };

/**
 * A call that still rings is moved by ringing another device of its user too, one that a cold route or a rule has left out.
 * The others ring on: whoever answers first has the call, as ever, and if nobody does nothing has happened.
 */
export function ringToo(parts: PushParts, request: RingTooRequest): Flip | Refusal {
  const { call, device, by } = request;
  const ring = call.ringing;
  if (ring?.open !== true) return over;
  const targets = targetsOf(parts, request);
  if (targets.length === 0) return nobody;
  const to = device === undefined ? {} : { to: device.extension };
  const flip = new Flip(call, 'push', call.callee, { by, ...to });
  for (const target of targets) ring.join(target);
  void outcome(call, flip, targets);
  return flip;
}

function targetsOf({ directory, bindings }: PushParts, { userId, device }: RingTooRequest): Target[] {
  const registered = device === undefined ? bindings.ofUser(userId) : bindings.ofDevice(device.id);
  return onePerPhone(registered).flatMap((binding) => {
    const endpoint = endpointOf(directory, binding);
    return endpoint?.device.trusted === true ? [{ endpoint, route: routeTo(binding) }] : [];
  });
}

async function outcome(call: Call, flip: Flip, targets: readonly Target[]): Promise<void> {
  const rung = new Set(targets.map(({ endpoint }) => (endpoint.kind === 'device' ? endpoint.device.id : '')));
  await settled(call);
  const answerer = call.callee.leg?.endpoint;
  if (call.phase !== 'talking') flip.failed('Nobody answered');
  else if (answerer?.kind === 'device' && rung.has(answerer.device.id)) {
    flip.answered(answerer);
    flip.moved({});
  } else flip.failed('Answered on another device');
}
