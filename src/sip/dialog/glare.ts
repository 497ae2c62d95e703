import type { Random } from '../../base/index.ts';

/**
 * Milliseconds to wait before an INVITE that met 491 is tried again (RFC 3261 §14.1): 2.1 to 4 s for the side that made
 * the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
 */
export const glareDelay = (ownsCallId: boolean, random: Random): number => {
  const step = (from: number, to: number) => (from + Math.floor(random.unit() * (to - from + 1))) * 10;
  return ownsCallId ? step(210, 400) : step(0, 200);
};
