import { hash } from 'node:crypto';
import type { Credentials } from '../../stores/index.ts';

export type DigestAlgorithm = 'MD5' | 'SHA-256';

const hashName: Record<DigestAlgorithm, string> = { MD5: 'md5', 'SHA-256': 'sha256' };

/** H() of RFC 7616 §3.2, as lower-case hex. */
export function digestHash(algorithm: DigestAlgorithm, text: string): string {
  return hash(hashName[algorithm], text, 'hex');
}

/** What is kept of a password: HA1 for both algorithms (RFC 7616 §3.4.2). */
export function credentialsFor(username: string, realm: string, password: string): Credentials {
  const a1 = `${username}:${realm}:${password}`;
  return Object.freeze({ username, realm, md5: digestHash('MD5', a1), sha256: digestHash('SHA-256', a1) });
}
