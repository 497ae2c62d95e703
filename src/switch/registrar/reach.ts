import type { Binding, BindingStore } from '../../stores/index.ts';

/**
 * What to ring of a user's or a device's bindings: every phone once. A phone that shows itself more than once (under both
 * of its extensions, over several flows, or again after a change of network) is rung at its newest registration
 * (RFC 5626 §5.3). The order stays.
 */
export function onePerPhone(bindings: readonly Binding[]): readonly Binding[] {
  const newest = new Map<string, Binding>();
  for (const binding of bindings) {
    const phone = `${binding.deviceId}\n${binding.instance ?? binding.contact}`;
    const other = newest.get(phone);
    if (other === undefined || binding.refreshedAt > other.refreshedAt) newest.set(phone, binding);
  }
  const kept = new Set([...newest.values()].map((b) => b.id));
  return bindings.filter((b) => kept.has(b.id));
}

/**
 * Whether two registrations are one phone's: it says so by its instance (RFC 5626 §4.1), else by the Contact, or by the
 * Call-ID that it keeps over its registrations (RFC 3261 §10.2).
 */
export function samePhone(a: Binding, b: Binding): boolean {
  if (a.deviceId !== b.deviceId) return false;
  if (a.instance !== undefined || b.instance !== undefined) return a.instance === b.instance;
  return a.contact === b.contact || a.callId === b.callId;
}

/**
 * Call it when a request to a binding could not be delivered (refused by the transport, or 430 of RFC 5626). Over a
 * connection that is final, and the binding goes; a UDP phone may come back, so its binding lasts until it expires.
 * Yields whether it went: not when it was refreshed after `binding` was looked up.
 */
export async function deliveryFailed(bindings: BindingStore, binding: Binding): Promise<boolean> {
  const now = bindings.get(binding.id);
  if (now === undefined || now.flow.protocol === 'udp' || now.refreshedAt !== binding.refreshedAt)
    return false;
  return bindings.remove(binding.id, 'failed');
}
