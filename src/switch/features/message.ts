import type { Clock } from '../../base/index.ts';
import type { Binding, BindingStore, DirectoryStore } from '../../stores/index.ts';
import { identityOf, type Endpoint } from '../call/endpoint.ts';
import { callerHeaders } from '../call/identity.ts';
import type { Refusal, Signaling, SipRequest } from '../call/signaling.ts';
import { onePerPhone, routeTo } from '../registrar/index.ts';

export type MessageParts = {
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly signaling: Signaling;
  readonly clock: Clock;
};

/** RFC 3428 §8 wants no more than 1300 octets on a path that may have UDP in it; a phone that splits nothing gets more. */
const longest = 8192;
/** Who sends is not kept waiting for a phone that may be gone (RFC 3428 §7: 202). */
const waitMs = 5000;

const nobody: Refusal = { status: 404, reason: 'No such extension' };
const away: Refusal = { status: 480, reason: 'Not registered' };
const delivered: Refusal = { status: 200, reason: 'OK' };
const accepted: Refusal = { status: 202, reason: 'Accepted' };

/**
 * A text from a device to an extension, outside any call (RFC 3428): to every phone of that user or device but the one
 * that sends it. Delivered when the first has it. Yields what the sender is answered.
 */
export async function deliver(
  parts: MessageParts,
  request: SipRequest,
  sender: Endpoint,
  dialled: string,
): Promise<Refusal> {
  if (sender.kind !== 'device') return { status: 403, reason: 'Not known here' };
  if (request.body.length > longest) return { status: 413, reason: 'Message too large' };
  const { domain } = sender.user;
  const to = phonesOf(parts, domain, dialled);
  if (to === undefined) return nobody;
  const phones = onePerPhone(to).filter((binding) => binding.deviceId !== sender.device.id);
  if (phones.length === 0) return away;
  const callee = { domain, number: dialled, name: '', withheld: false };
  const headers = {
    ...callerHeaders(identityOf(sender), 'device', callee),
    'Content-Type': request.get('Content-Type') ?? 'text/plain',
  };
  return firstAnswer(
    parts.clock,
    phones.map((binding) =>
      parts.signaling.request('MESSAGE', routeTo(binding), { headers, body: request.body }),
    ),
  );
}

function phonesOf(
  { directory, bindings }: MessageParts,
  domain: string,
  dialled: string,
): readonly Binding[] | undefined {
  const found = directory.resolve(domain, dialled);
  if (found?.kind === 'user') return bindings.ofUser(found.user.id);
  return found?.kind === 'device' ? bindings.ofDevice(found.device.id) : undefined;
}

/** The first phone that has it decides; if none has, it went nowhere. */
async function firstAnswer(clock: Clock, asked: readonly Promise<{ status: number }>[]): Promise<Refusal> {
  const late = Promise.withResolvers<Refusal>();
  const timer = clock.after(waitMs, () => late.resolve(accepted));
  const each = asked.map(async (one) => {
    const { status } = await one;
    if (status < 200 || status >= 300) throw new Error(String(status));
    return delivered;
  });
  try {
    return await Promise.race([Promise.any(each), late.promise]);
  } catch {
    return { status: 480, reason: 'Not delivered' };
  } finally {
    timer.cancel();
  }
}
