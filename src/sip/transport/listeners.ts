import { addressBytes, addressFamily, isLoopback, type LocalAddress } from '../../net/index.ts';
import type { Listener, Protocol } from './types.ts';

const sameBits = (a: Uint8Array, b: Uint8Array): number => {
  let bits = 0;
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) ^ (b[i] ?? 0);
    if (difference !== 0) return bits + Math.clz32(difference) - 24;
    bits += 8;
  }
  return bits;
};

type Rank = readonly [reachable: number, subnet: number, external: number, bits: number];

const rank = (listener: Listener, remote: string, prefix: number): Rank => {
  const local = addressBytes(listener.local.address);
  const far = addressBytes(remote);
  const bits = local === undefined || far === undefined ? 0 : sameBits(local, far);
  // From a loopback address nothing but loopback is reached; another address reaches both.
  const reachable = isLoopback(listener.local.address) === isLoopback(remote) ? 2 : 0;
  return [
    reachable || (isLoopback(listener.local.address) ? 0 : 1),
    prefix > 0 && bits >= prefix ? 1 : 0,
    listener.external === undefined ? 0 : 1,
    bits,
  ];
};

const isBetter = (a: Rank, b: Rank): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] ?? 0) > (b[i] ?? 0);
  return false;
};

/**
 * The listener that a request to `remote` leaves from: of that protocol and address family; one that reaches it, then
 * one of the same subnet, one with an external address, the one with most leading bits in common, the first.
 */
export const chooseListener = (
  listeners: readonly Listener[],
  protocol: Protocol,
  remote: string,
  interfaces: readonly LocalAddress[],
): Listener | undefined => {
  const family = addressFamily(remote);
  let best: Listener | undefined;
  let bestRank: Rank | undefined;
  for (const listener of listeners) {
    if (listener.protocol !== protocol || addressFamily(listener.local.address) !== family) continue;
    const prefix = interfaces.find(({ address }) => address === listener.local.address)?.prefix ?? 0;
    const candidate = rank(listener, remote, prefix);
    if (bestRank !== undefined && !isBetter(candidate, bestRank)) continue;
    best = listener;
    bestRank = candidate;
  }
  return best;
};
