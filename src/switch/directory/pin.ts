import { scryptSync, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../base/index.ts';

/** Modest on purpose: a PIN has few digits, so what protects it is the limit on attempts, not the cost of one. */
const cost = { N: 1024, r: 8, p: 1 };

/** A PIN as it is kept: `scrypt$salt$hash`, both in hex. */
export function hashPin(pin: string, random: Random): string {
  const salt = random.hex(16);
  return `scrypt$${salt}$${scryptSync(pin, Buffer.from(salt, 'hex'), 32, cost).toString('hex')}`;
}

export function pinMatches(kept: string, pin: string): boolean {
  const [scheme, salt = '', hash = ''] = kept.split('$');
  if (scheme !== 'scrypt') return false;
  const expected = Buffer.from(hash, 'hex');
  const actual = scryptSync(pin, Buffer.from(salt, 'hex'), 32, cost);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
